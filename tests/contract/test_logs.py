import io
import json
import logging

from imagejobs_contract.logs import JsonFormatter


def logged(*arguments, **more) -> dict:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("worker"))
    log = logging.Logger("test")
    log.addHandler(handler)
    log.error(*arguments, **more)
    (line,) = stream.getvalue().splitlines()
    return json.loads(line)


def test_a_record_is_one_line_of_json_with_what_the_caller_adds():
    line = logged("image %s failed", "é.jpg", extra={"job_id": "j1", "image": 3})
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "error", "program": "worker", "event": "image é.jpg failed", "job_id": "j1", "image": 3}


def test_line_feeds_and_odd_values_do_not_break_the_line():
    line = logged("a\nb", extra={"reason": ValueError("x\ny")})
    assert (line["event"], line["reason"]) == ("a\nb", "x\ny")


def test_a_traceback_is_in_the_line():
    try:
        raise ValueError("why")
    except ValueError:
        line = logged("failed", exc_info=True)
    assert "ValueError: why" in line["error"]
