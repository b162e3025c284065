import itertools

import numpy as np
import pytest

from utilities.alphabet import Alphabet
from utilities.beam_search import BONUS, beam_search
from utilities.decoding import log_softmax
from utilities.language_model import Language, LanguageModel

AB = Alphabet(("a", "b"))
RNG = np.random.default_rng(1)


def collapsed(path):
    return tuple(k for k, _ in itertools.groupby(path) if k)


def probabilities(scores):
    """Of every text, by going through all alignments."""
    found = {}
    for path in itertools.product(range(scores.shape[1]), repeat=len(scores)):
        text = collapsed(path)
        found[text] = found.get(text, 0) + np.exp(scores[range(len(scores)), path].sum())
    return found


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_wide_beam_finds_the_probability_of_every_text(steps):
    scores = log_softmax(RNG.normal(size=(3, steps, 3)))
    for row, found in zip(scores, beam_search(scores, np.full(3, steps), width=150), strict=True):
        assert {h.ids: np.exp(h.log_probability) for h in found} == pytest.approx(probabilities(row))
        assert [h.score for h in found] == sorted((h.log_probability for h in found), reverse=True)


def test_a_narrow_beam_joins_what_it_dropped_and_found_again():
    scores = log_softmax(RNG.normal(size=(30, 7, 3)) * 2)
    for row, found in zip(scores, beam_search(scores, np.full(30, 7), width=3), strict=True):
        exact = probabilities(row)
        assert len({h.ids for h in found}) == len(found) == 3
        assert all(np.exp(h.log_probability) <= exact[h.ids] + 1e-9 for h in found)


def test_an_image_reads_the_same_whatever_is_beside_it():
    scores = log_softmax(RNG.normal(size=(4, 9, 3)) * 3)
    frames = np.array([9, 4, 1, 7])
    language = Language(LanguageModel({"ab": 3, "ba": 1}, AB))
    for row, count, together in zip(scores, frames, beam_search(scores, frames, language), strict=True):
        (alone,) = beam_search(row[None, :count], np.array([count]), language)
        assert [(h.ids, pytest.approx(h.score)) for h in together] == [(h.ids, h.score) for h in alone]


def test_runs_of_sure_blanks_change_nothing_that_matters():
    scores = log_softmax(RNG.normal(size=(1, 4, 3)) * 2)
    sure = np.log(np.array([[0.9998, 0.0001, 0.0001]]))
    long = np.concatenate([scores[0, :2], sure.repeat(5, axis=0), scores[0, 2:]])[None]
    short = np.concatenate([scores[0, :2], sure, scores[0, 2:]])[None]
    (one,), (other,) = (beam_search(x, np.array([x.shape[1]])) for x in (long, short))
    assert [(h.ids, h.score) for h in one] == [(h.ids, h.score) for h in other]


@pytest.mark.parametrize(("weight", "bonus"), [(0.2, 2 / 3 * BONUS), (0.9, 3 * BONUS)])
def test_the_score_is_of_the_image_and_of_the_language(weight, bonus):
    scores = log_softmax(RNG.normal(size=(1, 4, 3)))
    model = LanguageModel({"ab": 3, "b": 1}, AB)
    (found,) = beam_search(scores, np.array([4]), Language(model, weight), width=50)
    exact = probabilities(scores[0])
    for h in found:
        state, of_text = np.array([model.start]), 0.0
        for i in h.ids:
            of_text += model.log_probabilities(state, np.array([i]))[0]
            state = model.follow(state, np.array([i]))
        of_text += model.log_probabilities(state, np.array([0]))[0]
        assert h.score == pytest.approx(np.log(exact[h.ids]) + weight * of_text + bonus * len(h.ids))


def test_a_language_of_hardly_any_weight_changes_nothing():
    scores, frames = log_softmax(RNG.normal(size=(30, 5, 3))), np.full(30, 5)
    language = Language(LanguageModel({"ab": 3, "b": 1}, AB), 1e-6)
    texts = ([found[0].ids for found in beam_search(scores, frames, known, width=150)] for known in (None, language))
    assert next(texts) == next(texts)


def test_where_the_image_leaves_a_doubt_the_language_decides():
    scores = np.log([[[0.02, 0.5, 0.48], [0.98, 0.01, 0.01], [0.02, 0.49, 0.49]]])
    assert beam_search(scores, np.array([3]))[0][0].ids[0] == 1
    language = Language(LanguageModel({"ba": 10, "bb": 1}, AB))
    assert beam_search(scores, np.array([3]), language)[0][0].ids == (2, 1)


def test_of_many_characters_the_likeliest_are_tried():
    logits = np.zeros((1, 3, 30))
    logits[0, [0, 1, 2], [17, 0, 23]] = 9.0
    assert beam_search(log_softmax(logits), np.array([3]))[0][0].ids == (17, 23)
