"""Choices by chance that follow from a seed."""

import hashlib
from collections.abc import Iterable


def in_seeded_order(names: Iterable[str], seed: int) -> list[str]:
    """Names in an order by chance that follows from the seed, and not from the order that they come in."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())
