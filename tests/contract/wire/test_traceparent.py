import pytest

from imagejobs_contract.wire import traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (GOOD, GOOD), (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"), (f"00-{TRACE}-{SPAN}-ff", GOOD),
        (f"00-{TRACE}-{SPAN}-02", f"00-{TRACE}-{SPAN}-00"),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", GOOD),
    ],
)  # fmt: skip
def test_a_header_is_read(text, read):
    assert traceparent.clean(text) == read
    assert (traceparent.trace_id(read), traceparent.is_sampled(read)) == (TRACE, text[53:55] in {"01", "ff"})


@pytest.mark.parametrize(
    "text",
    [
        "", "00", GOOD.upper(), GOOD + "-more", GOOD + "\n", f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{SPAN}-1",
        f"cc-{TRACE}-{SPAN}-01.x", "cc-" + GOOD[3:] + "-" + "x" * 500, GOOD.replace("a", "\u0661"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_header_is_none(text):
    assert traceparent.clean(text) == ""
