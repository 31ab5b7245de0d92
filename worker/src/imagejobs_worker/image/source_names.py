"""The name of an image whose URL names no picture: the one that its source tells, as browsers take it."""

import re
from email.message import Message
from pathlib import PurePosixPath

from imagejobs_contract.model.items import Item
from imagejobs_contract.model.output_names import strip_extension
from imagejobs_contract.wire import file_names

_MAX_HEADER_CHARS = 2048
"""More of the header is not read: the parser takes a time that grows with the square of its length."""
_EXTENDED = re.compile(r"""(?:^|[;\s])filename\*\s*=\s*([^;\s"]+)""", re.IGNORECASE)


def choose(item: Item, disposition: str) -> str:
    """Return the name that is told with the image's results; the keys of these follow from the item's.

    Args:
        item: Its name counts if somebody chose it, or if its URL ends like a picture's name.
        disposition: `Content-Disposition` of the source; may be empty.
    """
    if not disposition or item.url is None or item.name != file_names.from_url(item.url):
        return item.name
    if strip_extension(item.name) != item.name:
        return item.name
    return _read_name(disposition) or item.name


def _read_name(disposition: str) -> str:
    """Return the file's name without its folders; `filename*` (RFC 8187) before `filename`."""
    header = Message()
    header["Content-Disposition"] = disposition[:_MAX_HEADER_CHARS]
    extended = _EXTENDED.search(header["Content-Disposition"])
    name = (file_names.decode_extended(extended[1]) if extended else None) or header.get_filename()
    return PurePosixPath(file_names.clean(name or "").replace("\\", "/")).name
