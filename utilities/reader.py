"""Prepared images -> readings, with one model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain

import numpy as np

from utilities.alphabet import Alphabet
from utilities.alternatives import details
from utilities.batches import buckets
from utilities.beam_search import Beam, beam_search
from utilities.decoding import Reading, log_softmax, read
from utilities.folding import fold_batch_norms
from utilities.images import READING_BUCKET, canvas_width, to_canvases
from utilities.language_model import WEIGHT, Language, language_of
from utilities.language_reading import read_leaning
from utilities.model import FrameCounter
from utilities.model_card import steps_of
from utilities.saved_model import Recognizer
from utilities.sights import Sight, merged, read_together
from utilities.views import ONE_VIEW, SEVERAL_VIEWS, View

MOST_WAITING = 4  # batches that wait for their texts
BATCH_SIZE = 128  # images a prediction step: larger ones are no faster on a CPU
MOST_PIXELS = 5_200_000  # ... that these have at most: features of long lines take some 600 MB so
MOST_LOGITS = 20_000_000  # ... and numbers for the classes, of which there may be thousands: 80 MB


class Reader:
    """Reads prepared contents with one model; `with_details` adds each character's confidence and the runner-up.

    With a `language` readings lean towards it; without, the likeliest class of each time step is read. Of several
    `views` of each image the text is read that is likeliest in the mean. Later changes of the model's weights reach it
    only if `still_training`, which costs a twentieth of the speed.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        with_details: bool = False,
        still_training: bool = False,
        language: Language | None = None,
        views: Sequence[View] = ONE_VIEW,
    ):
        self.with_details, self.language, self.views = with_details, language, views
        self.spec, self.record = recognizer.spec, recognizer.record
        model = recognizer.prediction_model
        self.model = model if still_training else fold_batch_norms(model)
        self._frame_counter = FrameCounter(self.model)
        calibration = recognizer.record.get("language_calibration" if language else "calibration", {})
        self._temperature = calibration.get("temperature", 1.0)
        if language:  # fitted with WEIGHT: a language that weighs more puts scores further apart, and is no surer
            self._temperature *= max(1.0, language.weight / WEIGHT)
        self.beam_temperature = self._temperature if language else 1.0  # else it divides the logits: see `_sights`
        self.digests, self.groups, self.untranscribed = _training_traces(recognizer.record)

    @property
    def alphabet(self) -> Alphabet:
        """The characters that it can read."""
        return self.spec.alphabet

    @property
    def manner(self) -> str:
        """What its readings are, as the end of a sentence."""
        several = f"{len(self.views)} views of the image" if len(self.views) > 1 else ""
        if self.language:
            return f"{self.language}" + (f", from {several}" if several else "")
        return f"are what {several} show" if several else "are what the image shows"

    def frames(self, content: np.ndarray) -> int:
        """The time steps that content (H, w') has."""
        return self._frame_counter(content.shape[1])

    def read(self, contents: Iterable[np.ndarray]) -> list[Reading]:
        """The readings of contents (H, w') uint8; each depends on its own image alone.

        Contents may still be coming in: a batch is read as soon as it is full, its text found while the next is read.
        """
        if len(self.views) == 1:
            return self._in_batches(contents, self._readings)
        return self._together(self._seen(contents))

    def read_and_see(self, contents: Iterable[np.ndarray]) -> tuple[list[Reading], list[Sequence[Sight]]]:
        """The readings as of `read`; and all sights of each image, for an ensemble."""
        if self.language or len(self.views) > 1:
            seen = self._seen(contents)
            return self._together(seen), seen

        def both(logits, frames):
            return [
                (reading, [sight])
                for reading, sight in zip(self._readings(logits, frames), self._sights(logits, frames), strict=True)
            ]

        found = self._in_batches(contents, both)
        return [reading for reading, _ in found], [sights for _, sights in found]

    def beams(self, contents: Iterable[np.ndarray]) -> list[Beam]:
        """What each of the contents may say, the likeliest first; `texts_of` makes texts and probabilities of it."""
        return [merged(sights) for sights in self._seen(contents)]

    def _seen(self, contents: Iterable[np.ndarray]) -> list[Sequence[Sight]]:
        """The sights of each image, one from each view."""
        sights = self._in_batches(contents, self._sights)
        return [sights[first : first + len(self.views)] for first in range(0, len(sights), len(self.views))]

    def _together(self, seen: Sequence[Sequence[Sight]]) -> list[Reading]:
        return read_together(seen, self.alphabet, self.beam_temperature, self.with_details)

    def _in_batches(self, contents: Iterable[np.ndarray], make: Callable[[np.ndarray, np.ndarray], list]) -> list:
        """What `make` finds in the logits (B, T, C) and true time steps (B,) of each view of the contents, in order."""
        waiting: dict[int, np.ndarray] = {}  # views of the contents, in their order

        def widths():
            seen = (view.of(content, self.spec.preprocessing) for content in contents for view in self.views)
            for number, content in enumerate(seen):
                waiting[number] = content
                yield number, self.canvas_width(content)

        order, coming, seen = [], [], []
        with ThreadPoolExecutor(1) as beside:
            full = 0.0  # batches, of those that are seen and not yet read
            for chosen in buckets(widths(), self.batch_size):
                batch = [waiting.pop(i) for i in chosen]
                logits = self.model.predict_on_batch(to_canvases(batch, self.canvas_width(batch[0])))
                seen.append((logits, np.array([self.frames(content) for content in batch])))
                order += chosen
                full += len(chosen) / self.batch_size(self.canvas_width(batch[0]))
                if full >= 1:  # small batches take as long as large ones
                    coming.append(beside.submit(make, *_stacked(seen)))
                    seen, full = [], 0.0
                if len(coming) > MOST_WAITING:  # else logits of thousands of characters pile up in memory
                    coming[-MOST_WAITING].result()
            if seen:
                coming.append(beside.submit(make, *_stacked(seen)))
        found = dict(zip(order, chain.from_iterable(batch.result() for batch in coming), strict=True))
        return [found[i] for i in range(len(found))]

    def batch_size(self, width: int) -> int:
        """How many canvases of this width (px) are read in one step: as many as memory surely holds."""
        logits = self._frame_counter(width) * self.alphabet.classes
        most = min(MOST_PIXELS // (width * self.spec.preprocessing.height), MOST_LOGITS // logits)
        return max(1, min(BATCH_SIZE, most))

    def canvas_width(self, content: np.ndarray) -> int:
        """Width in px of the canvas that a content (H, w') is read on."""
        return canvas_width(content.shape[1], self.spec.preprocessing, READING_BUCKET)

    def _readings(self, logits: np.ndarray, frames: np.ndarray) -> list[Reading]:
        if self.language:
            language = (self.language, self._temperature, self.with_details)
            return read_leaning(logits, frames, self.alphabet, *language)
        known = (logits, frames, self.alphabet, self._temperature)
        readings = read(*known)
        if not self.with_details:
            return readings
        return [replace(reading, details=d) for reading, d in zip(readings, details(*known), strict=True)]

    def _sights(self, logits: np.ndarray, frames: np.ndarray) -> list[Sight]:
        """What each view of a batch may say; without a language the temperature divides the logits, as in `read`."""
        scores = log_softmax(logits if self.language else logits / self._temperature)
        beams, leans = beam_search(scores, frames, self.language), self.language is not None
        rows = (row[:count].copy() if self.with_details else None for row, count in zip(scores, frames, strict=True))
        return [Sight(beam, leans, row) for beam, row in zip(beams, rows, strict=True)]


def _stacked(batches: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Logits (B, T, C) and true time steps (B,) of several batches as one, the shorter ones with zeros behind."""
    if len(batches) == 1:
        return batches[0]
    steps = max(logits.shape[1] for logits, _ in batches)
    padded = [np.pad(logits, ((0, 0), (0, steps - logits.shape[1]), (0, 0))) for logits, _ in batches]
    return np.concatenate(padded), np.concatenate([frames for _, frames in batches])


def reader_for(
    recognizer: Recognizer,
    with_details: bool = False,
    weight: float | None = None,
    lexicon: Mapping[str, int] | None = None,
    several_views: bool = False,
) -> Reader:
    """The reader of a model as the prediction stage has it: leaning towards the texts it was trained with."""
    language = language_of(recognizer.record, recognizer.spec.alphabet, weight, lexicon)
    views = SEVERAL_VIEWS if several_views else ONE_VIEW
    return Reader(recognizer, with_details, language=language, views=views)


def _training_traces(record: dict) -> tuple[set[str], set[tuple[str, str]], set[str]]:
    """Digests of the images that a model, or a model it was transferred from, has seen transcribed; their groups; and
    digests of those that it has learnt from without their transcriptions.

    A group is its column's name and its own: writer 7 of one collection is not page 7 of another.
    """
    digests, groups, untranscribed = set(), set(), set()
    for step in steps_of(record):
        data = step.get("data", {})
        digests.update(data.get("image_digests", ()))
        untranscribed.update(data.get("untranscribed_digests", ()))
        groups.update((data["split"]["group_column"], group) for group in data.get("groups", ()))
    return digests, groups, untranscribed
