"""Each nasty file ends in its code, in the cage, and a child that failed by one is replaced."""

import asyncio

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Variant
from imagejobs_worker.child.decoder import Decoder
from imagejobs_worker.imaging import file_check
from support.images import hostile_files, pictures

FILES = hostile_files.files()
SMALL = [Variant(width=20)]


@pytest.fixture(scope="module")
def outcome():
    """Renders a file in a child and returns the code that it ended in."""
    loop, decoder = asyncio.new_event_loop(), Decoder(Limits(image_seconds=10))
    loop.run_until_complete(decoder.start())

    def code_of(data):
        try:
            loop.run_until_complete(decoder.render(data, SMALL))
        except ImageFailed as ex:
            assert decoder.child_pid is None or ruled_out(data)
            return ex.code
        return None

    yield code_of
    loop.run_until_complete(decoder.close())
    loop.close()


def ruled_out(data):
    """Return whether the first bytes rule the file out; no child sees such a file."""
    try:
        file_check.check_file(data, Limits(), heic=False)
    except ImageFailed:
        return True
    return False


@pytest.mark.parametrize("name", FILES)
def test_a_nasty_file_ends_in_its_code(outcome, name):
    data, code = FILES[name]
    assert outcome(data) == code


@pytest.mark.parametrize("form", pictures.FORMATS)
@pytest.mark.parametrize("eighths", range(1, 8))
def test_a_file_cut_anywhere_is_refused(outcome, form, eighths):
    whole = pictures.saved(pictures.photo(120, 90), form)
    assert outcome(whole[: len(whole) * eighths // 8]) is Code.CORRUPT_IMAGE


def test_there_are_many():
    assert len(FILES) >= 60
