import pytest

from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.wire import origin
from imagejobs_contract.wire.origin import Origin

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
JOB = ImageJob(JobKey("shop", "j1"), Spec(), labels={names.LABEL_CALLER: "ada"})


def test_a_job_tells_where_it_came_from():
    job = Origin("order-17", HEADER).annotate(JOB)
    assert Origin.of(job) == Origin("order-17", HEADER)
    assert origin.log_facts(job) == {
        "job_id": "j1",
        "namespace": "shop",
        "caller": "ada",
        "request_id": "order-17",
    }
    assert origin.environment(job, Origin.of(job)) == {
        "IMAGEJOB_REQUEST_ID": "order-17",
        "IMAGEJOB_CALLER": "ada",
        "TRACEPARENT": HEADER,
    }


def test_a_job_that_no_request_made_names_none():
    assert Origin().annotate(JOB) == JOB
    assert origin.log_facts(JOB) == {"job_id": "j1", "namespace": "shop", "caller": "ada"}


@pytest.mark.parametrize("text", ["a b", "x" * 65, 'a"b', "a\nb", "ä"], ids=repr)
def test_an_annotation_that_somebody_wrote_by_hand_reaches_no_log(text):
    job = ImageJob(
        JOB.key, JOB.spec, annotations={names.ANNOTATION_REQUEST: text, names.ANNOTATION_TRACEPARENT: text}
    )
    assert Origin.of(job) == Origin()
