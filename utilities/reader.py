"""Prepared images -> readings, with one model."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from utilities.alternatives import details
from utilities.batches import buckets
from utilities.decoding import Reading, read
from utilities.folding import fold_batch_norms
from utilities.images import READING_BUCKET, canvas_width, to_canvases
from utilities.language_model import Language, language_of
from utilities.language_reading import read_leaning
from utilities.model import frame_counter
from utilities.saved_model import Recognizer

BATCH_SIZE = 128  # images a prediction step: larger ones are no faster on a CPU


class Reader:
    """Reads prepared contents with one model; `with_details` adds each character's confidence and the runner-up.

    With a `language` readings lean towards it; without, the likeliest class of each time step is read. Later changes of
    the model's weights reach it only if `still_training`, which costs a twentieth of the speed.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        with_details: bool = False,
        still_training: bool = False,
        language: Language | None = None,
    ):
        self.with_details, self.language = with_details, language
        self.spec, self.record = recognizer.spec, recognizer.record
        model = recognizer.prediction_model
        self.model = model if still_training else fold_batch_norms(model)
        self._frames = frame_counter(recognizer.spec)
        calibration = recognizer.record.get("language_calibration" if language else "calibration", {})
        self._temperature = calibration.get("temperature", 1.0)
        self.digests, self.groups = _training_traces(recognizer.record)

    def read(self, contents: Iterable[np.ndarray]) -> list[Reading]:
        """The readings of contents (H, w') uint8; each depends on its own image alone.

        Contents may still be coming in: a batch is read as soon as it is full, its text found while the next is read.
        """
        seen: list[np.ndarray] = []

        def widths():
            for number, content in enumerate(contents):
                seen.append(content)
                yield number, self.canvas_width(content)

        found = []
        with ThreadPoolExecutor(1) as beside:
            for chosen in buckets(widths(), BATCH_SIZE):
                batch = [seen[i] for i in chosen]
                logits = self.model.predict_on_batch(to_canvases(batch, self.canvas_width(batch[0])))
                frames = np.array([self._frames(content.shape[1]) for content in batch])
                found.append((chosen, beside.submit(self._readings, logits, frames)))
        readings = {i: reading for chosen, batch in found for i, reading in zip(chosen, batch.result(), strict=True)}
        return [readings[i] for i in range(len(seen))]

    def canvas_width(self, content: np.ndarray) -> int:
        """Width in px of the canvas that a content (H, w') is read on."""
        return canvas_width(content.shape[1], self.spec.preprocessing, READING_BUCKET)

    def _readings(self, logits: np.ndarray, frames: np.ndarray) -> list[Reading]:
        if self.language:
            language = (self.language, self._temperature, self.with_details)
            return read_leaning(logits, frames, self.spec.alphabet, *language)
        known = (logits, frames, self.spec.alphabet, self._temperature)
        readings = read(*known)
        if not self.with_details:
            return readings
        return [replace(reading, details=d) for reading, d in zip(readings, details(*known), strict=True)]


def reader_for(
    recognizer: Recognizer,
    with_details: bool = False,
    weight: float | None = None,
    lexicon: Mapping[str, int] | None = None,
) -> Reader:
    """The reader of a model as the prediction stage has it: leaning towards the texts it was trained with."""
    language = language_of(recognizer.record, recognizer.spec.alphabet, weight, lexicon)
    return Reader(recognizer, with_details, language=language)


def _training_traces(record: dict) -> tuple[set[str], set[str]]:
    """Digests of the images and names of the groups that a model, or a model it was transferred from, has seen."""
    digests, groups = set(), set()
    while record:
        data = record.get("data", {})
        digests.update(data.get("image_digests", ()))
        groups.update(data.get("groups", ()))
        record = record.get("base")
    return digests, groups
