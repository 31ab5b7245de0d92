"""Names that keep the results of a long list apart, in 4 MB whatever the length. Pure.

A Bloom filter tells which names cannot have been there. One that may have been gets its number, needlessly
for a few in a million; two results never have one key. The short lists of an ImageJob are named by
`spec.named`, which remembers all of them.
"""

import hashlib
import struct

from imagejobs_contract.model import output_names

BITS = 2**25
"""33 for each of a million names: with eight probes, four in a million that are new seem to be known."""
_PROBES = struct.Struct("<8I")


class Apart:
    """Gives out names, in the order of the list."""

    def __init__(self) -> None:
        self._seen = bytearray(BITS // 8)

    def name(self, index: int, wanted: str) -> str:
        """Return the name for the item at an index, which counts up."""
        name, n = wanted, index
        while not self._add(output_names.safe_stem(name).lower() or str(index)):
            n += 1
            name = output_names.add_number(wanted, n)
        return name

    def _add(self, stem: str) -> bool:
        """Note a stem; return whether it is surely new."""
        is_new = False
        for probe in _PROBES.unpack(hashlib.blake2b(stem.encode(), digest_size=_PROBES.size).digest()):
            byte, bit = (probe % BITS) >> 3, 1 << (probe & 7)
            if not self._seen[byte] & bit:
                self._seen[byte] |= bit
                is_new = True
        return is_new
