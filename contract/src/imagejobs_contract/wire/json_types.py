"""Annotated types for JSON fields; the annotation carries the JSON Schema bounds."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Shape:
    """JSON Schema's keywords that narrow a type."""

    minimum: int | None = None
    maximum: int | None = None
    format: str | None = None


Count = Annotated[int, Shape(minimum=0)]
Pixels = Annotated[int, Shape(minimum=1)]
Percent = Annotated[int, Shape(minimum=0, maximum=100)]
Day = Annotated[str, Shape(format="date")]
Time = Annotated[str, Shape(format="date-time")]
Url = Annotated[str, Shape(format="uri")]
