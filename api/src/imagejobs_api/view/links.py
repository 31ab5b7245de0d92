"""Signed links to results, and the base of all links to this API."""

import re
from pathlib import PurePosixPath

from imagejobs_api.http import filenames
from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.model.options import DEFAULT_VARIANT
from imagejobs_contract.model.outcome import OutputFile
from imagejobs_contract.storage import LinkSigner

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?", re.ASCII)


class Links:
    """Makes links; `public_url` goes before a request's own Host.

    `X-Forwarded-...` is not looked at: anybody can send it.
    """

    def __init__(self, signer: LinkSigner, public_url: str, seconds: int) -> None:
        self._signer = signer
        self._public_url = public_url
        self._seconds = seconds

    @property
    def is_fixed(self) -> bool:
        """Return whether all links begin with PUBLIC_URL, for any request."""
        return bool(self._public_url)

    def base_url(self, req: Request) -> str:
        """Return what links to this API begin with.

        Raises:
            Problem: The Host is none.
        """
        if self._public_url:
            return self._public_url
        if not _HOST.fullmatch(req.netloc):
            raise Problem(Code.MALFORMED_REQUEST, "The header Host does not name a host.")
        return f"{req.scheme}://{req.netloc}"

    def sign(self, item_name: str, index: int, output: OutputFile) -> str:
        """Return a link to a result that anybody can GET for a time."""
        return self._signer.get_link(
            output.key,
            seconds=self._seconds,
            content_type=output.format.content_type,
            file_name=file_name(item_name, index, output),
        )


def file_name(item_name: str, index: int, output: OutputFile) -> str:
    """Return the name under which a client saves a result: the image's own, without folders, with the variant's if it has one and its extension.

    It is cleaned here: what a caller's own manifest or a user of kubectl calls an image was never a file's
    name of the API's.
    """
    stem = PurePosixPath(filenames.clean(item_name).replace("\\", "/")).stem or str(index)
    tail = "" if output.variant == DEFAULT_VARIANT else f"-{output.variant}"
    return f"{stem}{tail}.{output.format.extension}"
