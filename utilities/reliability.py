"""Whether confidences come true: bins of words of like confidence, the share that is right, and how far they differ."""

from collections.abc import Sequence

import numpy as np
from scipy.special import betaincinv

BINS = 10
LEVEL = 0.95  # of intervals


def equal_bins(confidences: np.ndarray) -> list[np.ndarray]:
    """Places of the words of each bin, least certain first: BINS bins of equal numbers of words, none empty.

    Bins of equal width would be nearly empty where few words are uncertain.
    """
    order = np.argsort(confidences, kind="stable")
    return [b for b in np.array_split(order, BINS) if len(b)]


def expected_calibration_error(confidences: np.ndarray, right: Sequence[bool]) -> float:
    """Mean distance of confidence and share of right words over `equal_bins` (Naeini et al. 2015); NaN if no words."""
    right = np.asarray(right, float)
    distances = [len(b) * abs(confidences[b].mean() - right[b].mean()) for b in equal_bins(confidences)]
    return float(sum(distances) / len(right)) if len(right) else float("nan")


def calibration_error_by_chance(confidences: np.ndarray, draws: int = 200, seed: int = 0) -> float:
    """What `expected_calibration_error` is in the mean where confidences (n,) are exactly true; NaN if no words.

    Bins of few words differ from their confidence by chance: of a hundred words by some 10 points, of a thousand by 3.
    """
    rng, bins, distances = np.random.default_rng(seed), equal_bins(confidences), []
    for _ in range(draws if len(confidences) else 0):
        surplus = confidences - (rng.random(len(confidences)) < confidences)
        distances.append(sum(abs(surplus[b].sum()) for b in bins) / len(confidences))
    return float(np.mean(distances)) if distances else float("nan")


def upper_bound(found, words, level: float) -> np.ndarray:
    """Upper confidence bound of the share found / words (Clopper & Pearson 1934), for counts that need not be whole.

    Numbers, or arrays of one shape, which the result then has.
    """
    missing = np.maximum(0.0, np.subtract(words, found))
    # nan_to_num: where none is missing, this beta distribution has no shape, and the bound is at the end
    return np.nan_to_num(betaincinv(np.add(found, 1.0), missing, level), nan=1.0)


def share_interval(found, words) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided interval at LEVEL of the share found / words, from two of `upper_bound`."""
    level = (1 + LEVEL) / 2
    return 1 - upper_bound(np.subtract(words, found), words, level), upper_bound(found, words, level)
