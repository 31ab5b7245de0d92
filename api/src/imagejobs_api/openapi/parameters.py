"""Parameters in paths and queries."""

from collections.abc import Callable, Mapping

from imagejobs_api.openapi.asked import Schema, asked, described
from imagejobs_contract.reader import Reader


def _identifier(what: str) -> Schema:
    return {"name": "id", "in": "path", "required": True, "description": what, "schema": {"type": "string"}}


JOB_ID = _identifier("The id of a job.")
ANY_ID = _identifier("The id of a job, a batch, or one image of a batch.")


def query(read: Callable[[Reader], object], meanings: Mapping[str, str]) -> tuple[Schema, ...]:
    """Return the parameters of a query, from the function that reads it."""
    found = described(asked(read), meanings)
    return tuple({"name": name, "in": "query", "description": schema.pop("description"), "schema": schema} for name, schema in found.items())
