"""Types of the fields that bodies have which are written here, with what JSON Schema knows of them and Python does not."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Shape:
    """Narrows a type; the words are JSON Schema's."""

    minimum: int | None = None
    maximum: int | None = None
    format: str | None = None


Count = Annotated[int, Shape(minimum=0)]
Pixels = Annotated[int, Shape(minimum=1)]
Percent = Annotated[int, Shape(minimum=0, maximum=100)]
Time = Annotated[str, Shape(format="date-time")]
Url = Annotated[str, Shape(format="uri")]
