"""How right readings are: error rates, shares of right words, their intervals, and which characters go wrong.

Texts are compared in Unicode's composed form (NFC), so that "é" typed in two ways is one character. Rates are fractions
of sums (micro averages: a long word weighs more than a short one), never means of ratios. Rows without a truth are no
evidence either way: the caller leaves them out.
"""

import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

NAN = float("nan")
BOOTSTRAP_CELLS = 1_000_000  # draws held at a time: 8 MB, as are their weights


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
    return nfc(nfc(text).casefold())


def without_punctuation(text: str) -> str:
    """The text without punctuation and symbols (Unicode categories P and S), and with single spaces."""
    text = nfc(text)
    if not text.isalnum():  # most words are, and no letter or number is in P or S: known at once
        text = "".join(c for c in text if unicodedata.category(c)[0] not in "PS")
    return " ".join(text.split())


def without_diacritics(text: str) -> str:
    """The text without marks over, under and through letters ("é" becomes "e").

    Only marks that Unicode can take apart (NFD, category Mn) go: "ø", "ł" and "ß" are letters of their own and stay.
    """
    if text.isascii():
        return text  # nothing to take apart, and known at once
    return nfc("".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn"))


VARIANTS = {
    "ignoring case": ignoring_case,
    "without punctuation": without_punctuation,
    "without diacritics": without_diacritics,
}


def nfc(text: str) -> str:
    """The text in Unicode's composed form."""
    return unicodedata.normalize("NFC", text)


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
    return np.array([len(nfc(t)) for t in truths], np.int64)


def word_counts(truths: Sequence[str]) -> np.ndarray:
    """Words of each text, split at white space, (n,) int64."""
    return np.array([len(t.split()) for t in truths], np.int64)


def character_error_rate(truths: Sequence[str], predictions: Sequence[str]) -> float:
    """Micro CER: edits over characters of the truth, as a fraction (it can exceed 1). NaN without characters."""
    return _ratio(edit_distances(truths, predictions), character_counts(truths))


def word_error_rate(truths: Sequence[str], predictions: Sequence[str]) -> float:
    """Micro WER: word edits over words of the truth, as a fraction (it can exceed 1). NaN without words."""
    return _ratio(word_edit_distances(truths, predictions), word_counts(truths))


def bootstrap_interval(
    numerators: Sequence[float],
    denominators: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    samples: int = 1000,
    seed: int = 2,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile bootstrap interval of sum(numerators) / sum(denominators) (Efron & Tibshirani 1993, ch. 13).

    Whole groups (a writer, a page) are drawn with replacement, because words of one hand go wrong together. A row whose
    group is None or "", and every row without `groups`, is a group of its own. NaN with fewer than two groups. When no
    row errs the interval is (0, 0), which promises more than the data do.
    """
    sums = resampled_sums([numerators, denominators], groups, samples, seed)
    return _quantiles(*sums, level)


def resampled_sums(
    counts: Sequence[Sequence[float]], groups: Sequence[Hashable] | None, samples: int = 1000, seed: int = 2
) -> np.ndarray:
    """Sums (k, samples) float64 of k `counts` (k, n) in bootstrap samples of groups, the same draws for each.

    (k, 0) with fewer than two groups.
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


def group_numbers(groups: Sequence[Hashable]) -> np.ndarray:
    """A number from 0 for each row's group, (n,) int64; a row whose group is None or "" is alone in its group."""
    numbers: dict[Hashable, int] = {}
    keys = (row if group is None or group == "" else (group,) for row, group in enumerate(groups))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


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
        units=len(truths) if groups is None else len(set(group_numbers(groups).tolist())),
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
    return [nfc(t) for t in truths], [nfc(p) for p in predictions]


def _ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    total = np.sum(denominators)
    return float(np.sum(numerators) / total) if total else NAN


def _estimates(ratios: Sequence[tuple[np.ndarray, np.ndarray]], groups: Sequence[Hashable] | None) -> list[Estimate]:
    """Ratios of sums with their 95 % intervals, all from the same draws."""
    sums = resampled_sums([counts for ratio in ratios for counts in ratio], groups)
    return [Estimate(_ratio(*ratio), *_quantiles(*sums[2 * i : 2 * i + 2])) for i, ratio in enumerate(ratios)]


def _quantiles(numerators: np.ndarray, denominators: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of the ratios of resampled sums; draws with nothing in the denominator say nothing."""
    drawn = denominators > 0
    if not drawn.any():
        return NAN, NAN
    low, high = np.quantile(numerators[drawn] / denominators[drawn], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
