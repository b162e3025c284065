from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import f_oneway

from utilities.acceptance import (
    FEWEST_GROUPS,
    design_effect,
    intraclass_correlation,
    promise,
    sentence,
)
from utilities.reliability import upper_bound


def calibrated(rng, words, groups=0, spread=0.0):
    """Words of confidence c that are right with probability c, or by group more or less often."""
    confidence = rng.beta(6, 0.7, words)
    risk = 1 - confidence
    if groups:
        factor = rng.gamma(1 / spread, spread, groups)  # some writers are worse than their confidences say
        group = rng.integers(groups, size=words)
        risk = np.clip(risk * factor[group], 0, 1)
        return confidence, rng.random(words) < risk, group.tolist()
    return confidence, rng.random(words) < risk, None


@pytest.mark.parametrize(("groups", "spread"), [(0, 0), (40, 0.5)])
def test_the_promise_holds_as_often_as_it_says(groups, spread):
    rng = np.random.default_rng(1)
    target, runs, made, broken = 0.03, 300, 0, 0
    for _ in range(runs):
        found = promise(*calibrated(rng, 1500, groups, spread), target)
        confidence, wrong, _ = calibrated(rng, 20_000, groups * 20, spread)  # new words, of new writers
        made += found.kept
        broken += found.kept and wrong[confidence >= found.threshold].mean() > target
    assert made > runs / 2
    assert broken / runs < 0.08  # 5 %, and what chance adds in 300 runs


def test_the_best_promise_holds_where_the_target_cannot_be_supported():
    rng = np.random.default_rng(2)
    broken = 0
    for _ in range(300):
        found = promise(*calibrated(rng, 120), 0.001)
        assert not found.kept
        confidence, wrong, _ = calibrated(rng, 20_000)
        broken += wrong[confidence >= found.threshold].mean() > found.error
    assert broken / 300 < 0.08


def test_without_errors_one_in_a_hundred_needs_three_hundred_words():
    assert not promise([0.9] * 290, [False] * 290, None, 0.01).kept
    assert promise([0.9] * 310, [False] * 310, None, 0.01).kept


@pytest.mark.parametrize("places", [[7], [310, 320], [405, 410, 420]])
def test_wrong_labels_among_the_surest_words_do_not_end_it(places):
    wrong = [n in places for n in range(5000)]
    confidences = [0.99 - i / 1e5 for i in range(5000)]
    found = promise(confidences, wrong, None, 0.01)
    assert found.kept and found.error == 0.01 and found.accepted == 5000


@pytest.mark.parametrize("target", [0.01, 0.02, 0.05])
def test_what_is_said_to_be_the_best_is_never_better_than_what_was_wanted(target):
    rng = np.random.default_rng(4)
    for _ in range(100):
        found = promise(*calibrated(rng, 3000), target)
        assert found.kept == (found.error <= target)


def test_more_and_better_words_cover_more():
    rng = np.random.default_rng(3)
    few, many = (promise(*calibrated(rng, n), 0.02) for n in (600, 20_000))
    assert few.accepted / few.words < many.accepted / many.words


def test_bounds_are_those_of_the_tables():
    assert upper_bound(0, 299, 0.95) == pytest.approx(0.00997, abs=1e-4)
    assert upper_bound(1, 10, 0.95) == pytest.approx(0.394, abs=1e-3)
    assert upper_bound(5, 5, 0.95) == 1


def test_words_of_one_group_count_for_less():
    groups = np.repeat(np.arange(10), 20)
    alike = np.repeat(np.arange(10) % 2 == 0, 20)
    assert intraclass_correlation(alike, groups) == pytest.approx(1)
    assert design_effect(groups, 1.0) == pytest.approx(20)
    mixed = np.random.default_rng(1).random(200) < 0.5
    assert intraclass_correlation(mixed, groups) < 0.1


def test_the_sentence_says_what_was_counted():
    said = sentence(promise([0.9] * 400 + [0.1] * 100, [False] * 400 + [True] * 100, None, 0.01), 0.01)
    assert "confidence 0.900 or more leaves at most 1 in 100 wrong and covers 80 %" in said
    assert "from 500 transcribed words" in said
    said = sentence(promise([0.9] * 50, [False] * 50, None, 0.01), 0.01)
    assert "cannot support a promise of 1 in 100 wrong" in said
    assert promise([], [], None, 0.01) is None


def test_where_even_the_surest_words_are_wrong_a_person_reads_all():
    wrong = np.arange(150) % 5 > 0
    told = sentence(promise(np.linspace(1, 0, 150), wrong, None, 0.01), 0.01)
    assert "A person has to read every word" in told
    assert "of them wrong" in told and "150 transcribed words" in told


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_few_writers_promise_nothing_of_others(groups):
    found = promise([0.9] * 400, [False] * 400, [f"w{i % groups}" for i in range(400)], 0.01)
    assert not found.kept and found.error == 1
    told = sentence(found, 0.01)
    assert f"only {groups} group{'s' * (groups > 1)}, and" in told and "METADATA_GROUP_COLUMN" in told
    with_blanks = [f"w{i % groups}" for i in range(400)] + [""] * 20  # which say nothing of who wrote them
    assert promise([0.9] * 420, [False] * 420, with_blanks, 0.01).few_groups == groups
    enough = [f"w{i % FEWEST_GROUPS}" for i in range(400)]
    assert promise([0.9] * 400, [False] * 400, enough, 0.04).kept


