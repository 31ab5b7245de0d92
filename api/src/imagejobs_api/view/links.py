"""Signed links to results, and the base of all links to this API."""

import re
from pathlib import PurePosixPath

from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.view import api_urls
from imagejobs_api.view.watch_tickets import WatchTickets
from imagejobs_contract.codes import Code
from imagejobs_contract.model import output_names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.options import DEFAULT_VARIANT
from imagejobs_contract.model.outcome import OutputFile
from imagejobs_contract.storage import LinkSigner
from imagejobs_contract.wire import file_names

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?", re.ASCII)


class Links:
    """Makes links. Used by every resource that shows a job; lives as long as the app.

    Headers such as `X-Forwarded-Host` are ignored, because any client can send them.

    Args:
        public_url: The base of links to this API; "" takes the Host of each request.
        seconds: How long a signed link is valid.
        with_keys: Whether callers need API keys, which a picture in a page cannot send.
    """

    def __init__(
        self, signer: LinkSigner, public_url: str, seconds: int, tickets: WatchTickets, *, with_keys: bool
    ) -> None:
        self._signer = signer
        self._public_url = public_url
        self._seconds = seconds
        self._tickets = tickets
        self._with_keys = with_keys

    @property
    def with_keys(self) -> bool:
        """Return whether callers need API keys."""
        return self._with_keys

    @property
    def has_public_url(self) -> bool:
        """Return whether all links begin with PUBLIC_URL, for any request."""
        return bool(self._public_url)

    def base_url(self, req: Request) -> str:
        """Return the scheme, host and port with which links to this API begin.

        Raises:
            Problem: The header Host is malformed.
        """
        if self._public_url:
            return self._public_url
        if not _HOST.fullmatch(req.netloc):
            raise Problem(Code.MALFORMED_REQUEST, "The header Host does not name a host.")
        return f"{req.scheme}://{req.netloc}"

    def shortened(self, seconds: int) -> "Links":
        """Return one whose signed links are valid for at most so many seconds."""
        shorter = max(1, min(seconds, self._seconds))
        return Links(self._signer, self._public_url, shorter, self._tickets, with_keys=self._with_keys)

    def watch(self, job: ImageJob, base: str) -> str | None:
        """Return the address by which anyone may watch a stored job until it expires; None if there is none.

        Args:
            base: The result of `base_url`.
        """
        ticket = self._tickets.issue(job)
        return api_urls.watch(base, ticket) if ticket else None

    def redirect(self, job: ImageJob, index: int, base: str, identifier: str) -> str:
        """Return the URL that redirects to the result of one image, and works as the source of a picture.

        Where callers need keys that is one that needs none, and expires.

        Args:
            identifier: The id of the image.
        """
        watch = self.watch(job, base) if self._with_keys else None
        if watch:
            return f"{watch}/download/{index}"
        return api_urls.download(base, identifier)

    def sign_sample(self) -> str:
        """Return a link that leads nowhere, for its host; may block while credentials are looked for."""
        return self._signer.get_link(S3Key("none"), seconds=1, content_type="", file_name="none")

    def sign(
        self,
        item_name: str,
        index: int,
        output: OutputFile,
        method: str = "GET",
        *,
        attachment: bool = False,
    ) -> str:
        """Return a link by which anyone can GET (or HEAD) a result until it expires.

        As an attachment browsers save it; otherwise they show it.
        """
        return self._signer.get_link(
            output.key,
            seconds=self._seconds,
            content_type=output.format.content_type,
            file_name=file_name(item_name, index, output),
            method=method,
            attachment=attachment,
        )


def file_name(item_name: str, index: int, output: OutputFile) -> str:
    """Return the file name under which a client saves a result: stem of the image, variant, extension.

    It is cleaned here, because a name from a caller's manifest or from kubectl never passed the API's own
    check of file names.
    """
    name = PurePosixPath(file_names.clean(item_name).replace("\\", "/")).name
    stem = output_names.strip_extension(name) or str(index)
    tail = "" if output.variant == DEFAULT_VARIANT else f"-{output.variant}"
    return f"{stem}{tail}.{output.format.extension}"
