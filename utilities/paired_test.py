"""Whether two models differ on the same texts: the difference of their error rates, its interval, and a p-value.

Both are judged on each text, so what makes a text hard for both cancels out; a small difference shows with far fewer
texts than two separate intervals would need. Whole groups (a writer, a page) are resampled and flipped, because words
of one hand go wrong together.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from utilities.bootstrap import group_numbers, quantiles, resampled_sums
from utilities.metrics import character_counts, edit_distances

SIGNIFICANT = 0.05
PERMUTATIONS = 10_000
FEW_GROUPS = 6  # below it no difference can be significant: all signs alike have a chance of 2 in 2**5, which is 0.06


@dataclass(frozen=True)
class PairedResult:
    """Micro CERs of two models, and their difference, second - first, all as fractions; negative: second is better.

    `low` and `high` are the 95 % interval of the difference. `units` counts the groups (or texts, without groups).
    """

    texts: int
    units: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float

    @property
    def smallest_p(self) -> float:
        """The least p that so many groups can give, however great the difference: 2 of 2**units ways to flip."""
        return min(1.0, 2.0 ** (1 - self.units))

    @property
    def significant(self) -> bool:
        """Whether chance alone would rarely make so great a difference, if this pair alone is compared."""
        return self.p < SIGNIFICANT


def significant_among(p: Sequence[float]) -> np.ndarray:
    """Which of several pairs differ, (N,) bool, from the p of each: of those named at most one in twenty is chance, on
    average.

    Benjamini & Hochberg 1995, "Controlling the false discovery rate": the k-th least p is held against k / N of what a
    single pair's is. NaN, where nothing can be compared, is no pair.
    """
    values = np.asarray(p, float)
    known = np.sort(values[~np.isnan(values)])
    allowed = SIGNIFICANT * np.arange(1, len(known) + 1) / max(1, len(known))
    return values <= known[known < allowed].max(initial=-1.0)


def compare_pairs(
    truths: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    groups: Sequence[Hashable] | None = None,
    permutations: int = PERMUTATIONS,
    seed: int = 2,
) -> PairedResult:
    """Compare two models' readings of the same texts; NaN for all figures without characters.

    The interval is a percentile bootstrap of the difference, with the same draws of groups for both models (Efron &
    Tibshirani 1993, ch. 13), NaN with fewer than two groups. The p-value is of `sign_flip_p`.
    """
    characters = character_counts(truths)
    edits = np.stack([edit_distances(truths, readings) for readings in (first, second)])
    numbers = np.arange(len(characters)) if groups is None else group_numbers(groups)
    units, total = len(np.unique(numbers)), characters.sum()
    if not total:
        return PairedResult(len(characters), units, *[nan] * 6)
    rates = edits.sum(axis=1) / total
    by_group = np.bincount(numbers, weights=edits[1] - edits[0])
    p = sign_flip_p(by_group.astype(np.int64), permutations, seed)
    of_first, of_second, in_all = resampled_sums([*edits, characters], groups, seed=seed)
    low, high = quantiles(of_second - of_first, in_all)
    return PairedResult(len(characters), units, *map(float, (*rates, rates[1] - rates[0], low, high, p)))


def sign_flip_p(differences: np.ndarray, permutations: int = PERMUTATIONS, seed: int = 2) -> float:
    """Two-sided p-value of the sum of `differences` (groups,) int64 when each could as well have the other sign.

    That is so if the models are equally good: then it is chance which of them made which readings of a group. The
    observed order counts as one more permutation (Phipson & Smyth 2010), so that p is never 0 and false alarms are
    never more frequent than p says.
    """
    sizes, counts = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    # The sum only depends on how many differences of each size come out positive: a binomial number. Drawing that
    # instead of every sign takes the same chances in milliseconds, where 100,000 single words took 10**9 signs.
    positive = np.random.default_rng(seed).binomial(counts, 0.5, (permutations, len(counts)))
    sums = (2 * positive - counts) @ sizes
    as_great = np.count_nonzero(np.abs(sums) >= abs(differences.sum()))
    return (1 + as_great) / (1 + permutations)