def test_five_hands_without_a_mistake_do_not_show_that_others_have_none():
    """A tenth of the hands is read badly (3 of 10 words wrong), the others without a mistake: 5 may all be of these."""
    rng, broken = np.random.default_rng(1), 0
    for _ in range(300):
        share = np.where(rng.random(5) < 0.1, 0.3, 0.0).repeat(100)
        found = promise(rng.random(500), rng.random(500) < share, [f"w{i // 100}" for i in range(500)], 0.01)
        broken += found.kept  # new hands have 3 % wrong, whatever the confidence
    assert broken / 300 < 0.05


def test_a_threshold_is_said_as_precisely_as_the_table_has_it():
    found = promise([0.9994] * 600 + [0.9991] * 60, [False] * 600 + [True] * 60, None, 0.01)
    assert "confidence 0.9994 or more" in sentence(found, 0.01)
    assert "at most 1 in 20 wrong" in sentence(replace(found, error=0.05), 0.05)
    assert "at most 15 in 100 wrong" in sentence(replace(found, error=0.15), 0.15)


def test_a_share_that_is_looked_at_by_itself_pays_for_being_one_of_ten():
    def kept(words):  # one wrong label among the surest words ends the way from the surest down
        return promise([0.99 - n / 1e5 for n in range(words)], [n == 7 for n in range(words)], None, 0.01).kept

    assert not kept(950) and kept(1000)  # 743 would do for one share, and at LEVEL alone


def test_mistakes_of_one_hand_say_less_of_other_hands_than_as_many_of_all():
    groups, rng = [f"w{n % 40}" for n in range(2000)], np.random.default_rng(1)
    confidences, of_one = rng.permutation(2000) / 2000, np.array([group == "w7" for group in groups])
    assert promise(confidences, rng.permutation(of_one), groups, 0.06).accepted == 2000
    assert not promise(confidences, of_one, groups, 0.06).kept


def test_a_threshold_accepts_all_words_of_its_confidence_the_wrong_ones_too():
    found = promise([0.9] * 1000, [False] * 700 + [True] * 300, None, 0.01)
    assert not found.kept and (found.accepted, found.wrong) == (1000, 300)


def falling(words):
    """Confidences that all differ, the surest word first."""
    return [0.99 - n / 1e5 for n in range(words)]


@pytest.mark.parametrize("groups", [None, [f"w{n % 20}" for n in range(5000)]])
def test_the_words_before_the_wrong_ones_can_be_accepted_to_a_fiftieth_of_all(groups):
    found = promise(falling(5000), [n >= 4300 for n in range(5000)], groups, 0.01)
    assert found.kept and (found.accepted, found.threshold) == (4300, falling(5000)[4299])


@pytest.mark.parametrize(("words", "kept"), [(308, False), (309, True)])  # 0.045 is between 0.99 ** 308 and 0.99 ** 309
def test_all_words_are_looked_at_too_and_not_only_fiftieths(words, kept):
    assert promise(falling(words), [False] * words, None, 0.01).kept == kept


@pytest.mark.parametrize(("hands", "kept"), [(15, False), (20, True)])
def test_hands_without_a_mistake_are_not_taken_for_as_many_words_of_hands_of_their_own(hands, kept):
    groups = [f"w{n % hands}" for n in range(100 * hands)]
    assert promise(falling(len(groups)), [False] * len(groups), groups, 0.01).kept == kept


def test_what_is_said_to_be_the_best_holds_for_all_of_the_ten_shares():
    assert promise(falling(120), [False] * 120, None, 0.001).error == pytest.approx(1 - (0.05 / 10) ** (1 / 120))
    surest = promise(falling(600), [n >= 60 and n % 2 == 0 for n in range(600)], None, 0.01)
    assert (surest.accepted, surest.wrong) == (60, 0)


def test_of_a_handful_of_words_nothing_can_be_promised_and_it_is_said():
    found = promise(falling(3), [False] * 3, None, 0.01)
    assert not found.kept and "A person has to read every word" in sentence(found, 0.01)


def test_blank_groups_are_as_none():
    assert promise(falling(400), [False] * 400, [""] * 400, 0.01) == promise(falling(400), [False] * 400, None, 0.01)


def test_the_correlation_of_words_of_a_group_is_that_of_an_analysis_of_variance():
    sizes, wrong = (2, 3, 5, 30), np.array([1, 0, 1, 1, 0, 0, 0, 1, 0, 0, *[1] * 3, *[0] * 27], bool)
    groups = np.repeat(range(4), sizes)
    f = f_oneway(*(wrong[groups == n].astype(float) for n in range(4))).statistic
    size = (40 - sum(n**2 for n in sizes) / 40) / 3
    assert intraclass_correlation(wrong, groups) == pytest.approx((f - 1) / (f - 1 + size))


def test_what_is_no_promise_says_how_many_may_be_wrong():
    found = promise(falling(600), [n >= 60 and n % 2 == 0 for n in range(600)], None, 0.01)
    assert "at most 8.5 in 100 wrong and covers 10 %" in sentence(found, 0.01)
    assert "at most 5.2 in 100 wrong" in sentence(replace(found, error=0.0511), 0.05)  # not 5.1, which is less
    assert "60 accepted, 0 of them wrong" in sentence(found, 0.01)
    told = sentence(replace(found, error=0.31, wrong=7), 0.01)
    assert "of the surest 10 % up to 31 in 100 may be wrong" in told and "60 accepted, 7 of them wrong" in told
