"""Learning from images that nobody has transcribed: a model is trained with what one before it read there.

Pseudo-labels (Lee 2013, "Pseudo-label: the simple and efficient semi-supervised learning method for deep neural
networks"): read from several views of an image by a model that leans towards the texts it knows, learnt from distorted
ones. Each time an image is seen its label is drawn anew from what it may say, as often as that is probable (Hinton et
al. 2015, "Distilling the knowledge in a neural network", by whole texts): learnt from the likeliest text alone, a model
takes its own mistakes for sure.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from utilities.chance import in_seeded_order
from utilities.config import Project
from utilities.counts import number_of
from utilities.decoded_image import Decoded
from utilities.examination import columns_of, explicit_alphabet
from utilities.image_cache import CACHE_FOLDER, cached_images
from utilities.image_set import read_image_set, short_name
from utilities.language_reading import texts_of
from utilities.metadata import ImageSetError
from utilities.reader import reader_for
from utilities.rows import Sample, label_problems
from utilities.saved_model import Recognizer
from utilities.training_set import TrainingSet, pictures_by_name

# Confidence of a reading, by its characters (their geometric mean), from which it is learnt from. It is not calibrated:
# a high temperature makes all texts of a beam alike, and so the hopeless ones surer.
SURE = 0.6
LITTLE = 0.2  # of the images: a model that reads fewer surely has to learn from transcriptions first
MOST = 5000  # images that are looked at: more would leave few epochs to the transcribed ones

Texts = Sequence[tuple[str, float]]


def with_untranscribed(
    data: TrainingSet, base: Recognizer, project: Project, folder: Path, cache: Path = CACHE_FOLDER
) -> TrainingSet:
    """The training set and what `base` reads surely of an image set; transcriptions that stand there are not looked at.

    Left alone are images that are transcribed in `data`, and all of the groups that it is validated on. Of more than
    MOST images so many are taken by chance. The record says what was taken, under "untranscribed". Raises ImageSetError
    when no image is left.
    """
    free, decoded = _free(data, project, folder, cache)
    texts = _surely_read(free, {s.path: decoded[s.path].content for s in free}, base, project)
    sure = [replace(s, label=texts[s.path][0][0]) for s in free if s.path in texts]
    digests = {s.path: decoded[s.path].digest for s in sure}
    return replace(
        data,
        training=(*data.training, *sure),
        contents=data.contents | {s.path: decoded[s.path].content for s in sure},
        record=data.record
        | {
            "untranscribed_digests": sorted(set(digests.values())),
            "untranscribed": {
                "image_set": short_name(folder),
                "images": len(free),
                "taken": len(sure),
                "fingerprint": _fingerprint(sure, texts),
                "pictures_by_name": pictures_by_name(sure, digests),
            },
        },
        texts=texts,
    )


def _free(data: TrainingSet, project: Project, folder: Path, cache: Path) -> tuple[list[Sample], dict[Path, Decoded]]:
    """The images of a set that may be learnt from, and the decoded ones. Raises ImageSetError when there is none."""
    columns = replace(columns_of(project), transcription=None)
    image_set = read_image_set(folder, columns, project.image_format, for_prediction=True)
    samples = _by_chance([s for s in image_set.samples if s.path], data.record["split"]["seed"])
    decoded = cached_images(folder, [s.path for s in samples], data.how, cache / "untranscribed")
    known = set(data.record["image_digests"])
    validated = {s.group for s in data.validation if s.group}
    others = [s for s in samples if decoded[s.path].digest not in known]
    readable = [s for s in others if decoded[s.path].content is not None]
    free = [s for s in readable if s.group not in validated]
    if not free:
        transcribed, unreadable = len(samples) - len(others), len(others) - len(readable)
        raise ImageSetError(
            f"No image of {folder} is left to learn from: of {len(samples)}, {transcribed} are transcribed in"
            f" the training set, {unreadable} cannot be read, and the others are of groups that are validated on."
            " Name other images under UNTRANSCRIBED_SET_NAME in setup.cfg, or leave it out."
        )
    return free, decoded


def _surely_read(
    samples: Sequence[Sample], contents: Mapping[Path, np.ndarray], base: Recognizer, project: Project
) -> dict[Path, Texts]:
    """What the images may say, by path, of those that `base` reads surely."""
    reader, alphabet = reader_for(base, several_views=True), explicit_alphabet(project)

    def can_be(sample: Sample, text: str) -> bool:
        lengths = {sample.path: reader.frames(contents[sample.path])}
        as_read = [replace(sample, label=text)]
        return bool(text) and not label_problems(as_read, project.max_label_length, alphabet, lengths)

    beams = reader.beams(contents[s.path] for s in samples)
    as_computed, calibrated = (texts_of(beams, reader.alphabet, t) for t in (1.0, reader.beam_temperature))
    found = {}
    for sample, (first, *_), texts in zip(samples, as_computed, calibrated, strict=True):
        if sureness(*first) >= SURE and (likely := _learnable(texts, partial(can_be, sample))):
            found[sample.path] = likely
    return found


def _learnable(texts: Texts, can_be: Callable[[str], bool]) -> Texts:
    """What an image may say of its `texts`, the likeliest first, probabilities with a sum of 1; nothing if the first
    cannot be.
    """
    if not can_be(texts[0][0]):
        return ()
    likely = [(text, p) for text, p in texts if can_be(text)]
    total = sum(p for _, p in likely)
    return tuple((text, p / total) for text, p in likely)


def sureness(text: str, confidence: float) -> float:
    """Confidence of a reading by its characters: long ones are not thought the less of. 0 for an empty one."""
    return confidence ** (1 / len(text)) if text else 0.0


def _by_chance(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """At most MOST different images, the same ones whatever the order of the rows."""
    different = {s.name: s for s in {s.path: s for s in samples}.values()}
    chosen = in_seeded_order(different, seed)[:MOST]
    return sorted((different[name] for name in chosen), key=lambda s: (s.row, s.name))


def _fingerprint(sure: Sequence[Sample], texts: Mapping[Path, Texts]) -> str:
    digest = hashlib.sha256()
    for s in sure:
        digest.update("\0".join([s.name, *(text for text, _ in texts[s.path])]).encode())
    return digest.hexdigest()


def announce_untranscribed(record: dict) -> str:
    """What was taken, for the user."""
    taken = record["untranscribed"]
    line = (
        f"Read surely enough to learn from (confidence of {SURE:g} a character): {taken['taken']:,} of"
        f" {number_of(taken['images'], 'untranscribed image')} of {taken['image_set']}."
    )
    if taken["taken"] < LITTLE * taken["images"]:
        line += " That is little: transfer without UNTRANSCRIBED_SET_NAME first, and then from the model that you get."
    return line
