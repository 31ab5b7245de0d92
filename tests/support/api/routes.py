"""The routes of the application as it is wired: tests that hold for every route find new ones here."""

from dataclasses import dataclass
from unittest.mock import Mock

from falcon.inspect import inspect_routes

from imagejobs_api.app import create_app
from imagejobs_api.http.public import is_public
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.settings import Settings
from imagejobs_contract.reader import Reader


@dataclass(frozen=True)
class Route:
    """One method of one path template."""

    method: str
    path: str
    is_public: bool
    is_by_link: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes() -> list[Route]:
    """Return every route that somebody wrote; the parts of the application are not called for that."""
    app = create_app(Settings.read(Reader({})), Mock(), Mock(callers=None, presets=Presets()))
    found = []
    for info in inspect_routes(app):
        resource = app._router.find(info.path)[0]
        found += [
            Route(each.method, info.path, is_public(resource), hasattr(resource, "identify"))
            for each in info.methods
            if not each.internal
        ]
    return sorted(found, key=str)
