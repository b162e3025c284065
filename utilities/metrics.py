"""Error rates of readings."""

from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein


def edit_distances(truths: Sequence[str], predictions: Sequence[str]) -> np.ndarray:
    """Levenshtein distance of each pair, (n,) int64."""
    return np.array([Levenshtein.distance(t, p) for t, p in zip(truths, predictions, strict=True)], np.int64)


def character_error_rate(truths: Sequence[str], predictions: Sequence[str]) -> float:
    """Micro CER: edits over characters of the truth, as a fraction (it can exceed 1). NaN without characters."""
    characters = sum(map(len, truths))
    return float(edit_distances(truths, predictions).sum() / characters) if characters else float("nan")
