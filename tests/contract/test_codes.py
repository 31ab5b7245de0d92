import pytest

from imagejobs_contract import errors
from imagejobs_contract.codes import MEANINGS, Code, meaning
from imagejobs_contract.errors import Fault, ImageFailed, ImageJobsError, Invalid, Unavailable

CLASSES = [
    each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ImageJobsError)
]


@pytest.mark.parametrize("code", list(Code))
def test_every_code_says_its_status_and_a_sentence(code):
    told = meaning(code)
    assert 400 <= told.http_status < 600
    assert told.sentence.endswith(".")
    assert told.sentence[0].isupper()
    assert len(told.sentence) < 100


def test_no_meaning_stands_without_its_code():
    assert set(MEANINGS) == set(Code)


@pytest.mark.parametrize(
    "code",
    [code for code in Code if meaning(code).http_status in (429, 500, 503) and code != Code.MISCONFIGURED],
)
def test_what_may_pass_is_retryable(code):
    assert meaning(code).retryable


@pytest.mark.parametrize(
    "code",
    [Code.NOT_AN_IMAGE, Code.CORRUPT_IMAGE, Code.TOO_MANY_PIXELS, Code.INVALID_OPTIONS, Code.NOT_FOUND],
)
def test_what_stays_as_it_is_is_not_retryable(code):
    assert not meaning(code).retryable


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_carries_a_code(kind):
    assert kind.code in Code


def test_an_error_without_words_uses_its_codes():
    assert str(ImageFailed(code=Code.CORRUPT_IMAGE)) == meaning(Code.CORRUPT_IMAGE).sentence
    assert ImageFailed("cut", code=Code.CORRUPT_IMAGE).message == "cut"


def test_an_instances_code_is_its_own():
    ImageFailed(code=Code.CORRUPT_IMAGE)
    assert ImageFailed().code == Code.INTERNAL_ERROR


def test_invalid_tells_all_faults_in_one_message():
    assert str(Invalid([Fault("a", "is bad"), Fault("b", "is worse")])) == "a: is bad; b: is worse"


def test_unavailable_may_say_when_to_come_again():
    assert Unavailable("x", retry_after_seconds=2.5).retry_after_seconds == 2.5
