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

MOST_WORDS = 2_000  # of one's own: 1,000 hardly gain by synthetic ones, five times as many did not in what was tried
LEAST_EPOCHS = 50  # of a run that begins with synthetic words: in shorter ones the own words are too seldom seen
NONE_FROM, MOST_SHOWN = 0.35, 25_000  # share of a run's epochs, images: how long any are shown, whichever is shorter
ALONE = 5 / 7  # of that time without others, which are more and more in the rest


def length_for(words: int, epochs: int) -> float:
    """For how many of a run's epochs synthetic words are shown where there are so many of one's own, if they can be."""
    return min(NONE_FROM * epochs, MOST_SHOWN / words) if epochs >= LEAST_EPOCHS and words <= MOST_WORDS else 0.0


class Pretraining:
    """The synthetic words of a run, at most `most` and no more than it can show; none where they cannot be drawn.

    They follow from the training words' labels and the seed, so that a resumed run has the same.
    """

    def __init__(self, training: WordBatches, alphabet: Alphabet, most: int, epochs: int, seed: int):
        self._own, self._how = training.words, training.how
        self._of_canvas: dict[int, list[Word]] = defaultdict(list)
        self._length = length_for(len(self._own), epochs) if training.may_vary else 0.0
        if not self._length:
            return
        labels = [alphabet.decode(word.label) for word in self._own if not word.texts]  # what is known to be written
        shown = math.ceil(len(self._own) * sum(self.share(epoch) for epoch in range(epochs)))
        if count := min(most, shown):
            for content, text in draw_words(labels, count, self._how, seed):
                word = Word(content, alphabet.encode(text))
                self._of_canvas[self._canvas(word)].append(word)

    def share(self, epoch: int) -> float:
        """Which share of the words synthetic ones stand for in this epoch (from 0)."""
        left = self._length - epoch
        return min(1.0, max(0.0, left / ((1 - ALONE) * self._length))) if self._length else 0.0

    @property
    def words(self) -> int:
        """How many there are."""
        return sum(map(len, self._of_canvas.values()))

    @property
    def epochs_alone(self) -> int:
        """For how many epochs no other words are shown."""
        return math.ceil(ALONE * self._length) if self.words else 0

    @property
    def epochs(self) -> int:
        """For how many epochs any of them are shown."""
        return math.ceil(self._length) if self.words else 0

    def substitutes(self, epoch: int) -> Splice:
        """What puts synthetic words in the place of this epoch's share, each on a canvas of the same width."""
        share = self.share(epoch)

        def substitute(i: int, fits: Callable[[int], bool], rng: np.random.Generator) -> Word:
            possible = self._of_canvas.get(self._canvas(self._own[i]))
            if not possible or rng.random() >= share:
                return self._own[i]
            return possible[rng.integers(len(possible))]

        return substitute

    def _canvas(self, word: Word) -> int:
        return canvas_width(word.content.shape[1], self._how)
