import re

from hypothesis import strategies as st

from imagejobs_contract.model import output_names
from imagejobs_contract.model.options import Format
from imagejobs_contract.wire import s3_keys

NAMES = st.lists(
    st.sampled_from(
        ["a.jpg", "A.JPG", "a.png", "a-2.jpg", "", "2", "-3.gif", "写.png", "b/a.jpg", "b\\a.jpg"]
    )
    | st.text(max_size=8),
    max_size=12,
)
SAFE = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", re.ASCII)


def test_a_result_is_named_by_its_image_else_by_its_number():
    assert s3_keys.output("outputs/j1", 3, "me.heic", "default", Format.JPEG) == "outputs/j1/me.jpg"
    assert s3_keys.output("outputs/j1/", 3, "", "default", Format.WEBP) == "outputs/j1/3.webp"
    assert s3_keys.output("outputs/j1", 3, "写.png", "thumb", Format.PNG) == "outputs/j1/3-thumb.png"


def test_keys_of_a_job_lie_under_its_prefix_and_uploads_under_theirs():
    under = [s3_keys.spec("u"), s3_keys.manifest("u"), s3_keys.offsets("u"), s3_keys.results("u", 7)]
    assert all(key.startswith(s3_keys.job("u")) for key in under)
    assert len(set(under)) == 4
    assert s3_keys.upload("x", 0).startswith(s3_keys.uploads("x"))
    assert s3_keys.uploads("x").endswith("/")


def test_the_default_prefix_of_outputs_could_be_written_in_a_spec():
    assert re.fullmatch(
        output_names.PREFIX_PATTERN,
        output_names.default_prefix("a" * 63, "j1", "0c7f1e8a-4b4c-4f9e-8d1a-3b5c7d9e0f12"),
    )
