"""An image set ready for training: checked, decoded, split; what tuner, trainer and transfer start from."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from utilities.alphabet import Alphabet
from utilities.batches import Word, WordBatches
from utilities.config import Config
from utilities.counts import number_of
from utilities.decoded_image import digest_of_file
from utilities.examination import columns_of, examine, explicit_alphabet
from utilities.image_cache import CACHE_FOLDER
from utilities.image_set import read_image_set, short_name, usable_samples
from utilities.images import Preprocessing
from utilities.metadata import ImageSetError
from utilities.model_card import steps_of
from utilities.rows import Problem, Sample, list_problems
from utilities.split import split_samples
from utilities.texts import normalize

# of a record: what is long, and follows from the rest or is summed up
LONG = ("texts", "groups", "image_digests", "validation_digests", "untranscribed_digests")
NAMED = 50  # groups of training and test that a warning names; the rest is counted


@dataclass(frozen=True)
class TrainingSet:
    """Training and validation samples with their decoded contents (H, w') uint8, and those to rehearse beside.

    Of images that nobody transcribed `texts` has what they may say, with probabilities; their label is the likeliest.
    """

    training: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    contents: dict[Path, np.ndarray]
    how: Preprocessing
    alphabet: Alphabet
    left_out: tuple[Problem, ...]
    record: dict
    overlap: str  # what the images share with those of [test], as a sentence; "" if nothing
    texts: Mapping[Path, Sequence[tuple[str, float]]] = field(default_factory=dict)
    rehearsed: tuple[Sample, ...] = ()

    def batches(
        self, alphabet: Alphabet, frames: Callable[[int], int], batch_size: int, seed: int
    ) -> tuple[WordBatches, WordBatches]:
        """Batches to train on (shuffled, distorted by `seed`) and to validate on (fixed, as they are)."""

        def words(samples):
            return [
                Word(
                    self.contents[s.path],
                    alphabet.encode(s.label),
                    s.group,
                    [(alphabet.encode(text), probability) for text, probability in self.texts.get(s.path, ())],
                )
                for s in samples
            ]

        return (
            WordBatches(words(self.training), self.how, frames, batch_size, seed, words(self.rehearsed)),
            WordBatches(words(self.validation), self.how, frames, batch_size),
        )


def identity(record: Mapping) -> dict[str, object]:
    """What tells one training set's record from another's, in short values, since what differs is shown."""
    short = {name: value for name, value in record.items() if name not in LONG}
    short["names, transcriptions and groups"] = short.pop("fingerprint")
    for name in ("image_digests", "validation_digests"):
        short[name] = hashlib.sha256("".join(record[name]).encode()).hexdigest()[:16]
    return short


def pictures_by_name(samples: Iterable[Sample], digests: Mapping[Path, str]) -> str:
    """What tells an image set from one with the same files under each other's names; `digests` of the files, by path.

    16 hexadecimal digits.
    """
    named = sorted(f"{s.name}\0{digests[s.path]}" for s in samples)
    return hashlib.sha256("\0".join(named).encode()).hexdigest()[:16]


def learnt_digests(record: Mapping) -> set[str]:
    """Of the images that a model and those before it were trained with, those for validation not among them."""
    found = set()
    for step in steps_of(record):
        data = step.get("data", {})
        found |= set(data.get("image_digests", ())) - set(data.get("validation_digests", ()))
        found |= set(data.get("untranscribed_digests", ()))
    return found


def training_set_for(
    config: Config,
    folder: Path,
    how: Preprocessing,
    frames: Callable[[int], int],
    cache: Path = CACHE_FOLDER,
    learnt: Collection[str] = (),
) -> TrainingSet:
    """Read, check, decode and split an image set as the settings say. Raises ImageSetError listing every bad row.

    `learnt`: digests of images that a base model was trained with, on which it is not validated if that can be helped.
    """
    project, train = config.project, config.train
    examined = examine(project, folder, how, frames, cache)
    image_set, decoded, problems = examined.image_set, examined.decoded, examined.problems
    samples = usable_samples(image_set, problems, project.on_bad_rows)
    grouped = bool(project.metadata_group_column)
    digests = {s.path: decoded[s.path].digest for s in samples}
    training, validation = split_samples(samples, train.validation_share, train.seed, grouped, digests, learnt)
    record = {
        "image_set": short_name(folder),
        "fingerprint": image_set.fingerprint,
        "training_images": len(training),
        "validation_images": len(validation),
        "left_out": len(image_set.samples) - len(samples),
        "groups": sorted({s.group for s in samples if s.group}),
        "texts": dict(Counter(normalize(s.label) for s in training)),
        "image_digests": sorted(set(digests.values())),
        "validation_digests": sorted({digests[s.path] for s in validation}),
        "pictures_by_name": pictures_by_name(samples, digests),
        "split": {
            "seed": train.seed,
            "validation_share": train.validation_share,
            "group_column": project.metadata_group_column,
        },
    }
    if known := sum(digests[s.path] in learnt for s in validation):
        record["validated_on_learnt"] = known
    trained = {digests[s.path] for s in training}
    if copies := sum(digests[s.path] in trained for s in validation):
        record["validated_on_copies"] = copies
    alphabet = explicit_alphabet(project) or Alphabet.from_labels(s.label for s in samples)
    contents = {s.path: decoded[s.path].content for s in samples}
    overlap = overlap_with_test(config, folder, record["image_digests"], record["groups"])
    return TrainingSet(training, validation, contents, how, alphabet, problems, record, overlap)


def overlap_with_test(config: Config, folder: Path, digests: Iterable[str], groups: Iterable[str]) -> str:
    """A warning when images, or groups, stand both here and under [test]; "" when that set cannot be read."""
    test = config.test.image_set
    if test is None:
        return ""
    try:
        columns = replace(columns_of(config.project), transcription=None)
        samples = read_image_set(test, columns, config.project.image_format, for_prediction=True).samples
    except ImageSetError:  # not yet in order: its own stage will say so
        return ""
    known = set(digests)
    images = sum(digest_of_file(s.path) in known for s in samples if s.path)
    common = sorted({s.group for s in samples if s.group} & set(groups))
    shared = [number_of(images, "image")] if images else []
    named = ", ".join(common[:NAMED]) + (f" and {len(common) - NAMED} more" if len(common) > NAMED else "")
    column = config.project.metadata_group_column
    shared += [f"{number_of(len(common), 'group')} ({column}: {named})"] if common else []
    if not shared:
        return ""
    return (
        f"WARNING: both in {folder} and in {test}, the [test] set: {' and '.join(shared)}."
        " Its error rate will look better than on new images; keep them apart."
    )


def announce(training_set: TrainingSet) -> str:
    """What the user should know of the images before training starts."""
    images, validated = number_of(len(training_set.training), "image"), len(training_set.validation)
    line = f"{images} to train on, {validated:,} to validate on"
    line += f", {number_of(len(training_set.alphabet.characters), 'different character')}."
    if training_set.left_out:
        line += f"\nLeft out (ON_BAD_ROWS = skip):\n{list_problems(training_set.left_out)}"
    if known := training_set.record.get("validated_on_learnt"):
        line += (
            f"\nWARNING: the base model was trained with {known} of the images to validate on. The validation CER will"
            " look better than it is, and so will confidences. Judge by a test set; better transfer to new words."
        )
    if copies := training_set.record.get("validated_on_copies"):
        images = number_of(copies, "image to validate on is a copy", "images to validate on are copies")
        line += (
            f"\nWARNING: {images} of one to train on, as every page or specimen has some. The validation CER will look"
            " better than it is: leave the copies out."
        )
    if training_set.overlap:
        line += f"\n{training_set.overlap}"
    return line
