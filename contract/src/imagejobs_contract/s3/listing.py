"""Lists the keys of a bucket exactly as they are, whatever bytes they have.

obstore's listing fails as a whole at a key with an empty part, `.`, `..` or a control character, and gives
`a` for `a/` (measured with 0.12). So the question is signed here, keys come percent-encoded
(`encoding-type=url`), because XML cannot hold every character, and a page is read in a thread.
"""

import asyncio
import http.client
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.runtime.backoff import Backoff
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.client import MAX_BACKOFF_SECONDS, REQUEST_SECONDS, error_code, error_for
from imagejobs_contract.s3.signer import BotoSigner, KeySigner, open_signer
from imagejobs_contract.storage import ListedObject

TRIES = 4
MAX_PAGE_BYTES = 16 * 2**20
"""Of 1,000 keys of 1,024 bytes, each three characters once it is encoded, and the facts beside them."""
LINK_SECONDS = 60
"""How long a question is valid; each try signs its own."""
_TOO_MANY = 429
_NOT_XML = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]"
    rb"|&#(?:[xX]0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]|[fF]{3}[efEF])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]|6553[45]));"
)
"""Control characters that XML 1.0 has no way to write; servers that ignore `encoding-type` write them."""


class Page(NamedTuple):
    """Some keys, and where S3 goes on; "" at the end."""

    objects: list[ListedObject]
    token: str


class _Answer(NamedTuple):
    """An answer of S3 that is not a page; status 0 if none came."""

    status: int
    code: str
    text: str


class Lister:
    """Lists one bucket over the endpoint for I/O; its signer is made with the first page."""

    def __init__(self, settings: S3Settings) -> None:
        # Links are signed for the public endpoint; programs go another way.
        self._settings = settings._replace(public_endpoint=settings.endpoint)

    async def pages(self, prefix: str, max_keys: int) -> AsyncGenerator[Sequence[ListedObject], None]:
        """Yield the objects whose keys begin with a prefix, in S3's order, a page at a time.

        Raises:
            Misconfigured, NotFound, Unavailable: As every call of S3.
        """
        token, first = "", True
        while token or first:
            page = await self._ask(prefix, max_keys, token)
            if token and page.token == token:
                raise Unavailable(f"S3 does not get on with the list of {prefix}")
            token, first = page.token, False
            if page.objects:
                yield page.objects

    async def _ask(self, prefix: str, max_keys: int, token: str) -> Page:
        backoff = Backoff(0.1, MAX_BACKOFF_SECONDS)
        answer = await asyncio.to_thread(self._read, prefix, max_keys, token)
        for _ in range(1, TRIES):
            if isinstance(answer, Page) or (300 <= answer.status < 500 and answer.status != _TOO_MANY):
                break
            await asyncio.sleep(backoff.next())
            answer = await asyncio.to_thread(self._read, prefix, max_keys, token)
        if isinstance(answer, Page):
            return answer
        raise error_for(prefix, answer.status, answer.code, answer.text)

    def _read(self, prefix: str, max_keys: int, token: str) -> Page | _Answer:
        signer = _open_signer(self._settings)
        link = signer.list_link(prefix, seconds=LINK_SECONDS, max_keys=max_keys, token=token)
        try:
            with _opener(self._settings.ca_file).open(link, timeout=REQUEST_SECONDS) as response:
                data = response.read(MAX_PAGE_BYTES + 1)
            return read_page(data) if len(data) <= MAX_PAGE_BYTES else _Answer(0, "", "a page is too long")
        except urllib.error.HTTPError as ex:
            with ex:
                text = ex.read(4096).decode(errors="replace")
            return _Answer(ex.code, error_code(text), text)
        except (OSError, http.client.HTTPException, ElementTree.ParseError, ValueError) as ex:
            return _Answer(0, "", f"{type(ex).__name__}: {ex}")


@lru_cache(maxsize=4)
def _open_signer(settings: S3Settings) -> KeySigner | BotoSigner:
    """Return the signer of a bucket; boto3 takes half a second to make one."""
    return open_signer(settings)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect of S3 means another region; its answer is to be read, not followed."""

    def redirect_request(self, *_: object) -> None:
        return None


@lru_cache(maxsize=4)
def _opener(ca_file: str) -> urllib.request.OpenerDirector:
    trusted = ssl.create_default_context()
    if ca_file:
        trusted.load_verify_locations(cafile=ca_file)
    return urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=trusted))


def read_page(data: bytes) -> Page:
    """Return the page that an answer to ListObjectsV2 holds.

    Characters that no XML can hold, and bytes that are no UTF-8, become U+FFFD: such a key is listed, and no
    object is found under it.

    Raises:
        ElementTree.ParseError, ValueError: It is none.
    """
    # The S3 is ours, and expat bounds the growth of entities.
    root = ElementTree.fromstring(_NOT_XML.sub("\ufffd".encode(), data))  # noqa: S314
    if _name(root) != "ListBucketResult":
        raise ValueError(f"S3 answered {_name(root)} to the question for a list")
    facts = {_name(each): each.text or "" for each in root if _name(each) != "Contents"}
    encoded = facts.get("EncodingType") == "url"
    found = [{_name(field): field.text or "" for field in each} for each in root if _name(each) == "Contents"]
    objects = [
        ListedObject(
            S3Key(unquote_plus(each["Key"]) if encoded else each["Key"]),
            int(each["Size"]),
            each.get("ETag", ""),
        )
        for each in found
    ]
    return Page(objects, facts.get("NextContinuationToken", "") if facts.get("IsTruncated") == "true" else "")


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
