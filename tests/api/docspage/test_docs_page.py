"""The page at /docs: the whole document, readable without its script; it loads nothing from other hosts."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from imagejobs_api.docspage import curl
from imagejobs_api.docspage.html import join, line, tag
from imagejobs_api.docspage.page import render_page
from imagejobs_api.docspage.tryout import render_tryout
from imagejobs_api.docspage.words import type_words
from imagejobs_api.openapi.document import document
from imagejobs_api.settings import Settings
from imagejobs_contract.reader import Reader
from support.api import openapi_check
from support.api.routes import routes

VOID = ("meta", "input")


class Page(HTMLParser):
    """What a browser makes of a page: its elements, in the order and the depth in which they stand."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.hidden_at: list[int] = []
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        if "hidden" in dict(attributes) and name not in VOID:
            self.hidden_at.append(len(self.open))
        if not self.hidden_at:
            self.shown.append(name)
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name
        if self.hidden_at and self.hidden_at[-1] == len(self.open):
            self.hidden_at.pop()


@pytest.fixture(scope="module")
def whole():
    return document(Settings.read(Reader({})))


@pytest.fixture
def answer(service):
    return service.http.get("/docs")


@pytest.fixture
def elements(answer):
    page = Page(answer.text)
    assert page.open == []
    return page.elements


def test_every_call_and_schema_of_the_document_is_on_the_page(elements, whole):
    ids = {attributes.get("id") for _, attributes in elements}
    calls = {each["operationId"] for methods in whole["paths"].values() for each in methods.values()}
    assert calls | {f"schema-{name}" for name in whole["components"]["schemas"]} <= ids


def test_callbacks_are_on_the_page_as_calls_are_where_they_can_be_asked_for(whole):
    text = render_page(openapi_check.full_document(), "")
    shown = text.partition('<article id="onJobFinished">')[2].partition("</article>")[0]
    assert '<a href="#onJobFinished">' in text
    assert all(
        each in shown
        for each in ("webhook-signature", "imagejob.finished", "410", "to the address that the job names")
    )
    assert "onJobFinished" not in render_page(whole, "")
    elements = Page(text).elements
    assert {attributes["href"].removeprefix("#") for name, attributes in elements if name == "a"} - {
        each.get("id") for _, each in elements
    } == {"/api/openapi.json"}


def test_every_link_leads_somewhere_on_the_page_or_to_the_document(elements):
    ids = {attributes.get("id") for _, attributes in elements}
    links = {attributes["href"] for name, attributes in elements if name == "a"}
    assert {each for each in links if each.removeprefix("#") not in ids} == {"/api/openapi.json"}


def test_the_page_loads_its_own_script_and_nothing_else(answer, elements):
    assert not {name for name, _ in elements} & {"link", "img", "iframe", "object", "base"}
    assert [each for name, each in elements if name == "script"] == [{"src": "/docs/docs.js", "defer": None}]
    assert not {
        key for _, each in elements for key in each if key.startswith("on") or key in ("style", "action")
    }
    assert "url(" not in answer.text
    assert "@import" not in answer.text


def test_without_the_script_nothing_shows_that_needs_it(answer):
    needs_script = {"form", "input", "select", "button", "label"}
    page = Page(answer.text)
    assert needs_script <= {name for name, _ in page.elements}
    assert not needs_script & set(page.shown)


def test_the_script_is_cached_as_the_page_is(service, answer):
    script = service.http.get("/docs/docs.js")
    again = service.http.get("/docs/docs.js", headers={"If-None-Match": script.headers["ETag"]})
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert script.headers["Cache-Control"] == answer.headers["Cache-Control"]
    assert (again.status_code, again.content) == (304, b"")


def test_the_script_makes_no_html_keeps_nothing_and_names_no_host(service):
    script = service.http.get("/docs/docs.js").text
    assert "fetch(" in script
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "Storage",
    ):
        assert word not in script
    assert not any(word in script for word in ("cookie", "history.", "https://", "http://"))


