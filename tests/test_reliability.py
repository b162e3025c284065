import itertools

import numpy as np
import pytest

from utilities.reliability import (
    calibration_error_by_chance,
    equal_bins,
    expected_calibration_error,
    share_interval,
    upper_bound,
)


def test_the_error_is_that_of_a_hand():
    assert expected_calibration_error(np.array([0.5, 0.5]), [True, False]) == pytest.approx(0.5)  # a bin each
    assert expected_calibration_error(np.full(20, 0.9), [True] * 18 + [False] * 2) <= 0.2
    # ten bins of two words: nine right out of ten pairs half as sure as they should be, one wrong and sure
    confidences = np.repeat(np.linspace(0.1, 1.0, 10), 2)
    right = np.array([True] * 18 + [False] * 2)
    by_hand = (sum(1 - c for c in np.linspace(0.1, 0.9, 9)) + 1.0) / 10
    assert expected_calibration_error(confidences, right) == pytest.approx(by_hand)
    assert np.isnan(expected_calibration_error(np.zeros(0), []))


def test_chance_alone_makes_an_error_of_few_words():
    rng = np.random.default_rng(5)
    for words, low, high in ((100, 0.08, 0.12), (1000, 0.025, 0.04)):
        assert low < calibration_error_by_chance(rng.beta(2, 1, words)) < high


def test_bins_hold_equally_many_words_in_order():
    confidences = np.random.default_rng(1).random(103)
    bins = equal_bins(confidences)
    assert sorted(map(len, bins)) == [10] * 7 + [11] * 3
    assert sorted(np.concatenate(bins).tolist()) == list(range(103))
    assert all(confidences[a].max() <= confidences[b].min() for a, b in itertools.pairwise(bins))
    assert [len(b) for b in equal_bins(np.array([0.5, 0.1]))] == [1, 1]


def test_intervals_of_shares_are_those_of_the_tables():
    low, high = share_interval([5, 0, 10], [10, 10, 10])
    assert low == pytest.approx([0.1871, 0, 0.6915], abs=1e-4)  # Clopper and Pearson's
    assert high == pytest.approx([0.8129, 0.3085, 1], abs=1e-4)
    assert share_interval(3, 40)[1] == pytest.approx(upper_bound(3, 40, 0.975))
