import itertools
import math
import time

import numpy as np
import pytest

from utilities.paired_test import compare_pairs, sign_flip_p, significant_among


def readings(rng, words, risk):
    """Readings of "abcd", each letter lost to an "x" with its word's `risk`."""
    return ["".join("x" if r else c for c, r in zip("abcd", row, strict=True)) for row in rng.random((words, 4)) < risk]


def test_the_difference_is_that_of_a_hand():
    truths = ["Carex", "Poa", "ab"]
    found = compare_pairs(truths, ["Carex", "Pox", "xx"], ["Care", "Poa", "ab"])
    assert (found.texts, found.units) == (3, 3)
    assert (found.first, found.second) == pytest.approx((3 / 10, 1 / 10))
    assert found.difference == pytest.approx(-2 / 10)


def test_the_interval_is_that_of_all_draws():
    differences, characters = np.array([1, -1, -2]), np.array([5, 3, 2])
    draws = [list(draw) for draw in itertools.product(range(3), repeat=3)]
    ratios = [differences[d].sum() / characters[d].sum() for d in draws]
    found = compare_pairs(["Carex", "Poa", "ab"], ["Carex", "Pox", "xx"], ["Care", "Poa", "ab"])
    assert (found.low, found.high) == pytest.approx(np.quantile(ratios, [0.025, 0.975], method="inverted_cdf"))
    assert (found.low, found.high) == pytest.approx((-1, 1 / 5))  # each extreme is one draw of 27, over 2.5 %


@pytest.mark.parametrize("differences", [[3, 1, 2, -1, 4, 0, 2], [5, 5, 5, 5, 5], [1, -1, 2, -2, 1]])
def test_p_is_the_share_of_all_flips_that_are_as_great(differences):
    flips = np.array(list(itertools.product((-1, 1), repeat=len(differences))))
    exact = np.mean(np.abs(flips @ differences) >= abs(sum(differences)))
    assert sign_flip_p(np.array(differences)) == pytest.approx(exact, abs=0.015)  # three standard errors of 10,000


def test_p_is_never_nought_and_one_where_nothing_differs():
    assert sign_flip_p(np.ones(1000, int)) == pytest.approx(1 / 10_001)
    assert sign_flip_p(np.zeros(5, int)) == 1
    assert sign_flip_p(np.zeros(0, int)) == 1


def test_false_alarms_are_at_most_as_frequent_as_p_says():
    """Two equal models on 12 writers, some of them hard for both, and each with a chance good or bad day of each."""
    rng, runs = np.random.default_rng(8), 400
    writers = np.repeat(np.arange(12), 10)
    p = []
    for seed in range(runs):
        risks = [np.clip(rng.uniform(0, 0.3, 12) + rng.normal(0, 0.05, 12), 0, 1)[writers, None] for _ in range(2)]
        models = [readings(rng, 120, risk) for risk in risks]
        p.append(compare_pairs(["abcd"] * 120, *models, writers.tolist(), permutations=999, seed=seed).p)
    for level in (0.05, 0.2):
        chance = 2 * math.sqrt(level * (1 - level) / runs)
        assert np.mean(np.array(p) <= level) <= level + chance
    assert np.mean(np.array(p) <= 0.2) > 0.1  # nor is it a test that never finds anything


def test_a_clear_difference_is_found_where_both_have_the_same_hard_words():
    rng = np.random.default_rng(9)
    hard = rng.uniform(0, 0.6, (400, 1))
    found = compare_pairs(["abcd"] * 400, readings(rng, 400, hard + 0.1), readings(rng, 400, hard))
    assert found.p < 0.001
    assert found.low < -0.1 < found.high < 0


def test_the_interval_covers_the_difference_as_often_as_it_says():
    rng, runs, covered = np.random.default_rng(10), 200, 0
    for seed in range(runs):
        hard = rng.uniform(0, 0.4, (100, 1))
        found = compare_pairs(
            ["abcd"] * 100, readings(rng, 100, hard), readings(rng, 100, hard + 0.05), permutations=9, seed=seed
        )
        covered += found.low <= 0.05 <= found.high
    assert 0.89 <= covered / runs <= 0.99  # 95 %, give or take three standard errors


def test_few_groups_cannot_show_any_difference():
    groups = np.repeat(np.arange(4), 25).tolist()
    found = compare_pairs(["abcd"] * 100, ["xxxx"] * 100, ["abcd"] * 100, groups)
    assert found.units == 4
    assert found.smallest_p == 0.125
    assert found.p == pytest.approx(0.125, abs=0.01)
    assert not found.significant
    alone = compare_pairs(["abcd"] * 100, ["xxxx"] * 100, ["abcd"] * 100, ["w1"] * 100)
    assert math.isnan(alone.low) and alone.p == 1


def test_nothing_to_compare_is_said_by_nan():
    found = compare_pairs([], [], [])
    assert found.texts == 0 and math.isnan(found.p) and not found.significant


def test_a_large_comparison_takes_seconds():
    truths = ["abcdefghi"] * 20_000  # a fifth of 100,000 pairs in a fifth of 10 seconds
    started = time.process_time()
    compare_pairs(truths, ["abcdefgh"] * 20_000, ["abcdefghij"] * 20_000)
    assert time.process_time() - started < 2


def test_one_known_writer_is_one_unit_whatever_is_unknown_beside():
    truths, groups = ["Carex"] * 60, ["x"] * 10 + [""] * 50
    found = compare_pairs(truths, ["Care"] * 60, truths, groups)
    assert (found.units, found.p) == (1, 1) and not found.significant and np.isnan(found.low)


def test_the_more_pairs_are_compared_the_less_chance_is_left_to_each():
    assert significant_among([0.04]).tolist() == [True]
    assert significant_among([0.04, 0.5, 0.6]).tolist() == [False] * 3  # one of three is so low 12 times in 100
    assert significant_among([0.2, 0.001, math.nan, 0.03]).tolist() == [False, True, False, True]  # 0.03 < 2/3 of 0.05
    assert significant_among([0.0156] * 10).all()  # seven writers that agree each time
    assert significant_among([]).tolist() == []
    p = np.random.default_rng(0).uniform(size=(2000, 10))  # equally good models
    assert np.mean([significant_among(row).any() for row in p]) < 0.06
