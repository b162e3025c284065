"""New words to learn from: parts of two that the same hand wrote, put together.

A few hundred words are few texts, and a network that sees each of them two hundred times learns these by heart. Where
characters meet is taken from the model itself, once it reads well enough.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

import keras
import numpy as np

from utilities.alignment import best_alignments
from utilities.batches import Word, WordBatches
from utilities.decoding import log_softmax
from utilities.validation import predicted

SHARE = 0.5  # of the words, each time they are seen, at most
OFTEN = (100, 200)  # epochs: from the first on some words are put together, in runs of the second that many
SPAN = (0.2, 0.85)  # of a run's epochs: at first no model knows where characters stand, at last all words are real
AFTER_SYNTHETIC = 0.1  # of a run's epochs: so long after the last synthetic word the span begins at the earliest
LEAST_SURE = -2.0  # nats a character: an alignment less likely than that may be wrong
TRIES = 8  # of parts that make a word of the right width


def share_spliced(epoch: int, epochs: int, synthetic: int = 0) -> float:
    """Which share of the words to put together with others in this epoch (from 0) of a run of so many.

    `synthetic`: how many of its first epochs show synthetic words.
    """
    begin, end = SPAN
    if synthetic:
        begin = max(begin, synthetic / epochs + AFTER_SYNTHETIC)
    if not begin * epochs <= epoch < end * epochs:
        return 0.0
    seldom, often = OFTEN
    return SHARE * min(1.0, max(0.0, (epochs - seldom) / (often - seldom)))


def cuts_of_words(network: keras.Model, batches: WordBatches) -> list[list[int]]:
    """Of each word the columns (px) at which its characters part, L + 1 from 0 to its width; [] where that is unsure.

    `network` is a prediction model, `batches` any of the words.
    """
    fixed = batches.as_they_are()
    cuts: list[list[int]] = [[] for _ in fixed.words]
    for number, (logits, frames, labels) in enumerate(predicted(network, fixed)):
        alignments = best_alignments(log_softmax(logits), labels, frames)
        for i, count, (steps, score) in zip(fixed.indices(number), frames, alignments, strict=True):
            if score >= LEAST_SURE * len(steps):
                content = fixed.words[i].content
                cuts[i] = _cuts(content, (steps + 0.5) * content.shape[1] / count)
    return cuts


def _cuts(content: np.ndarray, centres: np.ndarray) -> list[int]:
    """The columns with the least ink between characters whose centres (px) are known, and both ends."""
    ink = content.sum(axis=0, dtype=np.int64)
    cuts = [0]
    for left, right in pairwise(centres.astype(int).tolist()):
        between = ink[left + 1 : max(left + 2, right + 1)]
        least = np.flatnonzero(between == between.min())
        cuts.append(left + 1 + int(least[len(least) // 2]))
    return [*cuts, content.shape[1]]


class Splicer:
    """Makes words from the beginning of one and the end of another of the same hand."""

    def __init__(self, words: Sequence[Word], cuts: Sequence[Sequence[int]], share: float):
        self._words, self._cuts, self._share = words, cuts, share
        self._longest = max(len(word.label) for word in words)
        self._hands = defaultdict(list)
        for i, word in enumerate(words):
            if cuts[i] and not word.texts:  # what an untranscribed word says is drawn anew each time
                self._hands[word.hand].append(i)

    def __call__(self, i: int, fits: Callable[[int], bool], rng: np.random.Generator) -> Word:
        """Word `i`, or one that begins like it and has a width in px that `fits`."""
        word = self._words[i]
        if not self._cuts[i] or word.texts or rng.random() >= self._share:
            return word
        others = self._hands[word.hand]
        for _ in range(TRIES):
            other = others[rng.integers(len(others))]
            end = self._words[other]
            taken, left_out = rng.integers(1, len(word.label) + 1), rng.integers(0, len(end.label))
            column, start = self._cuts[i][taken], self._cuts[other][left_out]
            length = taken + len(end.label) - left_out
            if 2 <= length <= self._longest and fits(column + end.content.shape[1] - start):
                content = np.concatenate([word.content[:, :column], end.content[:, start:]], axis=1)
                return Word(content, np.concatenate([word.label[:taken], end.label[left_out:]]), word.hand)
        return word
