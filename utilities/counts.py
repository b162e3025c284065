"""Counts for people."""


def number_of(count: int, one: str, many: str = "") -> str:
    """`1 image`, `4,385 images`; `many` where it is not `one` with an s, such as `images were`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
