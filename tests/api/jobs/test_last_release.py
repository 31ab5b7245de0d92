"""Jobs of the last release, whose outputs lie under their name alone, stay reachable."""

import io
import zipfile

import httpx2

from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status


def store(service):
    """Store a job as the last release left it, and the result of a job of that name in another namespace.

    Returns:
        Its name.
    """
    name = names.new_job_id()
    output = OutputFile("default", f"outputs/{name}/a.jpg", 4, 3, Format.JPEG, 3)
    outcomes = (Outcome(0, "a.jpg", outputs=(output,)),)
    status = Status(state=State.SUCCEEDED, attempt=1, counts=Counts(1, 0, 1, 0), outcomes=outcomes)
    job = ImageJob(JobKey("default", name), Spec((Item("a.jpg", "uploads/u/0"),)))
    stored = service.store_job(job, status)
    for key, uid in ((output.key, stored.uid), (f"outputs/{name}/b.jpg", "another")):
        service.put_object(key, b"old", uid=uid)
    return name


def test_results_of_the_last_release_are_downloaded_one_by_one_and_as_an_archive(service):
    name = store(service)
    link = service.http.get(f"/api/download/{name}-0").headers["Location"]
    assert httpx2.get(link).content == b"old"
    archive = zipfile.ZipFile(io.BytesIO(service.http.get(f"/api/jobs/{name}/archive").content))
    assert {each: archive.read(each) for each in archive.namelist()} == {"a.jpg": b"old"}


def test_results_of_the_last_release_go_with_their_job_and_nothing_of_a_namesake_does(service):
    name = store(service)
    assert service.http.delete(f"/api/jobs/{name}?outputs=true").status_code == 204
    assert service.keys(f"outputs/{name}/") == [f"outputs/{name}/b.jpg"]
