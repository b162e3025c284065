"""How far long work is, on a terminal; in a log file each of its steps would be one more line."""

from collections.abc import Iterable

from tqdm import tqdm

DELAY = 2.0  # seconds of work before the bar appears


def progress_bar(title: str, unit: str, total: int, things: Iterable | None = None, stays: bool = True) -> tqdm:
    """A bar that moves on with each of the `things` taken, or by its `update`; at the end it `stays` or vanishes."""
    return tqdm(things, title, total, stays, unit=unit, delay=DELAY, disable=None)
