"""The file of presets, read once at the start: all of it, or every fault at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagejobs_api import mounted_files
from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.model.options import Variant
from imagejobs_contract.model.spec_json import DNS_LABEL, read_variant_list
from imagejobs_contract.reader import Reader

SETTING = "PRESETS_FILE"
MAX_PRESETS = 200
MAX_DESCRIPTION_LENGTH = 200
MAX_NAME_LENGTH = 63


@dataclass(frozen=True, slots=True)
class Preset:
    """A set of variants under a name.

    Attributes:
        description: A sentence for people, or "".
    """

    name: str
    variants: tuple[Variant, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Presets:
    """All presets of the service, by their names."""

    by_name: Mapping[str, Preset] = field(default_factory=dict)

    def read_field(self, reader: Reader, field_name: str) -> tuple[Variant, ...]:
        """Return the variants of the preset that a field names, or (); faults go to the reader."""
        name = reader.text(field_name, MAX_NAME_LENGTH)
        if name is None:
            return ()
        preset = self.by_name.get(name)
        if preset is None:
            known = f"known are {', '.join(self.by_name)}" if self.by_name else "this service has none"
            reader.fault(field_name, f"there is no preset {name!r}; {known}")
            return ()
        return preset.variants


def read_file(path: Path) -> Presets:
    """Return the presets of a file.

    Raises:
        Invalid: With every fault, by the setting, the preset and the field.
    """
    try:
        return read(mounted_files.decode(mounted_files.read_bytes(path)))
    except Invalid as ex:
        raise Invalid([Fault(f"{SETTING} ({path}): {each.where}", each.what) for each in ex.faults]) from ex


def read(text: str) -> Presets:
    """Return the presets in a text: a list `presets` as `GET /api/presets` answers it.

    Raises:
        Invalid: With every fault.
    """
    reader = Reader(mounted_files.parse_mapping(text, "a list of presets"), snake=True)
    reader.unknown(("presets",))
    if not reader.has("presets"):
        reader.fault("presets", "is missing: a list of presets, [] if there are none")
    found: dict[str, Preset] = {}
    for each in reader.children("presets", MAX_PRESETS):
        preset = _read_preset(each)
        if preset.name in found:
            each.fault("name", f"{preset.name!r} stands there twice")
        found[preset.name] = preset
    reader.check()
    return Presets(found)


def _read_preset(reader: Reader) -> Preset:
    reader.unknown(("name", "description", "variants"))
    for name in [each for each in ("name", "variants") if not reader.has(each)]:
        reader.fault(name, "is missing")
    variants = read_variant_list(reader)
    if reader.has("variants") and not variants:
        reader.fault("variants", "holds no variant")
    return Preset(
        reader.text("name", MAX_NAME_LENGTH, pattern=DNS_LABEL, shape="a DNS label") or "",
        variants,
        reader.text("description", MAX_DESCRIPTION_LENGTH) or "",
    )
