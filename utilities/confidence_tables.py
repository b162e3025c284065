"""One model's confidence: does it come true, what is left wrong if words above it are accepted, what can be promised?

All are of the judged words that have a confidence. Words of a group go wrong together: intervals are of counts that
are divided by the design effect, as in `acceptance.py`.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from utilities import reliability
from utilities.acceptance import assumed_correlation, design_effect, promise, sentence
from utilities.bootstrap import group_numbers
from utilities.predictions_table import words_judged
from utilities.reliability import equal_bins, expected_calibration_error, share_interval

NO_PROMISE = "No transcribed words here that this model has not seen, so nothing can be promised of its readings."
UNGROUPED = (
    " This takes each word to be of another writer, page or specimen: where several are of one, name their column under"
    " METADATA_GROUP_COLUMN, and fill it in, or too much is promised."
)
PARTLY_GROUPED = (
    " This takes each word whose group is not known ({:,}) to be of another writer, page or specimen: where"
    " several are of one, fill in the column that METADATA_GROUP_COLUMN names, or too much is promised."
)


def promise_sentence(frame: pd.DataFrame, seen: Collection[str], target: float) -> str:
    """What can be accepted unseen, from the transcribed words that the model never saw (`seen`: images that it did)."""
    judged = words_judged(frame).dropna(subset="confidence")
    judged = judged[~judged["image"].isin(set(seen))]
    groups = judged["group"].tolist() if (judged["group"] != "").any() else None
    found = promise(judged["confidence"], judged["edits"] > 0, groups, target)
    if not found:
        return NO_PROMISE
    if groups is None:
        return sentence(found, target) + UNGROUPED
    alone = 0 if found.few_groups else groups.count("")  # of few groups nothing is promised
    return sentence(found, target) + (PARTLY_GROUPED.format(alone) if alone else "")


def calibration_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Confidence beside what came of it, one row for each tenth of the words, the least certain first.

    Columns: words, mean confidence, right (share of words without mistake), right low, right high (95 % interval of
    Clopper & Pearson); all but words are fractions. No rows without words.
    """
    confidences, right, groups = _outcomes(frame)
    correlation = assumed_correlation(~right, groups)
    rows = []
    for members in equal_bins(confidences):
        effect = design_effect(groups[members], correlation)
        interval = share_interval(right[members].sum() / effect, len(members) / effect)
        rows.append([len(members), confidences[members].mean(), right[members].mean(), *map(float, interval)])
    return pd.DataFrame(rows, columns=["words", "mean confidence", "right", "right low", "right high"])


def calibration_error(frame: pd.DataFrame) -> float:
    """Expected calibration error over the bins of `calibration_table`, as a fraction; NaN without words."""
    confidences, right, _ = _outcomes(frame)
    return expected_calibration_error(confidences, right)


def calibration_error_by_chance(frame: pd.DataFrame) -> float:
    """What `calibration_error` would be in the mean of so many words if their confidences were exactly true."""
    return reliability.calibration_error_by_chance(_outcomes(frame)[0])


def acceptance_curve(frame: pd.DataFrame) -> pd.DataFrame:
    """What accepting all words of at least some confidence would have done here, the strictest threshold first.

    One row for each confidence that occurs: "confidence", "accepted %" of the words, "wrong %" of the accepted ones,
    with its 95 % interval in "wrong low %" and "wrong high %" (Clopper & Pearson, for each threshold by itself: the
    promise that holds for a threshold chosen by looking is `acceptance.promise`).
    """
    confidences, right, groups = _outcomes(frame)
    order = np.argsort(-confidences, kind="stable")
    confidences, wrong, groups = confidences[order], ~right[order], groups[order]
    ends = np.flatnonzero(np.diff(confidences, append=-1) != 0)  # words of one confidence are accepted together
    accepted, found = ends + 1, np.cumsum(wrong)[ends]
    effects = _growing_design_effects(groups, assumed_correlation(wrong, groups))[ends]
    low, high = share_interval(found / effects, accepted / effects)
    return pd.DataFrame(
        {
            "confidence": confidences[ends],
            "accepted %": 100 * accepted / max(1, len(order)),
            "wrong %": 100 * found / accepted,
            "wrong low %": 100 * low,
            "wrong high %": 100 * high,
        }
    )


def _growing_design_effects(groups: np.ndarray, correlation: float) -> np.ndarray:
    """`acceptance.design_effect` of the first 1, 2, ... words, (words,) float64, without counting each time anew."""
    before = pd.Series(groups).groupby(groups).cumcount().to_numpy()  # words of the same group so far: their size
    squares = np.cumsum(2 * before + 1)  # (s + 1)**2 - s**2
    return 1 + (squares / np.arange(1, len(groups) + 1) - 1) * correlation


def _outcomes(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence (n,) float64, whether right (n,) bool and the number of the group (n,) int64 of the words."""
    words = words_judged(frame).dropna(subset="confidence")
    right = (words["edits"] == 0).to_numpy(bool)
    return words["confidence"].to_numpy(float), right, group_numbers(words["group"].tolist())
