"""The results of one image, as values that the child sends and the rest of the worker stores."""

from dataclasses import dataclass, field

from imagejobs_contract.model.options import Format
from imagejobs_contract.model.placeholder import NO_PLACEHOLDER, Placeholder


@dataclass(frozen=True, slots=True)
class Picture:
    """One encoded result.

    Attributes:
        variant: Name of its variant.
        data: The file.
        width: Pixels, as a viewer shows it.
        height: Pixels, as a viewer shows it.
        kept_original: `data` is the source itself, because the result was not smaller (`only_if_smaller`)
            and the source satisfies all other options.
        placeholder: If the variant asks for one.
    """

    variant: str
    data: bytes
    width: int
    height: int
    format: Format
    kept_original: bool
    placeholder: Placeholder = NO_PLACEHOLDER


@dataclass(frozen=True, slots=True)
class Rendering:
    """All results of one image, in the order of the variants, and facts about the source.

    Attributes:
        source_format: As `imagejobs_contract.wire.sniff` names it.
        source_width: Pixels, after the EXIF turn.
        source_height: Pixels, after the EXIF turn.
        frames: Frames of the source, counted up to one more than the limit; 1 for a still.
        decode_micros: Microseconds from the start until the source's first frame was decoded; the rest of the
            time is resizing and encoding.
        cpu_micros: Processor time that the child took for all of it, in microseconds, of all its threads.
    """

    source_format: str
    source_width: int
    source_height: int
    frames: int
    pictures: tuple[Picture, ...]
    decode_micros: int = field(default=0, compare=False)
    cpu_micros: int = field(default=0, compare=False)
