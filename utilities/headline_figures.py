"""The headline figures of readings: error rates and shares of right texts with their intervals, strict and lenient."""

import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from utilities.bootstrap import quantiles, resampled_sums, units_of
from utilities.metrics import aligned, character_counts, edit_distances, ratio_of_sums, word_counts, word_edit_distances
from utilities.texts import normalize


@dataclass(frozen=True)
class Estimate:
    """A fraction with its interval; NaN where there is nothing to count, or too little to resample."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class VariantScores:
    """The error rate and the share of right texts when some differences are not counted."""

    cer: Estimate
    exact: Estimate


@dataclass(frozen=True)
class Summary:
    """The headline figures of readings that have a truth. `units`: what the intervals resample (groups, or texts)."""

    texts: int
    characters: int
    words: int
    units: int
    cer: Estimate
    wer: Estimate
    exact: Estimate
    off_by_one: Estimate
    variants: dict[str, VariantScores]


def ignoring_case(text: str) -> str:
    """The text with upper and lower case made equal (Unicode case folding: "ß" equals "SS")."""
    return normalize(normalize(text).casefold())


def without_punctuation(text: str) -> str:
    """The text without punctuation and symbols (Unicode categories P and S), and with single spaces."""
    text = normalize(text)
    if not text.isalnum():  # most words are, and no letter or number is in P or S: known at once
        text = "".join(c for c in text if unicodedata.category(c)[0] not in "PS")
    return " ".join(text.split())


def without_diacritics(text: str) -> str:
    """The text without marks over, under and through letters ("é" becomes "e").

    Only marks that Unicode can take apart (NFD, category Mn) go: "ø", "ł" and "ß" are letters of their own and stay.
    """
    if text.isascii():
        return text  # nothing to take apart, and known at once
    return normalize("".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn"))


VARIANTS = {
    "ignoring case": ignoring_case,
    "without punctuation": without_punctuation,
    "without diacritics": without_diacritics,
}


def summarize(truths: Sequence[str], predictions: Sequence[str], groups: Sequence[Hashable] | None = None) -> Summary:
    """All headline figures with 95 % bootstrap intervals over groups. Exact and off-by-one are shares of the texts."""
    truths, predictions = aligned(truths, predictions)
    edits, characters, words = edit_distances(truths, predictions), character_counts(truths), word_counts(truths)
    ones = np.ones(len(truths), np.int64)
    ratios = [
        (edits, characters),
        (word_edit_distances(truths, predictions), words),
        (edits == 0, ones),
        (edits == 1, ones),
    ]
    for change in VARIANTS.values():
        changed = [change(t) for t in truths]
        changed_edits = edit_distances(changed, [change(p) for p in predictions])
        ratios += [(changed_edits, character_counts(changed)), (changed_edits == 0, ones)]
    cer, wer, exact, off_by_one, *rest = _estimates(ratios, groups)
    return Summary(
        texts=len(truths),
        characters=int(characters.sum()),
        words=int(words.sum()),
        units=len(truths) if groups is None else units_of(groups),
        cer=cer,
        wer=wer,
        exact=exact,
        off_by_one=off_by_one,
        variants={name: VariantScores(*rest[2 * i : 2 * i + 2]) for i, name in enumerate(VARIANTS)},
    )


def _estimates(ratios: Sequence[tuple[np.ndarray, np.ndarray]], groups: Sequence[Hashable] | None) -> list[Estimate]:
    """Ratios of sums with their 95 % intervals, all from the same draws."""
    sums = resampled_sums([counts for ratio in ratios for counts in ratio], groups)
    return [Estimate(ratio_of_sums(*ratio), *quantiles(*sums[2 * i : 2 * i + 2])) for i, ratio in enumerate(ratios)]
