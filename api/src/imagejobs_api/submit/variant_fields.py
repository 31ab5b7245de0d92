"""Reads the fields of a form that ask for several results of each image: `variants`, or `preset`. Pure."""

import json
from collections.abc import Iterable

from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.submit.forms import PRESET, VARIANTS
from imagejobs_contract.model.options import NAMES, Variant
from imagejobs_contract.model.spec_json import read_variant_list
from imagejobs_contract.reader import Reader

MAX_VARIANTS_BYTES = 2**14
"""Of `variants` as JSON: 16 variants with all of their options have some 8 kB."""


def read_variants(reader: Reader, presets: Presets, given: Iterable[str]) -> tuple[Variant, ...]:
    """Return the variants that a form asks for; () if it asks for none. Faults go to the reader.

    Args:
        given: Names of the fields of the form.
    """
    fields = [each for each in (VARIANTS, PRESET) if reader.has(each)]
    if not fields:
        return ()
    if len(fields) == 2:
        reader.fault(PRESET, f"goes without {VARIANTS}: it names a set of them")
        return ()
    for name in [each for each in given if each in NAMES]:
        reader.fault(name, f"goes without {fields[0]}: each variant has its own options")
    if fields == [PRESET]:
        return presets.read_field(reader, PRESET)
    return _read_list(reader)


def _read_list(reader: Reader) -> tuple[Variant, ...]:
    value = reader.value(VARIANTS)
    if isinstance(value, str):
        try:
            value = json.loads(value) if len(value) <= MAX_VARIANTS_BYTES else None
        except (ValueError, RecursionError):
            value = None
    inner = Reader({VARIANTS: value}, "", reader.faults, snake=True)
    if not isinstance(value, list):
        inner.fault(VARIANTS, 'is not a list in JSON, such as [{"name": "thumb", "width": 200}]')
        return ()
    variants = read_variant_list(inner)
    if not value:
        inner.fault(VARIANTS, "holds no variant")
    return variants
