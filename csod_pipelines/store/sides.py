"""Which side a hint came from, as bits: marks of one record are merged with a bitwise or."""

from __future__ import annotations

_BITS = {"administrate": 1, "cornerstone": 2}
_BOTH = 3


def to_bits(side: str | None) -> int:
    """None means that both sides must be read."""
    return _BOTH if side is None else _BITS[side]


def from_bits(bits: int) -> frozenset[str]:
    return frozenset(name for name, bit in _BITS.items() if bits & bit)
