"""Synthetic words first: a model that has learnt to read them knows letters before it sees the first word of its own.

As in Krishnan & Jawahar 2019, "HWNet v2: an efficient word image representation for handwritten documents", here as the
beginning of one run. Few words show few shapes of each letter, and none of the rare ones.
"""

import math
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from utilities.alphabet import Alphabet
from utilities.batches import Splice, Word, WordBatches
from utilities.images import canvas_width
from utilities.synthetic_words import draw_words

LEAST_EPOCHS = 50  # of a run that begins with synthetic words: in shorter ones the own words are too seldom seen
ALL_UNTIL, NONE_FROM = 0.25, 0.35  # of a run's epochs: all words are synthetic until the first, none from the second on


def share_synthetic(epoch: int, epochs: int) -> float:
    """Which share of the words synthetic ones stand for in this epoch (from 0) of a run of so many."""
    if epochs < LEAST_EPOCHS:
        return 0.0
    return float(np.clip((NONE_FROM * epochs - epoch) / ((NONE_FROM - ALL_UNTIL) * epochs), 0.0, 1.0))


class Pretraining:
    """The synthetic words of a run, at most `most` and no more than it can show; none where they cannot be drawn.

    They follow from the training words' labels and the seed, so that a resumed run has the same.
    """

    def __init__(self, training: WordBatches, alphabet: Alphabet, most: int, epochs: int, seed: int):
        self._own, self._how, self._epochs = training.words, training.how, epochs
        self._of_canvas: dict[int, list[Word]] = defaultdict(list)
        shown = math.ceil(len(self._own) * sum(share_synthetic(epoch, epochs) for epoch in range(epochs)))
        labels = [alphabet.decode(word.label) for word in self._own if not word.texts]  # what is known to be written
        if count := min(most, shown) if training.may_vary else 0:
            for content, text in draw_words(labels, count, self._how, seed):
                word = Word(content, alphabet.encode(text))
                self._of_canvas[self._canvas(word)].append(word)

    @property
    def words(self) -> int:
        """How many there are."""
        return sum(map(len, self._of_canvas.values()))

    @property
    def epochs_alone(self) -> int:
        """For how many epochs no other words are shown."""
        return math.ceil(ALL_UNTIL * self._epochs) if self.words else 0

    @property
    def epochs(self) -> int:
        """For how many epochs any of them are shown."""
        return math.ceil(NONE_FROM * self._epochs) if self.words else 0

    def substitutes(self, epoch: int) -> Splice:
        """What puts synthetic words in the place of this epoch's share, each on a canvas of the same width."""
        share = share_synthetic(epoch, self._epochs)

        def substitute(i: int, fits: Callable[[int], bool], rng: np.random.Generator) -> Word:
            possible = self._of_canvas.get(self._canvas(self._own[i]))
            if not possible or rng.random() >= share:
                return self._own[i]
            return possible[rng.integers(len(possible))]

        return substitute

    def _canvas(self, word: Word) -> int:
        return canvas_width(word.content.shape[1], self._how)
