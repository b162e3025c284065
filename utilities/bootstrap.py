"""What a figure would be of other words like these: sums resampled by group (bootstrap), and intervals from them."""

from collections.abc import Hashable, Iterable, Sequence
from math import nan

import numpy as np

BOOTSTRAP_CELLS = 1_000_000  # draws held at a time: 8 MB, as are their weights


def resampled_sums(
    counts: Sequence[Sequence[float]], groups: Sequence[Hashable] | None, samples: int = 1000, seed: int = 2
) -> np.ndarray:
    """Sums (k, samples) float64 of k `counts` (k, n) in bootstrap samples (Efron & Tibshirani 1993, ch. 13).

    Whole groups (a writer, a page) are drawn with replacement, the same for each of the counts, because words of one
    hand go wrong together. A row whose group is None or "", and every row without `groups`, is a group of its own.
    (k, 0) with fewer than two groups, or where one alone is known.
    """
    counts = np.asarray(counts, float)
    if groups is not None:
        index = group_numbers(groups)
        counts = np.stack([np.bincount(index, weights=c) for c in counts])
    k, n = counts.shape
    if n < 2:
        return np.zeros((k, 0))
    # Rows with the same counts are interchangeable: how many of each kind a sample holds is a multinomial number. Words
    # are of a few thousand kinds, so that 100,000 of them are drawn in a tenth of the time of drawing each.
    kinds, sizes = np.unique(counts, axis=1, return_counts=True)
    rng = np.random.default_rng(seed)
    chunk = max(1, BOOTSTRAP_CELLS // len(sizes))
    sums = []
    for start in range(0, samples, chunk):
        weights = rng.multinomial(n, sizes / n, size=min(chunk, samples - start)).astype(float)
        # Not a matrix product: OpenBLAS threads took 100 times as long here on a machine with other work.
        sums.append(np.einsum("kn,sn->ks", kinds, weights))
    return np.concatenate(sums, axis=1)


def known_groups(groups: Iterable[Hashable]) -> int:
    """How many groups are known by name; a row whose group is None or "" has none."""
    return len({group for group in groups if group not in (None, "")})


def group_numbers(groups: Sequence[Hashable]) -> np.ndarray:
    """A number from 0 for each row's group, (n,) int64; a row whose group is None or "" is alone in its group.

    Where one group alone is known all rows are of it: how groups differ is then not known.
    """
    if known_groups(groups) == 1:
        return np.zeros(len(groups), np.int64)
    numbers: dict[Hashable, int] = {}
    keys = (row if group is None or group == "" else (group,) for row, group in enumerate(groups))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def units_of(groups: Sequence[Hashable]) -> int:
    """How many units are resampled: groups, and rows that are alone in theirs; of one there is no interval."""
    return len(set(group_numbers(groups).tolist()))


def quantiles(numerators: np.ndarray, denominators: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of the ratios of resampled sums; draws with nothing in the denominator say nothing.

    NaN without draws. When no row errs it is (0, 0), which promises more than the data do.
    """
    drawn = denominators > 0
    if not drawn.any():
        return nan, nan
    low, high = np.quantile(numerators[drawn] / denominators[drawn], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
