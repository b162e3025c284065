from itertools import product

import numpy as np
import pytest

from utilities.alignment import best_alignments
from utilities.decoding import IMPOSSIBLE, log_softmax


def scores_of(path, classes=4, surest=None):
    """Log probabilities (1, T, C) that favour a path of classes, most of all at the steps in `surest`."""
    logits = np.zeros((1, len(path), classes), np.float32)
    logits[0, np.arange(len(path)), path] = 3.0
    for t in surest or ():
        logits[0, t, path[t]] = 6.0
    return log_softmax(logits)


def test_each_character_stands_where_it_is_surest():
    path = [0, 1, 1, 0, 2, 2, 2, 0, 2, 3, 0]
    ((steps, _),) = best_alignments(scores_of(path, surest=(2, 5)), [np.array([1, 2, 2, 3])], [11])
    assert steps.tolist() == [2, 5, 8, 9]


@pytest.mark.parametrize("label", [(), (1,), (1, 2), (2, 2), (1, 2, 1)])
def test_no_alignment_is_likelier(label):
    scores = log_softmax(np.random.default_rng(1).normal(0, 2, (1, 5, 3)))

    def text(path):
        return tuple(c for c, before in zip(path, (0, *path), strict=False) if c and c != before)

    paths = [path for path in product(range(3), repeat=5) if text(path) == label]
    likeliest = max(sum(scores[0, t, c] for t, c in enumerate(path)) for path in paths)
    ((steps, score),) = best_alignments(scores, [np.array(label, int)], [5])
    assert score == pytest.approx(likeliest)
    assert len(steps) == len(label) and np.all(np.diff(steps) > 0)


def test_neighbours_and_padding_do_not_matter():
    scores = log_softmax(np.random.default_rng(2).normal(0, 2, (2, 9, 4)))
    labels = [np.array([1, 3]), np.array([2, 2, 1])]
    both = best_alignments(scores, labels, [6, 9])
    alone = best_alignments(scores[:1, :6], labels[:1], [6]) + best_alignments(scores[1:], labels[1:], [9])
    for (steps, score), (known_steps, known_score) in zip(both, alone, strict=True):
        assert steps.tolist() == known_steps.tolist()
        assert score == pytest.approx(known_score)


def test_a_label_with_too_many_characters_for_the_time_steps_has_none():
    ((_, score),) = best_alignments(scores_of([1, 2]), [np.array([1, 1, 2])], [2])
    assert score <= IMPOSSIBLE / 2
