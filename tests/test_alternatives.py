import itertools

import numpy as np
import pytest

from utilities.alphabet import Alphabet
from utilities.alternatives import beam_search, details
from utilities.decoding import greedy_ids, log_softmax, read

AB = Alphabet(("a", "b"))


def collapsed(path):
    return tuple(k for k, _ in itertools.groupby(path) if k)


def test_a_wide_beam_finds_the_probability_of_every_text():
    scores = log_softmax(np.random.default_rng(1).normal(size=(5, 3)))
    expected = {}
    for path in itertools.product(range(3), repeat=5):
        text = collapsed(path)
        expected[text] = expected.get(text, 0) + np.exp(scores[range(5), path].sum())
    found = beam_search(scores, width=1000)
    assert {prefix: np.exp(p) for prefix, p in found} == pytest.approx(expected)
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)


def test_the_runner_up_is_the_likeliest_other_text():
    logits = np.log([[[0.1, 0.6, 0.3], [0.98, 0.01, 0.01], [0.1, 0.2, 0.7]]])
    (reading,), (found,) = (f(logits, np.array([3]), AB) for f in (read, details))
    assert (reading.text, found.runner_up) == ("ab", "bb")
    assert found.characters == pytest.approx((0.6, 0.7))
    assert found.runner_up_confidence == pytest.approx(0.3 * 0.98 * 0.7 + 0.01 * 0.3 * 0.1, rel=0.05)
    assert found.runner_up_confidence < reading.confidence


def test_a_certain_reading_has_no_runner_up():
    (found,) = details(900 * np.eye(3)[[[0, 1, 0, 2]]], np.array([4]), AB)
    assert (found.runner_up, found.runner_up_confidence) == (None, 0.0)


def test_there_is_one_confidence_for_each_character_of_the_text():
    alphabet = Alphabet((" ", "a", "b"))
    logits = np.random.default_rng(2).normal(size=(20, 12, 4)) * 3
    frames = np.random.default_rng(3).integers(1, 13, 20)
    for reading, found in zip(read(logits, frames, alphabet), details(logits, frames, alphabet), strict=True):
        assert len(found.characters) == len(reading.text)
        assert found.runner_up != reading.text
        assert all(0 < p <= 1 for p in found.characters)


def test_frames_beyond_the_image_say_nothing():
    logits = np.random.default_rng(4).normal(size=(1, 9, 3))
    assert details(logits, np.array([4]), AB) == details(logits[:, :4], np.array([4]), AB)
    assert len(greedy_ids(logits, np.array([4]))[0]) == len(details(logits, np.array([4]), AB)[0].characters)
