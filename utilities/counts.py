"""Counts and shares for people."""


def number_of(count: int, one: str, many: str = "") -> str:
    """`1 image`, `4,385 images`; `many` where it is not `one` with an s, such as `images were`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def percent(value: float, digits: int = 1) -> str:
    """A number of percent, rounded; one that is not 0 or 100 is not called so: `< 0.1`, `> 99.9`."""
    text = f"{value:.{digits}f}"
    if value > 0 and float(text) == 0:
        return f"< {10**-digits:.{digits}f}"
    if value < 100 and float(text) == 100:
        return f"> {100 - 10**-digits:.{digits}f}"
    return text
