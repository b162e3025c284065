"""Decoded images and labels -> batches of one canvas width each, for any Keras backend."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import keras
import numpy as np

from utilities.alphabet import BLANK
from utilities.augmentation import CUT, augment, cut_for
from utilities.images import Preprocessing, canvas_width, to_canvases

THREADS = 2  # that prepare batches while the model trains on earlier ones; more only wait for each other (see below)
REHEARSED = 0.5  # words of the base model's set, for each of the set that is learnt

# a word's number, whether a width in px fits, a source of chance -> that word, or another that begins like it
Splice = Callable[[int, Callable[[int], bool], np.random.Generator], "Word"]


@dataclass(frozen=True)
class Word:
    """One image to read: its content (H, w') uint8, the class ids of its label (L,) int32, and whose hand it is.

    Where nobody transcribed it, `label` is its likeliest text, and `texts` what it may say, with probabilities.
    """

    content: np.ndarray
    label: np.ndarray
    hand: str = ""
    texts: Sequence[tuple[np.ndarray, float]] = ()

    @property
    def longest(self) -> int:
        """Characters of the longest text that it may say."""
        return max(len(self.label), *(len(ids) for ids, _ in self.texts), 0)

    def drawn(self, rng: np.random.Generator) -> "Word":
        """The word with one of its texts for a label, each as often as it is probable; itself where it has none."""
        if not self.texts:
            return self
        chosen = rng.choice(len(self.texts), p=[probability for _, probability in self.texts])
        return Word(self.content, self.texts[chosen][0], self.hand)

    @property
    def frames_needed(self) -> int:
        """Time steps that CTC needs for the label: a blank stands between equal neighbours."""
        return len(self.label) + int(np.sum(self.label[1:] == self.label[:-1]))


def buckets(widths: Iterable[tuple[int, int]], batch_size: Callable[[int], int]) -> Iterator[list[int]]:
    """Batches of indices of equal width from pairs (index, width), each as soon as it is full.

    `batch_size`: width -> how many indices of it are in a batch at most.
    """
    waiting = defaultdict(list)
    for i, width in widths:
        waiting[width].append(i)
        if len(waiting[width]) == batch_size(width):
            yield waiting.pop(width)
    for width in sorted(waiting):
        yield waiting[width]


def rehearsed_an_epoch(words: int, others: int) -> int:
    """How many of `others` are rehearsed in an epoch of `words` to learn."""
    return min(others, round(REHEARSED * words))


def _shares(widths: Sequence[int], number: int) -> list[tuple[np.ndarray, int]]:
    """Places of words of equal canvas width, and how many of them to choose so that there are `number` in all.

    As many of each width in every epoch, so that epochs have equal numbers of batches, of equal weight; of a width that
    is very rare, none.
    """
    kinds = [np.flatnonzero(np.equal(widths, width)) for width in sorted(set(widths))]
    ends = np.rint(np.cumsum([len(places) for places in kinds]) * number / max(1, len(widths))).astype(int)
    return list(zip(kinds, np.diff(ends, prepend=0).tolist(), strict=True))


class WordBatches(keras.utils.PyDataset):
    """Batches ({image, label, label_length, frames},) for the full model.

    image (B, W, H, 1) float32 in [0, 1]; label (B, L) int32 padded with the blank; label_length, frames (B, 1) int32.
    An image's canvas follows from its own width alone. With `seed`, order and distortions follow from the seed and
    `epoch` (counted from 0), which advances by itself; without it, batches come in a fixed order, undistorted.
    Of `rehearsed` words, REHEARSED for each of `words` are shown in an epoch, others each time; of very rare canvas
    widths, none.
    """

    def __init__(
        self,
        words: Sequence[Word],
        how: Preprocessing,
        frames_for_width: Callable[[int], int],
        batch_size: int,
        seed: int | None = None,
        rehearsed: Sequence[Word] = (),
    ):
        # with two threads or more Keras queues batches itself; with one it leaves that to tf.data, whose autotuner
        # keeps TensorFlow (2.21) waiting for seconds when an epoch ends, all cores idle. Python runs one thread at a
        # time and these hand over to each other at every small step: eight on 16 cores made 510 images a second ready,
        # one thread on another processor makes 5,000
        super().__init__(workers=THREADS)
        self.batch_size = batch_size
        self.words, self.how, self._frames, self._seed = words, how, frames_for_width, seed
        self._all = (*words, *rehearsed)
        self._splice: Splice | None = None
        self._cut = CUT
        self._longest_label = max(word.longest for word in self._all)
        self._widths = [canvas_width(word.content.shape[1], how) for word in self._all]
        self._shares = _shares(self._widths[len(words) :], rehearsed_an_epoch(len(words), len(rehearsed)))
        self.start_epoch(0)

    def plan(self, epochs: int) -> None:
        """Fit the distortions to a run of so many epochs."""
        self._cut = cut_for(epochs * self.images_an_epoch)

    @property
    def images_an_epoch(self) -> int:
        """How many images an epoch shows, those that are rehearsed with them."""
        return sum(images for images, _ in self.shapes())

    @property
    def may_vary(self) -> bool:
        """Whether words are shown in other ways than they are, of other widths too."""
        return self._seed is not None and self.how.ink_is_light

    def splice_with(self, splice: Splice | None) -> None:
        """From now on show words as this puts them together; None: as they are."""
        self._splice = splice

    def start_epoch(self, epoch: int) -> None:
        """Fix the order of the batches for this epoch."""
        self.epoch = epoch
        cv2.setNumThreads(0)  # OpenCV's threads would wait in a busy loop for the framework's: half the speed
        if self._seed is None:
            words = enumerate(self._widths[: len(self.words)])
            self._batches = self._two_widths_first(list(buckets(words, lambda width: self.batch_size)))
            return
        rng = np.random.default_rng((self._seed, epoch))
        own = len(self.words)
        again = [own + rng.choice(places, number, replace=False) for places, number in self._shares]
        shuffled = ((i, self._widths[i]) for i in rng.permutation(np.concatenate([np.arange(own), *again])))
        batches = list(buckets(shuffled, lambda width: self.batch_size))
        self._batches = self._two_widths_first([batches[i] for i in rng.permutation(len(batches))])

    def _two_widths_first(self, batches: list[list[int]]) -> list[list[int]]:
        """Keras on TensorFlow fixes a dimension in which the first two batches agree: let their widths differ."""
        width = self._widths[batches[0][0]]
        other = next((i for i, batch in enumerate(batches) if self._widths[batch[0]] != width), None)
        if other is not None:
            batches[1], batches[other] = batches[other], batches[1]
        return batches

    def on_epoch_end(self):
        self.start_epoch(self.epoch + 1)

    def __len__(self):
        return len(self._batches)

    def with_batch_size(self, batch_size: int) -> "WordBatches":
        """The same words in batches of another size; itself if that is its own."""
        if batch_size == self.batch_size:
            return self
        return WordBatches(self.words, self.how, self._frames, batch_size, self._seed, self._all[len(self.words) :])

    def as_they_are(self) -> "WordBatches":
        """The same words in a fixed order, undistorted."""
        return WordBatches(self.words, self.how, self._frames, self.batch_size)

    def shapes(self) -> list[tuple[int, int]]:
        """(images, canvas width in px) of each batch of this epoch."""
        return [(len(batch), self._widths[batch[0]]) for batch in self._batches]

    def heaviest(self) -> int:
        """The number of the batch with most pixels, which needs most memory."""
        areas = list(map(math.prod, self.shapes()))
        return areas.index(max(areas))

    def indices(self, number: int) -> list[int]:
        """Which words batch `number` holds, in its order."""
        return self._batches[number]

    def __getitem__(self, number):
        chosen = self._batches[number]
        width = self._widths[chosen[0]]
        words = [self._all[i] for i in chosen]
        contents = [word.content for word in words]
        if self._seed is not None:
            rng = np.random.default_rng((self._seed, self.epoch, number))
            if self._splice:
                words = [self._spliced(i, width, rng) for i in chosen]
            words = [word.drawn(rng) for word in words]
            contents = [self._distorted(word, width, rng) for word in words]
        return (inputs(contents, [word.label for word in words], width, self._frames, self._longest_label),)

    def _spliced(self, i: int, width: int, rng: np.random.Generator) -> Word:
        """Word `i` as it is put together now; of those that are rehearsed there are enough."""
        if i >= len(self.words):
            return self._all[i]
        word = self._splice(i, lambda w: w <= self.how.width and canvas_width(w, self.how) == width, rng)
        return word if self._frames(word.content.shape[1]) >= word.frames_needed else self._all[i]

    def _distorted(self, word: Word, width: int, rng: np.random.Generator) -> np.ndarray:
        """The word's content distorted, or as it is where too few time steps for its label would be left."""
        if self.how.ink_is_light:
            content = augment(word.content, width, rng, self._cut)
        else:
            content = 255 - augment(255 - word.content, width, rng, self._cut)
            padding = width - content.shape[1]  # by paper here: a canvas's own padding would be ink
            content = cv2.copyMakeBorder(content, 0, 0, 0, padding, cv2.BORDER_CONSTANT, value=255)
        return content if self._frames(content.shape[1]) >= word.frames_needed else word.content


def inputs(
    contents: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    width: int,
    frames_for_width: Callable[[int], int],
    longest_label: int,
) -> dict[str, np.ndarray]:
    """The full model's inputs for contents that share a canvas width, labels padded to `longest_label`."""
    label = np.full((len(labels), max(1, longest_label)), BLANK, np.int32)
    for row, ids in zip(label, labels, strict=True):
        row[: len(ids)] = ids
    frames = [frames_for_width(content.shape[1]) for content in contents]
    return {
        "image": to_canvases(contents, width),
        "label": label,
        "label_length": np.array([[len(ids)] for ids in labels], np.int32),
        "frames": np.array(frames, np.int32)[:, None],
    }
