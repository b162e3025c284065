import numpy as np
import pytest
from conftest import predictions_frame

from utilities.acceptance import design_effect, intraclass_correlation
from utilities.bootstrap import group_numbers
from utilities.confidence_tables import acceptance_curve, calibration_error, calibration_table
from utilities.reliability import share_interval


def words(confidences, right, groups=None):
    """A frame of words that were read right or not."""
    groups = groups or [""] * len(right)
    rows = zip(confidences, right, groups, strict=True)
    return predictions_frame(*[("Poa", "Poa" if r else "Pox", c, g) for c, r, g in rows])


def test_the_bins_are_those_of_a_hand():
    confidences = np.linspace(0.05, 1.0, 20)
    right = [False, False, True, False, *[True] * 16]
    table = calibration_table(words(confidences[::-1], right[::-1]))
    assert table["words"].tolist() == [2] * 10
    assert table["mean confidence"].tolist() == pytest.approx([(0.075 + 0.1 * i) for i in range(10)])
    assert table["right"].tolist() == [0, 0.5, *[1] * 8]
    assert table.loc[0, ["right low", "right high"]].tolist() == pytest.approx(
        [0, 0.8419], abs=1e-4
    )  # 1 - 0.025**(1/2)
    by_hand = np.mean(np.abs(table["right"] - table["mean confidence"]))
    assert calibration_error(words(confidences, right)) == pytest.approx(by_hand)


def test_confidences_that_come_true_have_little_error_and_lie_in_the_intervals():
    rng = np.random.default_rng(1)
    confidences = rng.beta(4, 1, 5000)
    honest = words(confidences, rng.random(5000) < confidences)
    table = calibration_table(honest)
    assert calibration_error(honest) < 0.02
    assert table["mean confidence"].between(table["right low"], table["right high"]).sum() >= 8
    assert calibration_error(words(confidences, rng.random(5000) < confidences / 2)) > 0.3


def test_words_of_one_writer_widen_the_intervals():
    right = np.repeat([True, False, True, True], 25)
    grouped = calibration_table(words(np.full(100, 0.75), right, np.repeat(["a", "b", "c", "d"], 25).tolist()))
    alone = calibration_table(words(np.full(100, 0.75), right))
    assert (grouped["right high"] - grouped["right low"]).mean() > (alone["right high"] - alone["right low"]).mean()


def test_the_curve_accepts_words_of_one_confidence_together():
    curve = acceptance_curve(words([0.9, 0.5, 0.9, 0.5, 0.5, 0.1], [True, True, False, True, True, False]))
    assert curve["confidence"].tolist() == [0.9, 0.5, 0.1]
    assert curve["accepted %"].tolist() == pytest.approx([100 * 2 / 6, 100 * 5 / 6, 100])
    assert curve["wrong %"].tolist() == pytest.approx([50, 20, 100 * 2 / 6])
    assert curve["wrong high %"].iloc[-1] == pytest.approx(100 * share_interval(2, 6)[1])


def test_the_curve_discounts_words_of_one_writer_as_the_promise_does():
    rng = np.random.default_rng(2)
    confidences, names = rng.random(300), [f"w{i}" for i in rng.integers(6, size=300)]
    right = rng.random(300) < [0.9 if name in ("w0", "w1", "w2") else 0.4 for name in names]
    order = np.argsort(-confidences)
    numbers = group_numbers(names)[order]
    correlation = intraclass_correlation(~right[order], numbers)
    effect = design_effect(numbers[:120], correlation)
    low, high = share_interval((~right[order][:120]).sum() / effect, 120 / effect)
    row = acceptance_curve(words(confidences, right, names)).iloc[119]
    assert effect > 2
    assert row[["wrong low %", "wrong high %"]].tolist() == pytest.approx([100 * low, 100 * high])


def test_only_judged_words_with_a_confidence_count():
    frame = predictions_frame(("", "Rosa", 0.9), ("Poa", "Poa", np.nan), ("Poa", "Poa", 0.4))
    assert calibration_table(frame)["words"].tolist() == [1]
    assert acceptance_curve(frame)["accepted %"].tolist() == [100]
    nothing = frame.head(2)
    assert calibration_table(nothing).empty and acceptance_curve(nothing).empty
    assert np.isnan(calibration_error(nothing))
