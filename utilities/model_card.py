"""What a model file says of itself, read without starting a framework."""

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import h5py

from utilities.counts import number_of
from utilities.durations import duration
from utilities.errors import UserError

# 1: full models without the shortcut head; 2: every image kept its aspect ratio or was stretched; 3: Hebrew and Arabic
# were learnt as if they ran from left to right
FORMAT_VERSION = 4
DESCRIPTION = "handwriting_recognizer"  # the name of the description inside the file
MODEL_ENDINGS = (".h5", ".keras")


class ModelFileError(UserError):
    """A file that is no usable model; the text says why and what to do."""


def check_model_file(path: Path) -> None:
    """Raise ModelFileError unless the path is a file with a model's ending that this user may read."""
    if path.suffix not in MODEL_ENDINGS:
        raise ModelFileError(f"{path} is not a model file: it must end in {' or '.join(MODEL_ENDINGS)}.")
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder, not a model file.")
    if not path.exists():
        near = sorted(p.name for ending in MODEL_ENDINGS for p in path.parent.glob(f"*{ending}"))
        there = f" In that folder: {', '.join(near)}." if near else " Train one with one_model_trainer/task.py."
        raise ModelFileError(f"There is no model file {path}.{there}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be read: {error.strerror}. Ask for the permission, or see that its disk is there."
        ) from None


def check_model_files(paths: Iterable[Path]) -> None:
    """Raise ModelFileError that says of each path what keeps it from being read as a model, if anything does."""
    problems = []
    for path in paths:
        try:
            check_model_file(path)
            if not is_original(path):
                read_description(path)
        except ModelFileError as error:
            problems.append(str(error))
    if problems:
        raise ModelFileError("\n".join(problems))


def read_description(path: Path) -> dict:
    """The description in a model file, without building anything. Raises ModelFileError."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                text = archive.read(f"{DESCRIPTION}.json").decode()
        else:
            with h5py.File(path) as file:
                text = file[DESCRIPTION][()].decode()
        description = json.loads(text)
        version = description["format_version"]
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, RuntimeError):  # the last is HDF5's
        raise ModelFileError(
            f"{path} is not a model file of this toolkit (or it is damaged): it holds no readable description."
            " Give a .h5 or .keras file from saved_models/."
        ) from None
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path} was written by a newer toolkit (format {version}, this one reads {FORMAT_VERSION}). Update it."
        )
    return description


def is_original(path: Path) -> bool:
    """Whether this is an `.h5` file with the original workflow's layers and no description of ours."""
    try:
        with h5py.File(path) as file:
            layers = file.get("model_weights", {})
            return DESCRIPTION not in file and {"Conv1", "Conv2", "dense1", "dense_layer"} <= set(layers)
    except (OSError, RuntimeError):
        return False


def model_card(path: Path) -> str:
    """What a model file says of itself, for people."""
    check_model_file(path)
    if is_original(path):
        return f"{path}: a model of the original workflow; it holds no description of itself."
    d = read_description(path)
    how = d["preprocessing"]
    lines = [
        f"{path}: {d['kind']} model, format {d['format_version']}",
        f"architecture     {d['architecture']}",
        *(f"  {name:<16} {value}" for name, value in d["hyperparameters"].items()),
        f"reads            images scaled ({how['resize']}) to {how['height']} px high, at most {how['width']} px wide",
        f"characters       {len(d['alphabet'])}: {''.join(d['alphabet'])}",
    ]
    steps = ["\n".join(_record_lines(step)) for step in steps_of(d["record"])]
    return "\n".join([*lines, "\ntransferred from a model\n".join(steps)])


def steps_of(record: Mapping | None) -> Iterator[Mapping]:
    """The training record of a model, then those of the models before it that it was transferred from."""
    while record:
        yield record
        record = record.get("base")


def _record_lines(record: dict) -> list[str]:
    if "data" not in record:
        return [f"  {key:<14} {value}" for key, value in record.items()]
    data, plan, result = record["data"], record["plan"], record["result"]
    length = f"{number_of(record['epochs_run'], 'epoch')} in {duration(record['seconds'])}"
    images = f"{data['training_images']:,} of {data['image_set']} (validated on {data['validation_images']:,})"
    return [
        f"  trained        {record['date']}, {length}",
        f"  images         {images}",
        *_untranscribed_lines(data.get("untranscribed")),
        *_rehearsed_lines(data.get("rehearsed")),
        *_synthetic_lines(record.get("synthetic_words")),
        f"  validation CER {100 * result['val_cer']:.2f} % in epoch {result['epoch']}",
        *_learnt_lines(data.get("validated_on_learnt"), "the model before was trained with"),
        *_learnt_lines(data.get("validated_on_copies"), "it was trained with copies of"),
        *_calibration_lines(record.get("calibration"), "read letter by letter"),
        *_calibration_lines(record.get("language_calibration"), _leaning(data)),
        f"  learning rate  {plan['learning_rate']:g}, seed {plan['seed']}",
        f"  versions       {', '.join(f'{k} {v}' for k, v in record['versions'].items())}, backend {record['backend']}",
        *_products_lines(record.get("training_products")),
    ]


def _untranscribed_lines(taken: dict | None) -> list[str]:
    if not taken:
        return []
    return [f"                 and {taken['taken']:,} of {taken['image_set']} as the model before it read them"]


def _rehearsed_lines(again: dict | None) -> list[str]:
    return [f"                 beside some of {again['images']:,} of {again['image_set']} again"] if again else []


def _learnt_lines(known: int | None, why: str) -> list[str]:
    return [f"                 (looks too good: {why} {known} of these images)"] if known else []


def _synthetic_lines(words: int | None) -> list[str]:
    return [f"                 after {number_of(words, 'word')} drawn by the computer"] if words else []


def _leaning(data: dict) -> str:
    of_base = f", {data['texts_of_base']} of them the base model's" if "texts_of_base" in data else ""
    return f"leaning towards {number_of(len(data.get('texts', ())), 'text')}{of_base}"


def _products_lines(kind: str | None) -> list[str]:
    return [f"                 layers multiplied in {kind} while they trained"] if kind else []


def _calibration_lines(calibration: dict | None, how: str) -> list[str]:
    if not calibration:
        return []
    before, after = (100 * calibration[key] for key in ("ece_before", "ece_after"))
    chance = calibration.get("ece_by_chance")
    of_so_many = f"; of so few words chance alone makes {100 * chance:.1f}" if chance else ""
    return [
        f"  confidence     {how}: calibrated on {number_of(calibration['words'], 'word')}, wrong by {before:.1f} points"
        f" on average before, {after:.1f} after{of_so_many} (temperature {calibration['temperature']:g})"
    ]