def test_search_and_key_have_labels_and_say_what_they_do(whole):
    def shown(document):
        return render_page(document, "").partition("<header>")[0]

    assert (
        '<label>Search calls<input id="search" autocomplete="off" spellcheck="false" type="search"'
        in shown(whole)
    )
    assert '<span id="found" role="status"></span>' in shown(whole)
    assert "API key" not in shown(whole)  # this server asks for none
    assert '<label>API key<input id="key" autocomplete="off" spellcheck="false" type="password">' in shown(
        openapi_check.full_document()
    )


def test_a_server_with_keys_shows_the_header_and_sends_it_in_each_command_that_needs_it(whole):
    text = render_page(openapi_check.full_document(), "")
    assert "<code>Authorization: Bearer ijk_...</code>" in text
    commands = re.findall(r"<code>(curl .*?)</code>", text, re.DOTALL)
    keyed = {each for each in commands if "Authorization: Bearer $IMAGEJOBS_KEY" in each}
    assert [each for each in commands if "/api/resize" in each and each not in keyed] == []
    assert not any("/watch/" in each or "/healthz" in each for each in keyed)
    assert "Authorization: Bearer" not in render_page(whole, "")


def test_the_base_url_and_each_command_can_be_copied(answer, service):
    texts = re.findall(
        r'<div class="copyable">.*?<code>(.*?)</code>.*?>Copy</button></div>', answer.text, re.DOTALL
    )
    first = re.findall(
        r"</summary><(?:div class=.copyable.><)?pre .*?<code>(.*?)</code>", answer.text, re.DOTALL
    )
    commands = [each for each in first if each.startswith("curl ")]
    assert texts == [str(service.http.base_url).rstrip("/"), commands[0], *commands]
    assert len(commands) > 20


def test_calls_that_read_and_forms_with_one_file_can_be_tried(elements):
    forms = {f"{each['data-method']} {each['data-path']}" for name, each in elements if name == "form"}
    reading = {str(each) for each in routes() if each.method == "GET"}
    placed = {re.sub(r"\{.*?\}", "{}", each) for each in forms if each.startswith("GET")}
    assert placed == {re.sub(r"\{.*?\}", "{}", each) for each in reading}
    assert forms - {each for each in forms if each.startswith("GET")} == {
        f"POST /api/{each}" for each in ("resize", "center-crop", "face-crop", "sample")
    }


def test_a_form_has_a_labelled_field_for_each_parameter_of_path_query_and_body():
    parameters = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "state", "in": "query", "schema": {"enum": ["Running"]}},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 20}},
        {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}},
    ]
    tiny = {"type": "boolean", "default": False}
    body = {"required": ["image"], "properties": {"image": {"format": "binary"}, "tiny": tiny}}
    text = render_tryout("post", "/api/x/{id}", parameters, body)
    page = Page(text)
    fields = [(name, each) for name, each in page.elements if "data-in" in each]
    assert [(name, each["name"], each["data-in"], "required" in each) for name, each in fields] == [
        ("input", "id", "path", True),
        ("select", "state", "query", False),
        ("input", "limit", "query", False),
        ("input", "image", "body", True),
        ("select", "tiny", "body", False),
    ]
    assert [name for name, _ in page.elements].count("label") == len(fields)
    assert 'placeholder="20 (default)"' in text
    assert "<option value>false (default)</option><option>true</option>" in text


