"""From which confidence on words can be accepted unseen, with a promise that holds for the choice of that confidence.

Thresholds are tested from the strictest down, each against "more than the target error is left"; the first that cannot
be rejected ends the sequence, so that the chance of any false promise stays below 1 - SEQUENCE_LEVEL however many are
tested (fixed sequence testing, as in "Learn then test", Angelopoulos et al. 2021). As a wrong label among the surest
words ends it, some larger shares are tested by themselves, too, corrected for their number: any promise of both is
false in at most 1 - LEVEL of all cases. Words of a group go wrong together: counts are divided by the design effect of
Kish (1965), from the intraclass correlation of wrong words over all words.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from utilities.bootstrap import group_numbers, known_groups
from utilities.counts import number_of, percent
from utilities.reliability import upper_bound

LEVEL = 0.95
SEQUENCE_LEVEL, SHARES_LEVEL = 0.955, 0.995  # what both may miss, 0.045 and 0.005, is what LEVEL may
STEP = 0.02  # share of the words by which the threshold is lowered at a time
FEWEST_GROUPS = 5  # with fewer nobody knows how much groups differ: promises were broken 14 to 42 times in 100
LEAST_CORRELATION = 0.05  # of words of a group, however alike groups look: a rare hand, read badly, may be missing
USELESS = 0.2  # share of wrong words beyond which no promise is worth acting on
COVERAGES = np.arange(0.1, 1.01, 0.1)  # shares of the words looked at when the target cannot be promised


@dataclass(frozen=True)
class Promise:
    """Accepting the words of at least this confidence leaves at most `error` wrong, at LEVEL.

    `accepted` and `wrong` are counts among the `words` it was derived from; `kept` tells whether the target was met.
    With `few_groups`, their number, nothing can be promised: `error` is 1.
    """

    threshold: float
    accepted: int
    wrong: int
    words: int
    error: float
    kept: bool
    few_groups: int = 0


def promise(
    confidences: Sequence[float], wrong: Sequence[bool], groups: Sequence[Hashable] | None, target: float
) -> Promise | None:
    """The lowest confidence whose words can be accepted at the target error, or the best that can be promised.

    Arguments are of words whose transcriptions neither training, early stopping nor calibration used. None without.
    """
    confidences, wrong = np.asarray(confidences, float), np.asarray(wrong, bool)
    if not len(confidences):
        return None
    order = np.argsort(-confidences, kind="stable")
    confidences, wrong = confidences[order], wrong[order]
    numbers = np.arange(len(order)) if groups is None else group_numbers(groups)[order]
    few = None if groups is None else known_groups(groups) or len(groups)
    if few is not None and few < FEWEST_GROUPS:
        return Promise(float(confidences[-1]), len(order), int(wrong.sum()), len(order), 1.0, False, few)
    correlation = assumed_correlation(wrong, numbers)
    ends = _ends_of_ties(confidences)
    steps, shares = _steps(len(order), ends), _shares(ends)
    effects = {n: design_effect(numbers[:n], correlation) for n in {*steps, *shares}}
    met = max(_by_steps(wrong, effects, steps, target), _by_shares(wrong, effects, shares, target))
    kept = met > 0
    accepted, error = (met, target) if kept else _best(wrong, effects, shares, target)
    return Promise(
        float(confidences[accepted - 1]), accepted, int(wrong[:accepted].sum()), len(order), float(error), kept
    )


def _by_steps(wrong: np.ndarray, effects: dict[int, float], steps: list[int], target: float) -> int:
    """The most words whose target can be promised, by fixed-sequence testing from the surest down; 0 if none."""
    found = 0
    for accepted in steps:
        if not found and upper_bound(0, accepted / effects[accepted], SEQUENCE_LEVEL) > target:
            continue  # too few words even if none is wrong: known before looking
        if _bound(wrong, accepted, effects[accepted], SEQUENCE_LEVEL) > target:
            break
        found = accepted
    return found


def _best(wrong: np.ndarray, effects: dict[int, float], counts: list[int], target: float) -> tuple[int, float]:
    """Where the target cannot be met: the number of words with the lowest share of wrong ones, and that share."""
    bounds = _bounds(wrong, effects, counts, LEVEL)
    best = min(bounds)
    return counts[bounds.index(best)], max(best, np.nextafter(target, 1))  # what is met by itself is not with the steps


def _by_shares(wrong: np.ndarray, effects: dict[int, float], counts: list[int], target: float) -> int:
    """The largest of these numbers of words whose target can be promised; 0 if none."""
    bounds = _bounds(wrong, effects, counts, SHARES_LEVEL)
    return max((count for count, bound in zip(counts, bounds, strict=True) if bound <= target), default=0)


def _bounds(wrong: np.ndarray, effects: dict[int, float], counts: list[int], level: float) -> list[float]:
    """Upper bounds of the shares of wrong ones that hold together at a level (Bonferroni): one of them is chosen."""
    each = 1 - (1 - level) / len(counts)
    return [_bound(wrong, count, effects[count], each) for count in counts]


def _bound(wrong: np.ndarray, accepted: int, effect: float, level: float) -> float:
    """Upper confidence bound of the share of wrong words among the surest `accepted`."""
    return upper_bound(wrong[:accepted].sum() / effect, accepted / effect, level)


def _ends_of_ties(confidences: np.ndarray) -> np.ndarray:
    """For each place in descending order, how many words a threshold that includes it accepts."""
    return np.searchsorted(-confidences, -confidences, side="right")


def _steps(words: int, ends: np.ndarray) -> list[int]:
    step = max(1, round(STEP * words))
    return sorted({int(ends[n - 1]) for n in [*range(step, words, step), words]})


def _shares(ends: np.ndarray) -> list[int]:
    return sorted({int(ends[max(1, round(c * len(ends))) - 1]) for c in COVERAGES})


def intraclass_correlation(wrong: np.ndarray, groups: np.ndarray) -> float:
    """How alike words of one group are in being wrong, 0 to 1, by analysis of variance (Donner 1986)."""
    sizes = np.bincount(groups)
    words, count = len(wrong), len(sizes)
    if count < 2 or count == words or wrong.all() or not wrong.any():
        return 0.0
    means = np.bincount(groups, weights=wrong) / sizes
    between = (sizes * (means - wrong.mean()) ** 2).sum() / (count - 1)
    within = (sizes * means * (1 - means)).sum() / (words - count)
    size = (words - (sizes**2).sum() / words) / (count - 1)
    return float(np.clip((between - within) / (between + (size - 1) * within), 0, 1)) if between + within else 0.0


def assumed_correlation(wrong: np.ndarray, groups: np.ndarray) -> float:
    """The intraclass correlation, not below what must be reckoned with where few groups, or few mistakes, show none."""
    return max(LEAST_CORRELATION, intraclass_correlation(wrong, groups))


def design_effect(groups: np.ndarray, correlation: float) -> float:
    """How many words of these groups say as much as one word of its own group would (Kish 1965)."""
    sizes = np.bincount(groups)
    return 1 + ((sizes**2).sum() / sizes.sum() - 1) * correlation


def sentence(found: Promise, target: float) -> str:
    """The promise in words, with its population."""
    share = percent(100 * found.accepted / found.words, 0)
    if found.few_groups:
        return (
            f"These words cannot support a promise of {one_in(target)} wrong: those of the {found.words:,} whose group"
            f" is known are of only {number_of(found.few_groups, 'group')}, and what new ones are like is known from"
            f" {FEWEST_GROUPS} or more. Transcribe words of others; or, if those to be read are of the same writers,"
            " name a finer METADATA_GROUP_COLUMN, such as the page or the specimen."
        )
    threshold = as_written(found.threshold)
    words = number_of(found.words, "transcribed word")
    population = f"from {words}; {found.accepted:,} accepted, {found.wrong:,} of them wrong"
    if found.kept:
        return (
            f"Accepting words of confidence {threshold} or more leaves at most {one_in(found.error)} wrong"
            f" and covers {share} % ({population}; 95 % sure)."
        )
    if found.error > USELESS:
        return (
            f"These words cannot support a promise of {one_in(target)} wrong: even of the surest {share} % up to"
            f" {100 * found.error:.0f} in 100 may be wrong ({population}; 95 % sure). A person has to read every word."
        )
    at_most = math.ceil(1000 * found.error) / 10  # not rounded down to what is wanted
    return (
        f"These words cannot support a promise of {one_in(target)} wrong. The best they can: accepting confidence"
        f" {threshold} or more leaves at most {at_most:.1f} in 100 wrong and covers {share} %"
        f" ({population}; 95 % sure)."
    )


def as_written(confidence: float) -> str:
    """A threshold of confidence as precise as the predictions CSV has it, since rounded it accepts other words."""
    return f"{confidence:.4f}".removesuffix("0")


def one_in(error: float) -> str:
    """`1 in 100`; `15 in 100` where it is not one in a whole number."""
    whole = round(1 / error)
    return f"1 in {whole}" if abs(whole * error - 1) < 0.01 else f"{100 * error:.3g} in 100"
