import asyncio
import io
import json
import logging

import pytest

from imagejobs_contract.runtime import logs
from imagejobs_contract.runtime.logs import JsonFormatter


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
    assert line == {
        "level": "error",
        "program": "worker",
        "event": "image é.jpg failed",
        "job_id": "j1",
        "image": 3,
    }


def test_line_feeds_and_odd_values_do_not_break_the_line():
    line = logged("a\nb", extra={"reason": ValueError("x\ny")})
    assert (line["event"], line["reason"]) == ("a\nb", "x\ny")


def test_a_traceback_is_in_the_line():
    try:
        raise ValueError("why")
    except ValueError:
        line = logged("failed", exc_info=True)
    assert "ValueError: why" in line["error"]


@pytest.mark.parametrize("level", ["DEBUG", "ERROR"])
def test_that_a_program_is_ready_is_logged_at_every_level(level, capsys):
    before = logging.root.handlers[:], logging.root.level
    try:
        logs.configure("api", level)
        logging.getLogger("x").info("something else")
        logs.say_ready(url="http://127.0.0.1:1")
    finally:
        logging.root.handlers[:], logging.root.level = before
        logging.captureWarnings(False)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["something else"] * (level == "DEBUG") + ["ready"]
    assert (lines[-1]["level"], lines[-1]["url"]) == ("info", "http://127.0.0.1:1")


def test_all_lines_of_a_piece_of_work_name_what_it_is_about():
    with logs.bound(job_id="j1", caller="", request_id=None):
        logs.bind(request_id="r1")
        with logs.bound(image=0):
            inner = logged("ended", extra={"job_id": "j2"})
        outer = logged("ended")
    assert (inner["job_id"], inner["request_id"], inner["image"]) == ("j2", "r1", 0)
    assert (outer["job_id"], outer["request_id"], "image" in outer, "caller" in outer) == (
        "j1",
        "r1",
        False,
        False,
    )
    assert not {"job_id", "request_id"} & logged("idle").keys()


def test_tasks_side_by_side_do_not_name_each_other():
    async def work(name: str) -> dict:
        logs.bind(job_id=name)
        await asyncio.sleep(0)  # the other's turn
        return logged("ended")

    async def both() -> list[dict]:
        return await asyncio.gather(work("a"), work("b"))

    assert [line["job_id"] for line in asyncio.run(both())] == ["a", "b"]
