import pytest
from obstore.exceptions import GenericError

from imagejobs_contract.errors import ImageJobsError, Misconfigured, Unavailable
from imagejobs_contract.s3.client import s3_errors

ASKED = "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 1.3ms"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"{ASKED} - Server returned non-2xx status code: 403 Forbidden: denied", Misconfigured),
        (f"{ASKED}, after 3 retries - HTTP error: error sending request", Unavailable),
    ],
    ids=["refused", "not there"],
)
def test_missing_credentials_are_named_and_not_taken_for_a_refusal_of_s3(text, kind):
    with pytest.raises(ImageJobsError) as told, s3_errors("photos/a.jpg"):
        raise GenericError(text)
    assert type(told.value) is kind
    assert "no S3 credentials: AWS_ACCESS_KEY_ID is not set" in str(told.value)
