"""How right readings are: edit distances, and the error rates made of them.

Texts are compared in Unicode's composed form (NFC), so that "é" typed in two ways is one character. Rates are fractions
of sums (micro averages: a long word weighs more than a short one), never means of ratios. Rows without a truth are no
evidence either way: the caller leaves them out.
"""

from collections.abc import Sequence
from math import nan

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from utilities.texts import normalize

NOTHING_LEARNT = 0.9  # CER from which on models differ by chance: CTC has hardly begun to read


def reads_nothing(cer: float) -> bool:
    """Whether a model of this CER (a fraction) has not begun to read."""
    return cer >= NOTHING_LEARNT


def edit_distances(truths: Sequence[str], predictions: Sequence[str]) -> np.ndarray:
    """Levenshtein distance of each pair in characters, (n,) int64. ValueError as of `aligned`."""
    truths, predictions = aligned(truths, predictions)
    if not truths:
        return np.zeros(0, np.int64)
    return cpdist(truths, predictions, scorer=Levenshtein.distance, dtype=np.int64)


def word_edit_distances(truths: Sequence[str], predictions: Sequence[str]) -> np.ndarray:
    """Levenshtein distance of each pair in whole words, split at white space, (n,) int64."""
    pairs = zip(*aligned(truths, predictions), strict=True)
    return np.array([Levenshtein.distance(t.split(), p.split()) for t, p in pairs], np.int64)


def character_counts(truths: Sequence[str]) -> np.ndarray:
    """Characters of each text, (n,) int64."""
    return np.array([len(normalize(t)) for t in truths], np.int64)


def word_counts(truths: Sequence[str]) -> np.ndarray:
    """Words of each text, split at white space, (n,) int64."""
    return np.array([len(t.split()) for t in truths], np.int64)


def character_error_rate(truths: Sequence[str], predictions: Sequence[str]) -> float:
    """Micro CER: edits over characters of the truth, as a fraction (it can exceed 1). NaN without characters."""
    return ratio_of_sums(edit_distances(truths, predictions), character_counts(truths))


def aligned(truths: Sequence[str], predictions: Sequence[str]) -> tuple[list[str], list[str]]:
    """Both in NFC. ValueError when there are not equally many."""
    if len(truths) != len(predictions):
        raise ValueError(f"{len(truths)} truths but {len(predictions)} predictions: they must come in pairs")
    return [normalize(t) for t in truths], [normalize(p) for p in predictions]


def ratio_of_sums(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Sum over sum; NaN where there is nothing to divide by."""
    total = np.sum(denominators)
    return float(np.sum(numerators) / total) if total else nan
