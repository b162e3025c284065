"""How right readings are: error rates, shares of right words, their intervals, and which characters go wrong.

Texts are compared in Unicode's composed form (NFC), so that "é" typed in two ways is one character. Rates are fractions
of sums (micro averages: a long word weighs more than a short one), never means of ratios. Rows without a truth are no
evidence either way: the caller leaves them out.
"""

import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from utilities.bootstrap import quantiles, resampled_sums, units_of
from utilities.texts import normalize

NOTHING_LEARNT = 0.9  # CER from which on models differ by chance: CTC has hardly begun to read


def reads_nothing(cer: float) -> bool:
    """Whether a model of this CER (a fraction) has not begun to read."""
    return cer >= NOTHING_LEARNT


def percent(value: float, digits: int = 1) -> str:
    """A number of percent, rounded; one that is not 0 or 100 is not called so: `< 0.1`, `> 99.9`."""
    text = f"{value:.{digits}f}"
    if value > 0 and float(text) == 0:
        return f"< {10**-digits:.{digits}f}"
    if value < 100 and float(text) == 100:
        return f"> {100 - 10**-digits:.{digits}f}"
    return text


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


@dataclass(frozen=True)
class EditOperation:
    """A mistake that readings make. `truth` is "" for an inserted character, `reading` is "" for a lost one."""

    truth: str
    reading: str
    count: int
    example: int  # index of the pair that shows it with the fewest other mistakes

    @property
    def kind(self) -> str:
        """substitution, insertion (read, but not there) or deletion (there, but not read)."""
        return "insertion" if not self.truth else "substitution" if self.reading else "deletion"


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


def edit_distances(truths: Sequence[str], predictions: Sequence[str]) -> np.ndarray:
    """Levenshtein distance of each pair in characters, (n,) int64. ValueError when there are not equally many."""
    truths, predictions = _aligned(truths, predictions)
    if not truths:
        return np.zeros(0, np.int64)
    return cpdist(truths, predictions, scorer=Levenshtein.distance, dtype=np.int64)


def word_edit_distances(truths: Sequence[str], predictions: Sequence[str]) -> np.ndarray:
    """Levenshtein distance of each pair in whole words, split at white space, (n,) int64."""
    pairs = zip(*_aligned(truths, predictions), strict=True)
    return np.array([Levenshtein.distance(t.split(), p.split()) for t, p in pairs], np.int64)


def character_counts(truths: Sequence[str]) -> np.ndarray:
    """Characters of each text, (n,) int64."""
    return np.array([len(normalize(t)) for t in truths], np.int64)


def word_counts(truths: Sequence[str]) -> np.ndarray:
    """Words of each text, split at white space, (n,) int64."""
    return np.array([len(t.split()) for t in truths], np.int64)


def character_error_rate(truths: Sequence[str], predictions: Sequence[str]) -> float:
    """Micro CER: edits over characters of the truth, as a fraction (it can exceed 1). NaN without characters."""
    return _ratio(edit_distances(truths, predictions), character_counts(truths))


def summarize(truths: Sequence[str], predictions: Sequence[str], groups: Sequence[Hashable] | None = None) -> Summary:
    """All headline figures with 95 % bootstrap intervals over groups. Exact and off-by-one are shares of the texts."""
    truths, predictions = _aligned(truths, predictions)
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


def edit_operations(truths: Sequence[str], predictions: Sequence[str]) -> list[EditOperation]:
    """Every kind of character mistake, the most frequent first, by one shortest alignment of each pair."""
    truths, predictions = _aligned(truths, predictions)
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], tuple[int, int]] = {}
    for row, (truth, prediction) in enumerate(zip(truths, predictions, strict=True)):
        if truth == prediction:
            continue
        operations = Levenshtein.editops(truth, prediction)
        for tag, at, to in operations:
            mistake = ("" if tag == "insert" else truth[at], "" if tag == "delete" else prediction[to])
            counts[mistake] += 1
            shown = (len(operations), row)
            examples[mistake] = min(examples.get(mistake, shown), shown)
    ordered = sorted(counts, key=lambda mistake: (-counts[mistake], mistake))
    return [EditOperation(*mistake, counts[mistake], examples[mistake][1]) for mistake in ordered]


def _aligned(truths: Sequence[str], predictions: Sequence[str]) -> tuple[list[str], list[str]]:
    """Both in NFC."""
    if len(truths) != len(predictions):
        raise ValueError(f"{len(truths)} truths but {len(predictions)} predictions: they must come in pairs")
    return [normalize(t) for t in truths], [normalize(p) for p in predictions]


def _ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    total = np.sum(denominators)
    return float(np.sum(numerators) / total) if total else nan


def _estimates(ratios: Sequence[tuple[np.ndarray, np.ndarray]], groups: Sequence[Hashable] | None) -> list[Estimate]:
    """Ratios of sums with their 95 % intervals, all from the same draws."""
    sums = resampled_sums([counts for ratio in ratios for counts in ratio], groups)
    return [Estimate(_ratio(*ratio), *quantiles(*sums[2 * i : 2 * i + 2])) for i, ratio in enumerate(ratios)]
