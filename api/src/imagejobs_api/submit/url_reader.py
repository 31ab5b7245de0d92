"""Reads bodies that name images by URL: JSON, or a form of either kind.

Nothing is fetched or resolved here; the worker does that behind the address guard. A URL that the guard
refuses without a DNS lookup (for its form, its port, or a host that is an address) is refused at once.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any
from urllib.parse import parse_qsl

import falcon
from falcon.media import MultipartFormHandler

from imagejobs_api.http import json_io
from imagejobs_api.http.errors import Problem
from imagejobs_api.http.multipart import FormBody
from imagejobs_api.submit.forms import Form, ReceivedForm, Source
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed, Refused
from imagejobs_contract.model import limits
from imagejobs_contract.model.items import URL_PATTERN
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.outbound.url import read_url
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire import file_names

URL_FIELD = "url"
URLS_FIELDS = ("urls", "urls[]")
"""PHP and many form libraries name a list `urls[]`."""
MAX_VALUE_BYTES = 4 * limits.MAX_URL_LENGTH
MAX_FIELD_BYTES = 4 * MAX_VALUE_BYTES
"""Of a name and a value in a form, where each byte may take three: a megabyte takes a tenth of a second to
decode, in which nobody else is served.
"""
EXTRA_FIELDS = 16
"""Unknown or repeated fields that are still read, so that the answer can name all of them."""


class UrlReader:
    """Reads one body without files. `FormIntake` makes one per request."""

    def __init__(self, form: Form, guard: AddressGuard) -> None:
        self._guard = guard
        self._max_fields = form.max_files + len(form.option_fields) + EXTRA_FIELDS
        self._max_urls = form.max_files
        self._urls: list[tuple[str, object]] = []
        self.received = ReceivedForm()

    def add_field(self, name: str, value: object) -> None:
        """Add a field of the body or the query."""
        if name in URLS_FIELDS or (name == URL_FIELD and value not in (None, "")):
            self._urls.append((name, value))
        elif name != URL_FIELD:
            self.received.add_option(name, value)

    def discarding(self) -> nullcontext[None]:
        """Return an empty context: no files were stored that would have to be deleted."""
        return nullcontext()

    async def read(self, body: AsyncIterator[bytes], content_type: str | None) -> ReceivedForm:
        """Read the body to its end.

        Raises:
            Problem: The body is neither JSON nor a form, or has too many URLs.
            BodyIncomplete, TooLarge: From `body`.
            falcon.HTTPError: The form is malformed.
        """
        data = b"".join([chunk async for chunk in body])
        kind = (content_type or "").split(";")[0].strip().lower()
        if kind == falcon.MEDIA_MULTIPART:
            await self._read_multipart(data, content_type)
        elif data or kind:
            for name, value in await _parse_fields(data, kind, self._max_fields):
                self.add_field(file_names.clean(name)[:60], value)
        self._add_sources()
        return self.received

    async def _read_multipart(self, data: bytes, content_type: str | None) -> None:
        handler = MultipartFormHandler()
        handler.parse_options.max_body_part_count = self._max_fields
        async for part in await handler.deserialize_async(
            FormBody(_stream_once(data)), content_type, len(data)
        ):
            name = file_names.clean(part.name or "")[:60]
            value = await part.stream.read(MAX_VALUE_BYTES + 1)
            if part.filename is not None or len(value) > MAX_VALUE_BYTES:
                self.received.add_fault(
                    name, f"is a file, or longer than {MAX_VALUE_BYTES} bytes; give URLs as text"
                )
            else:
                self.add_field(name, value.decode(errors="replace"))

    def _add_sources(self) -> None:
        received = self.received
        received.single = all(name == URL_FIELD for name, _ in self._urls)
        if len(self._urls) > self._max_urls:
            raise Problem(Code.PAYLOAD_TOO_LARGE, f"There are more than {self._max_urls} URLs.")
        if len(self._urls) > 1 and any(name == URL_FIELD for name, _ in self._urls):
            received.add_fault(URL_FIELD, "is given more than once, or together with urls")
        if not received.single and "name" in received.options:
            received.add_fault("name", "goes with one url; images of urls are named by their own")
        for n, (_, value) in enumerate(self._urls):
            received.sources.append(
                self._read_source(URL_FIELD if received.single else f"{URLS_FIELDS[0]}[{n}]", value)
            )

    def _read_source(self, where: str, value: object) -> Source:
        reader = Reader({where: value.strip() if isinstance(value, str) else value}, "", self.received.faults)
        url = reader.text(where, limits.MAX_URL_LENGTH)
        if url is None:
            return Source("", where=where)  # the reader has added the fault
        refusal = self._check_url(url)
        if not re.fullmatch(URL_PATTERN, url, re.ASCII) and not (refusal and self.received.single):
            # An ImageJob cannot store this URL, so the batch cannot carry it as a failed entry.
            reader.fault(where, "is not an http(s) URL")
        return Source(file_names.from_url(url), url=url, where=where, refusal=refusal)

    def _check_url(self, url: str) -> ImageFailed | None:
        try:
            self._guard.check(read_url(url))
        except Refused as ex:
            return ImageFailed(ex.message, code=ex.code)
        return None


async def _parse_fields(data: bytes, kind: str, max_fields: int) -> Iterable[tuple[str, object]]:
    if kind == falcon.MEDIA_URLENCODED:
        return await json_io.run_apart(lambda: _parse_form(data, max_fields))
    if kind == falcon.MEDIA_JSON:
        return _list_fields(await json_io.parse_apart(data))
    raise Problem(
        Code.UNSUPPORTED_MEDIA_TYPE,
        f"Send JSON ({falcon.MEDIA_JSON}) or a form, with the URL of the image in the field {URL_FIELD}.",
    )


def _parse_form(data: bytes, max_fields: int) -> list[tuple[str, str]]:
    few = data.count(b"&") < max_fields
    if few and max(map(len, data.split(b"&"))) > MAX_FIELD_BYTES:
        raise Problem(
            Code.MALFORMED_REQUEST, f"A field of the form is longer than {MAX_FIELD_BYTES} bytes, encoded."
        )
    try:
        return parse_qsl(data.decode(errors="replace"), keep_blank_values=True, max_num_fields=max_fields)
    except ValueError as ex:
        raise Problem(Code.MALFORMED_REQUEST, f"The form has more than {max_fields} fields.") from ex


def _list_fields(body: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in body.items():
        values = value if name in URLS_FIELDS and isinstance(value, list) else [value]
        yield from ((name, each) for each in values)


async def _stream_once(data: bytes) -> AsyncIterator[bytes]:
    yield data