def test_the_policy_allows_the_pages_own_style_script_and_server_only(answer):
    style = re.search("<style>(.*?)</style>", answer.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    allowed = f"script-src 'self'; style-src 'sha256-{digest}'; connect-src 'self'"
    assert (
        answer.headers["Content-Security-Policy"]
        == f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["Content-Type"].startswith("text/html")


def test_who_has_the_page_is_told_that_it_is_as_it_was(service, answer):
    again = service.http.get("/docs", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("host", ["localhost:8443", "images.localhost:1", "[::1]:8080"])
def test_commands_and_document_name_the_address_at_which_they_were_asked_for(service, host):
    text = service.http.get("/docs", headers={"Host": host}).text
    whole = service.http.get("/api/openapi.json", headers={"Host": host}).json()
    assert f"curl -F image=@large.jpg -F width=400 http://{host}/api/resize" in text
    assert set(re.findall(r"http://([^/ ]+)/api/", text)) == {host}
    assert whole["servers"] == [{"url": f"http://{host}"}]


def test_a_host_that_is_not_ours_is_not_shown(service):
    host = "evil.example.org"
    answers = [service.http.get(path, headers={"Host": host}) for path in ("/docs", "/api/openapi.json")]
    assert [each.status_code for each in answers] == [200, 200]
    assert not any(host in each.text for each in answers)
    assert "http://127.0.0.1:8080/api/resize" in answers[0].text
    assert answers[1].json()["servers"] == [{"url": "/"}]


@pytest.mark.parametrize("host", ['a"><script>', "a  b"], ids=str)
@pytest.mark.parametrize("path", ["/docs", "/api/openapi.json"])
def test_a_host_that_is_none_is_refused_and_not_shown(service, path, host):
    answer = service.http.get(path, headers={"Host": host})
    assert (answer.status_code, host in answer.text) == (400, False)


def test_each_address_has_a_page_of_its_own_for_caches(service, answer):
    other = service.http.get(
        "/docs", headers={"Host": "localhost:1", "If-None-Match": answer.headers["ETag"]}
    )
    assert other.status_code == 200
    assert other.headers["ETag"] != answer.headers["ETag"]


def test_what_is_no_html_is_escaped():
    assert tag("p", "<b>", tag("i", "&"), title='"x"') == '<p title="&quot;x&quot;">&lt;b&gt;<i>&amp;</i></p>'
    assert line("a `<b>` c") == "a <code>&lt;b&gt;</code> c"
    assert join("<", tag("b", ">")) == "&lt;<b>&gt;</b>"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9}, "integer, 1 to 9"),
        ({"type": ["integer", "null"], "minimum": 0}, "integer or null"),
        ({"type": "string", "minLength": 1, "maxLength": 5}, "text, 1 to 5 characters"),
        ({"type": "string", "format": "binary"}, "file"),
        ({"type": "string", "contentMediaType": "application/zip"}, "file"),
        ({"const": True}, "<code>true</code>"),
        (
            {"type": "array", "items": {"$ref": "#/components/schemas/Job"}, "maxItems": 3},
            'list of <a href="#schema-Job">Job</a>, at most 3',
        ),
        (
            {"anyOf": [{"$ref": "#/components/schemas/Error"}, {"type": "null"}]},
            '<a href="#schema-Error">Error</a> or null',
        ),
    ],
    ids=lambda each: str(each)[:40],
)
def test_schemas_are_told_in_words(schema, words):
    assert type_words(schema) == words


def test_examples_are_commands_that_can_be_typed(whole):
    def shown(path, method):
        return [
            each.command
            for each in curl.examples(
                method, path, whole["paths"][path][method], curl.DEFAULT_ADDRESS, {"image"}
            )
        ]

    assert "curl -F image=@large.jpg -F width=400 http://127.0.0.1:8080/api/resize" in shown(
        "/api/resize", "post"
    )
    assert "" in shown("/api/resize", "post")  # a wrong request: only its answer is shown
    assert any(
        each.startswith("curl \\\n  -H 'Prefer: respond-async'") for each in shown("/api/resize", "post")
    )
    assert any("-H 'Accept: application/x-ndjson'" in each for each in shown("/api/jobs/{id}/results", "get"))
    assert any("-d url=https://" in each for each in shown("/api/upload-from-url", "post"))
    assert any("limit=1&cursor=1" in each for each in shown("/api/jobs/{id}/results", "get"))
    assert any(each.startswith("curl -X POST") for each in shown("/api/jobs/{id}/retry", "post"))
    assert any("--json '{" in each for each in shown("/api/jobs", "post"))


def test_examples_without_an_answer_to_show_are_commands_all_the_same(whole):
    def shown(path, method):
        return [
            each.command
            for each in curl.examples(method, path, whole["paths"][path][method], curl.DEFAULT_ADDRESS, ())
            if not each.status
        ]

    assert shown("/api/download/{id}", "get")[0].startswith("curl -LOJ http")
    assert shown("/api/jobs/{id}/archive", "get")[0].startswith("curl -OJ ")
    assert shown("/api/jobs/{id}", "delete")[0].startswith("curl -X DELETE ")
    assert "outputs=true" in shown("/api/jobs/{id}", "delete")[0]
    assert len(shown("/api/uploads/abort", "post")) == 1
