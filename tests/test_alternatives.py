import numpy as np
import pytest

from utilities.alphabet import Alphabet
from utilities.alternatives import character_confidences, details
from utilities.decoding import greedy_ids, read

AB = Alphabet(("a", "b"))


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


def test_characters_of_any_text_are_as_sure_as_its_likeliest_alignment():
    alphabet = Alphabet((" ", "a", "b"))
    steps = [[0.1, 0.0, 0.7, 0.2], [0.5, 0.0, 0.4, 0.1], [0.1, 0.1, 0.2, 0.6], [0.2, 0.6, 0.1, 0.1]]
    scores = np.log(np.array(steps) + 1e-9)
    assert character_confidences(scores, np.array([2, 3]), alphabet) == pytest.approx((0.7, 0.6))
    assert character_confidences(scores, np.array([3, 2, 1]), alphabet) == pytest.approx(
        (0.2, 0.2)
    )  # a blank is likelier where a is
    assert character_confidences(scores, np.array([2, 2]), alphabet) == pytest.approx((0.7, 0.2))
    assert character_confidences(scores, np.array([], int), alphabet) == ()
