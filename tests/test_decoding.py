import itertools
import math

import numpy as np
import pytest

from utilities.alphabet import Alphabet
from utilities.decoding import greedy_ids, label_log_probability, log_softmax, read, read_texts

AB = Alphabet(("a", "b"))


def one_hot(path, classes=3, sharpness=20.0):
    return sharpness * np.eye(classes, dtype=np.float32)[list(path)][None]


@pytest.mark.parametrize(
    ("path", "text"), [([0, 1, 1, 0, 1, 2, 2], "aab"), ([1, 2, 1], "aba"), ([0, 0, 0], ""), ([2, 2, 2], "b")]
)
def test_repeats_merge_and_blanks_vanish(path, text):
    assert read(one_hot(path), np.array([len(path)]), AB)[0].text == text


def test_frames_beyond_the_image_are_not_read():
    assert [AB.decode(i) for i in greedy_ids(one_hot([1, 0, 2, 1]), np.array([2]))] == ["a"]


def collapsed(path):
    return tuple(k for k, _ in itertools.groupby(path) if k)


@pytest.mark.parametrize("label", [(), (1,), (1, 1), (1, 2), (2, 1, 2)])
def test_the_probability_of_a_text_sums_over_all_alignments(label):
    logits = np.random.default_rng(3).normal(size=(1, 5, 3)).astype(np.float32)
    p = np.exp(log_softmax(logits))[0]
    paths = itertools.product(range(3), repeat=5)
    expected = sum(np.prod(p[range(5), path]) for path in paths if collapsed(path) == label)
    found = np.exp(label_log_probability(log_softmax(logits), [np.array(label, int)], np.array([5])))
    assert found == pytest.approx([expected])


def test_the_probability_of_a_long_text_is_no_rounding_error():
    steps, length = 900, 300
    alignments = math.log(math.comb(steps + length, 2 * length))  # of unlike neighbours, each with blanks or without
    flat = log_softmax(np.zeros((1, steps, 3), np.float32))
    found = label_log_probability(flat, [np.array([1, 2] * (length // 2))], np.array([steps]))
    assert found == pytest.approx([alignments - steps * math.log(3)], rel=1e-6)


def test_a_text_with_more_characters_than_columns_is_impossible():
    flat = log_softmax(np.zeros((1, 3, 3), np.float32))
    assert label_log_probability(flat, [np.array([1, 2, 1, 2])], np.array([3])) < -1e9


def test_probability_uses_true_frames_and_neighbours_do_not_matter():
    rng = np.random.default_rng(4)
    short = rng.normal(size=(1, 4, 3))
    padded = np.concatenate([short, rng.normal(size=(1, 3, 3))], axis=1)
    other = rng.normal(size=(1, 7, 3))
    alone = label_log_probability(log_softmax(short), [np.array([1])], np.array([4]))
    together = label_log_probability(
        log_softmax(np.concatenate([padded, other])), [np.array([1]), np.array([2, 1, 2])], np.array([4, 7])
    )
    assert together[0] == pytest.approx(alone[0])


def test_confidence_is_high_for_a_clear_reading_and_low_for_a_doubtful_one():
    clear = read(one_hot([0, 1, 0, 2]), np.array([4]), AB)[0]
    doubtful = read(one_hot([0, 1, 0, 2], sharpness=0.5), np.array([4]), AB)[0]
    assert clear.confidence > 0.999
    assert 0 <= doubtful.confidence < 0.5


def test_outer_spaces_are_dropped_and_inner_ones_kept():
    alphabet = Alphabet((" ", "a"))
    assert read(one_hot([1, 2, 1, 2, 1, 0, 1]), np.array([7]), alphabet)[0].text == "a a"


def test_a_long_label_is_possible_however_unlikely_beside_blanks():
    plateau = np.zeros((1, 128, 60), np.float32)
    plateau[:, :, 0] = 15
    scores, label = log_softmax(plateau), np.arange(60) % 59 + 1
    found = label_log_probability(scores, [label, label][:1], np.array([128]))[0]
    # as many alignments as places for the characters (each one step, none equal to its neighbour) and longer ones
    least = math.lgamma(129) - math.lgamma(61) - math.lgamma(69) + 60 * scores[0, 0, 1] + 68 * scores[0, 0, 0]
    assert least < found < 0.9 * least
    assert label_log_probability(scores, [label], np.array([59]))[0] < -1e29  # too few time steps


def test_validation_reads_without_spaces_at_the_ends_as_prediction_does():
    logits = np.eye(3)[[[1, 2, 0, 1]]]
    assert read_texts(logits, np.array([4]), Alphabet((" ", "a"))) == ["a"]
