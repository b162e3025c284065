"""Whether confidences come true: bins of words of like confidence, the share that is right, and how far they differ."""

from collections.abc import Sequence

import numpy as np
from scipy.special import betaincinv

BINS = 10


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


def share_interval(found: np.ndarray, words: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided interval of the shares found / words (Clopper & Pearson 1934), for counts that need not be whole."""
    found, words = np.asarray(found, float), np.asarray(words, float)
    outside = (1 - level) / 2
    missing = words - found
    # nan_to_num: where none is found, or none missing, this beta distribution has no shape, and the bound is at the end
    low = np.nan_to_num(betaincinv(found, missing + 1, outside), nan=0.0)
    high = np.nan_to_num(betaincinv(found + 1, missing, 1 - outside), nan=1.0)
    return low, high
