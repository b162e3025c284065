import numpy as np
import pytest

from utilities.alphabet import Alphabet
from utilities.beam_search import BEAM_WIDTH, Beam, Hypothesis
from utilities.sights import Sight, merged, read_together

AB = Alphabet(("a", "b", "c", "d"))


def sight(leaning=-1.0, scores=None, **probabilities):
    """A model's beam of these texts, to each of which its language adds `leaning` a character; None without one."""
    beam = [
        Hypothesis(tuple(AB.encode(text).tolist()), float(np.log(p)) + (leaning or 0.0) * len(text), float(np.log(p)))
        for text, p in probabilities.items()
    ]
    return Sight(Beam.of(beam), leaning is not None, scores)


def texts(beam):
    return [AB.decode(found.ids) for found in beam]


def test_texts_are_ranked_by_their_mean_probability_and_what_the_language_adds():
    beam = merged([sight(ab=0.5, ac=0.4), sight(ac=0.7), sight(ad=0.9)])
    assert texts(beam) == ["ac", "ad", "ab"]
    assert np.exp([h.log_probability for h in beam]) == pytest.approx([1.1 / 3, 0.9 / 3, 0.5 / 3])
    assert beam[0].score == pytest.approx(np.log(1.1 / 3) - 2)


def test_languages_that_differ_count_alike():
    (found,) = merged([sight(ab=0.5), sight(ab=0.5, leaning=-2.0)])
    assert found.score == pytest.approx(np.log(0.5) - 3)


def test_a_model_without_a_language_gains_nothing_by_having_none():
    beam = merged([sight(ab=0.8, b=0.1), sight(ab=0.1, ac=0.7, leaning=None)])
    assert texts(beam) == ["ab", "ac", "b"]
    assert beam[0].score == pytest.approx(np.log(0.45) - 2)  # as the language has it, not half of that
    assert beam[1].score == pytest.approx(np.log(0.35) - 2)  # as the least of those that lean
    assert merged([sight(ab=0.8, leaning=None)])[0].score == pytest.approx(np.log(0.8))


def test_a_merged_beam_is_no_wider_than_another():
    many = [[Hypothesis((i,), -float(i), -float(i)) for i in range(k, k + BEAM_WIDTH)] for k in (1, 4)]
    assert [h.ids[0] for h in merged([Sight(Beam.of(beam), False) for beam in many])] == list(range(1, 1 + BEAM_WIDTH))


def test_the_confidence_of_a_character_is_that_of_the_view_which_shows_it_best():
    def says(a, b):
        return np.log(np.array([[0.01, a, b, 0.01, 0.01]], np.float32))

    sights = [sight(scores=says(0.3, 0.67), b=0.67, a=0.3), sight(scores=says(0.9, 0.07), a=0.9, b=0.07)]
    (reading,) = read_together([sights], AB, 1.0, with_details=True)
    assert reading.text == "a" and reading.details.characters == pytest.approx((0.9,))
    assert reading.details.runner_up == "b"
    assert read_together([sights], AB, 1.0, with_details=False)[0].details is None
