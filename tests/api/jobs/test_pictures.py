"""GET /api/jobs/{id}/results?as=picture: elements that a browser's parser reads back, whatever the names."""

from dataclasses import replace
from html.parser import HTMLParser

import httpx2
import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.placeholder import Placeholder
from support.api.client import fault_names

NASTY = 'a"><script>alert(1)</script>&.jpg'


def file(jobs, variant: str, form: Format, width: int, height: int) -> OutputFile:
    key = f"shop/{NASTY[:-4]} {variant}.{form.extension}"
    stored = jobs.put_output(key, b"x")
    return OutputFile(variant, stored.key, width, height, form, 1)


@pytest.fixture
def job(jobs):
    outputs = (
        file(jobs, "s", Format.JPEG, 400, 267),
        file(jobs, "l", Format.JPEG, 1200, 800),
        file(jobs, "sw", Format.WEBP, 400, 267),
        file(jobs, "lw", Format.WEBP, 1200, 800),
        file(jobs, "la", Format.AVIF, 1200, 800),
        file(jobs, "square", Format.JPEG, 300, 300),
        file(jobs, "scan", Format.TIFF, 1200, 800),
    )
    scan = (file(jobs, "scan2", Format.TIFF, 10, 10),)
    outcomes = [
        Outcome(0, NASTY, outputs=outputs), Outcome(1, "b", code=Code.CORRUPT_IMAGE),
        Outcome(2, "c.tif", outputs=scan), Outcome(3, "d.jpg", outputs=outputs[:1]),
    ]  # fmt: skip
    return jobs.add(outcomes, "shop")


def test_a_placeholder_is_told_as_data_of_the_element(service, jobs):
    shown = Placeholder("PwgCBwBoeix4eHeHiPiHeIeHBQAAAAAA", "#0a78c8")
    output = replace(file(jobs, "p", Format.JPEG, 400, 267), placeholder=shown)
    job = jobs.add([Outcome(0, "a.jpg", outputs=(output,))], "shop")
    (picture,) = pictures(service, job)["pictures"]
    assert (picture["thumbhash"], picture["main_colour"]) == shown
    _, image = Elements(picture["html"]).found[-1]
    assert (image["data-thumbhash"], image["data-main-colour"]) == shown
    assert "style" not in image
    (result,) = service.client.results(job.key.name).json()["results"]
    assert (result["outputs"][0]["thumbhash"], result["outputs"][0]["main_colour"]) == shown


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def pictures(service, job, **query):
    answer = service.client.results(job.key.name, **{"as": "picture"}, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_image_is_a_picture_of_its_sizes_and_encodings(service, job):
    body = pictures(service, job, sizes="50vw")
    assert [each["job_id"] for each in body["pictures"]] == [f"{job.key.name}-0", f"{job.key.name}-3"]
    first = body["pictures"][0]
    assert [each["type"] for each in first["sources"]] == ["image/avif", "image/webp", "image/jpeg"]
    webp = [part.split(" ") for part in first["sources"][1]["srcset"].split(", ")]
    assert [width for _, width in webp] == ["400w", "1200w"]
    assert all(httpx2.get(url).status_code == 200 for url, _ in webp)
    assert (first["width"], first["height"], first["sizes"]) == (1200, 800, "50vw")
    assert "square" not in first["html"]


def test_the_element_reads_back_as_it_was_meant(service, job):
    first = pictures(service, job)["pictures"][0]
    found = Elements(first["html"]).found
    assert [tag for tag, _ in found] == ["picture", "source", "source", "source", "img"]
    assert found[-1][1] == {
        "src": first["src"], "width": "1200", "height": "800", "alt": NASTY.removesuffix(".jpg"),
        "loading": "lazy", "decoding": "async",
    }  # fmt: skip
    assert found[1][1]["srcset"] == first["sources"][0]["srcset"]


def test_files_may_be_served_from_elsewhere(service, job):
    first = pictures(service, job, base="https://cdn.example.org/shop/")["pictures"][0]
    assert first["src"].startswith("https://cdn.example.org/shop/a%22%3E%3Cscript%3E")
    assert "X-Amz" not in first["html"]


def test_pictures_come_in_pages(service, job):
    page = service.client.results(job.key.name, **{"as": "picture", "limit": 1, "base": "/img"})
    again = service.http.get(page.links["next"]["url"]).json()
    found = [each["job_id"] for each in page.json()["pictures"]]
    while again["pictures"] or again["next_cursor"]:
        found += [each["job_id"] for each in again["pictures"]]
        query = {"as": "picture", "limit": 1, "cursor": again["next_cursor"] or 4}
        again = service.client.results(job.key.name, **query).json()
    assert found == [f"{job.key.name}-0", f"{job.key.name}-3"]
    last = service.client.results(job.key.name, **{"as": "picture", "cursor": 3}).json()
    assert ([each["name"] for each in last["pictures"]], last["next_cursor"]) == (["d.jpg"], None)


@pytest.mark.parametrize(
    "query",
    [{"as": "film"}, {"as": "picture", "base": "javascript:alert(1)"}, {"as": "picture", "base": "/a b"}],
    ids=str,
)
def test_a_bad_query_is_refused(service, job, query):
    answer = service.client.results(job.key.name, **query)
    assert (answer.status_code, fault_names(answer)) == (400, [list(query)[-1]])
