"""The parameters in paths and queries."""

from collections.abc import Callable, Mapping

from imagejobs_api.openapi.request_schema import Schema, add_descriptions, record_schemas
from imagejobs_contract.reader import Reader


def _identifier(description: str, name: str = "id") -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


JOB_ID = _identifier("The id of a job.")
TAKE_JOB_ID = (
    "getJob",
    "copyJob",
    "listResults",
    "getArchive",
    "suspendJob",
    "resumeJob",
    "cancelJob",
    "retryJob",
    "repeatCallback",
    "deleteJob",
    "getProgress",
    "streamProgress",
    "downloadResult",
)
"""The calls with a job's id in their path."""
TICKET = _identifier("The last part of a watch link.", "ticket")
IMAGE_NUMBER = _identifier("The number of an image of the job, from 0.", "index")
JOB_IDS = _identifier("The ids of jobs, separated by commas.", "ids")
ASSET_NAME = _identifier("The name of a file.", "name")
ANY_ID = _identifier("The id of a job, a batch, or one image of a batch.")


def links_with_id(place: str) -> dict[str, dict[str, str]]:
    """Return OpenAPI's links to the calls that take the id at a place of an answer.

    Args:
        place: A JSON pointer into the body.
    """
    return {each: {"id": f"$response.body#{place}"} for each in TAKE_JOB_ID}


def query_parameters(read: Callable[[Reader], object], descriptions: Mapping[str, str]) -> tuple[Schema, ...]:
    """Return the parameters of a query, recorded from the function that reads it."""
    found = add_descriptions(record_schemas(read), descriptions)
    return tuple(
        {
            "name": name,
            "in": "query",
            "description": schema.pop("description"),
            "allowEmptyValue": True,
            "schema": schema,
        }
        for name, schema in found.items()
    )
