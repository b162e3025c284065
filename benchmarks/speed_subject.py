"""What the speed benchmark measures: a model, and images prepared for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from utilities.alphabet import Alphabet
from utilities.config import Config
from utilities.decoders import decode_all
from utilities.errors import UserError
from utilities.examination import columns_of, preprocessing_of
from utilities.full_model import build_full_model
from utilities.hyperparameters import DEFAULTS, resolve
from utilities.image_set import ImageSet, read_image_set
from utilities.images import Preprocessing
from utilities.model import RecognizerSpec
from utilities.saved_model import Recognizer, load_recognizer

ORIGINAL_CANVAS = (100, 400)  # px, height and width; every image is stretched to it


@dataclass(frozen=True)
class Subject:
    """A model, an image set, and the contents (H, w') uint8 of its rows as the model gets them."""

    recognizer: Recognizer
    image_set: ImageSet
    contents: Sequence[np.ndarray]

    @classmethod
    def of(cls, recognizer: Recognizer, image_set: ImageSet) -> "Subject":
        """A model and those rows that can be read; each must have an image."""
        decoded = decode_all([s.path for s in image_set.samples], recognizer.spec.preprocessing)
        pairs = zip(image_set.samples, decoded, strict=True)
        read = [(sample, image.content) for sample, image in pairs if image.content is not None]
        samples, contents = zip(*read, strict=True) if read else ((), ())
        return cls(recognizer, replace(image_set, samples=samples, problems=()), contents)

    def first(self, count: int) -> "Subject":
        """The same model and the first rows."""
        some = replace(self.image_set, samples=self.image_set.samples[:count])
        return replace(self, image_set=some, contents=self.contents[:count])


def subject_of(config: Config, model: Path | None) -> Subject:
    """The labelled images of [test], and a model file's model or a fresh one of [train]. Raises UserError for none."""
    folder, train = config.test.image_set, config.train
    found = read_image_set(folder, columns_of(config.project), config.project.image_format, for_prediction=True)
    samples = tuple(s for s in found.samples if s.path and s.label)
    if model:
        recognizer = load_recognizer(model)
    else:
        alphabet = Alphabet.from_labels(s.label for s in samples)
        values = resolve(train.architecture, train.hyperparameters)
        recognizer = fresh(RecognizerSpec(train.architecture, alphabet, preprocessing_of(config.project), values))
    subject = Subject.of(recognizer, replace(found, samples=samples))
    if not subject.contents:
        raise UserError(f"{folder} has no readable image with a label. Name another image set.")
    return subject


def original_recognizer(alphabet: Alphabet) -> Recognizer:
    """The original workflow's model with its published settings, fresh: speed does not depend on its weights."""
    how = Preprocessing(*ORIGINAL_CANVAS, "stretch")
    return fresh(RecognizerSpec("classic", alphabet, how, DEFAULTS["classic"]))


def fresh(spec: RecognizerSpec) -> Recognizer:
    """A model that has learnt nothing."""
    return Recognizer(spec, build_full_model(spec), {})
