"""Gives the results of a long list distinct names, in 4 MB of memory for any length. Pure.

A Bloom filter says which names are surely new. A name that may have been given already gets a number,
needlessly for a few in a million; two results never get the same key. The short lists inside an ImageJob are
named by `spec.with_distinct_names`, which remembers all names.
"""

import hashlib
import struct

from imagejobs_contract.model import output_names

FILTER_BITS = 2**25
"""33 bits for each of a million names: with eight probes, four in a million new names seem to be known."""
_PROBES = struct.Struct("<8I")


class BloomNames:
    """Assigns names in the order of the list; one per list."""

    def __init__(self) -> None:
        self._seen = bytearray(FILTER_BITS // 8)

    def assign(self, index: int, wanted: str) -> str:
        """Return the name of the item at an index. Call it with growing indexes."""
        name, number = wanted, index + 1
        while not self._add(output_names.safe_stem(name).lower() or str(index)):
            name = output_names.add_number(wanted, number)
            # By doubling: names that are numbered in advance would be tried one by one, each as often as
            # there are equal names.
            number = 2 * number + 1
        return name

    def _add(self, stem: str) -> bool:
        """Add a stem to the filter; return whether it is surely new."""
        is_new = False
        for probe in _PROBES.unpack(hashlib.blake2b(stem.encode(), digest_size=_PROBES.size).digest()):
            byte, bit = (probe % FILTER_BITS) >> 3, 1 << (probe & 7)
            if not self._seen[byte] & bit:
                self._seen[byte] |= bit
                is_new = True
        return is_new
