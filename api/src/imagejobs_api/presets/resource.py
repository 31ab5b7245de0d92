"""`GET /api/presets`: the sets of variants that requests may name."""

from typing import TypedDict

from falcon.asgi import Response

from imagejobs_api.http import paging
from imagejobs_api.http.connection import Request
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.view.spec_view import VariantBody, variant_body


class PresetBody(TypedDict):
    """A set of variants that requests may name.

    Attributes:
        name: The value of `preset`, or of `variants_from`.
        description: A sentence for people, or "".
    """

    name: str
    description: str
    variants: list[VariantBody]


class PresetsBody(TypedDict):
    """All presets of the service."""

    presets: list[PresetBody]


class PresetList:
    """Lists the presets."""

    def __init__(self, presets: Presets) -> None:
        self._body: PresetsBody = {
            "presets": [
                {
                    "name": each.name,
                    "description": each.description,
                    "variants": [variant_body(variant) for variant in each.variants],
                }
                for each in presets.by_name.values()
            ]
        }

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with all presets."""
        paging.query_reader(req.params, ()).check()
        resp.media = self._body
        resp.set_header("Cache-Control", "no-store")

    on_head = on_get
