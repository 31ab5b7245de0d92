"""Which files go together, and how results are called."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from imagejobs.client import batches

JPEG = {"variant": "default", "format": "jpeg"}


@given(st.lists(st.integers(0, 90_000_000), max_size=200))
def test_batches_hold_every_file_once_in_order_and_keep_their_bounds(sizes):
    files = [(Path(str(number)), size) for number, size in enumerate(sizes)]
    found = list(batches.split(files))
    assert [path for batch in found for path in batch] == [path for path, _ in files]
    for batch in found:
        assert 1 <= len(batch) <= batches.MAX_BATCH_FILES
        assert len(batch) == 1 or sum(sizes[int(path.name)] for path in batch) <= batches.MAX_BATCH_BYTES


def test_a_result_has_the_name_of_its_picture_and_the_extension_of_its_format(tmp_path):
    assert batches.name_outputs("a b.PNG", [JPEG], tmp_path, set()) == [tmp_path / "a-b.jpg"]


def test_of_several_results_each_has_the_name_of_its_variant(tmp_path):
    outputs = [{"variant": "thumb", "format": "webp"}, {"variant": "web", "format": "avif"}]
    found = batches.name_outputs("a.jpg", outputs, tmp_path, set())
    assert [path.name for path in found] == ["a-thumb.webp", "a-web.avif"]


def test_nothing_that_is_taken_is_written_over(tmp_path):
    taken = {tmp_path / "a.jpg", tmp_path / "a-2.jpg"}
    assert batches.name_outputs("a.jpg", [JPEG], tmp_path, taken) == [tmp_path / "a-3.jpg"]


def test_a_name_leads_to_no_other_folder(tmp_path):
    for name in ("../../etc/passwd.jpg", "/etc/passwd", "..", ""):
        (path,) = batches.name_outputs(name, [JPEG], tmp_path, set())
        assert path.parent == tmp_path
