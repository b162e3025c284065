"""Model files: one self-contained file of weights, spec and training record; the original workflow's are imported.

A file is rebuilt from its spec and its weights are read into place: nothing in it is ever executed.
"""

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import keras

from utilities.alphabet import UNICODE_FORM, Alphabet
from utilities.errors import UserError
from utilities.hyperparameters import ARCHITECTURES, Hyperparameters
from utilities.images import Preprocessing
from utilities.model import CTC, RecognizerSpec, add_ctc, build_prediction_model
from utilities.original_model import is_original, read_original
from utilities.safe_files import whole_file

FORMAT_VERSION = 1
DESCRIPTION = "handwriting_recognizer"  # the name of the description inside the file
MODEL_ENDINGS = (".h5", ".keras")


class ModelFileError(UserError):
    """A file that is no usable model; the text says why and what to do."""


@dataclass(frozen=True)
class Recognizer:
    """A model ready to read: its spec, the prediction model, and how it came to be."""

    spec: RecognizerSpec
    prediction_model: keras.Model
    record: dict

    def full_model(self) -> keras.Model:
        """The same weights with the CTC layer, for training."""
        return add_ctc(self.prediction_model)


def save_recognizer(path: Path, spec: RecognizerSpec, model: keras.Model, record: dict) -> None:
    """Write a prediction or full model with its description, whole or not at all. The ending chooses the format."""
    kind = "full" if CTC in {layer.name for layer in model.layers} else "prediction"
    description = json.dumps(describe_spec(spec) | {"format_version": FORMAT_VERSION, "kind": kind, "record": record})
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        if path.suffix == ".keras":
            model.save(temporary)
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(f"{DESCRIPTION}.json", description)
        else:
            model.save(temporary, include_optimizer=False)
            with h5py.File(temporary, "a") as file:
                file.create_dataset(DESCRIPTION, data=description)


def load_recognizer(path: Path, original_alphabet: Alphabet | None = None) -> Recognizer:
    """Rebuild a recognizer from any model file, full or prediction, ours or the original workflow's.

    `original_alphabet` serves only files of the original workflow whose number of outputs is not the published one.
    Raises ModelFileError.
    """
    check_model_file(path)
    if is_original(path):
        try:
            spec, model = read_original(path, original_alphabet)
        except (KeyError, ValueError, OSError) as error:
            raise ModelFileError(f"{path}: {error.args[0] if error.args else error}") from None
        return Recognizer(spec, model, {"origin": f"written by the original workflow: {path.name}"})
    description = read_description(path)
    spec = spec_from(description)
    model = build_prediction_model(spec)
    target = add_ctc(model) if description["kind"] == "full" else model
    try:
        target.load_weights(path)
    except (ValueError, KeyError, OSError) as error:
        raise ModelFileError(
            f"{path}: its weights do not fit its description ({error}). Take an undamaged copy."
        ) from None
    return Recognizer(spec, model, description["record"])


def check_model_file(path: Path) -> None:
    """Raise ModelFileError unless the path is an existing file with a model's ending."""
    if path.suffix not in MODEL_ENDINGS:
        raise ModelFileError(f"{path} is not a model file: it must end in {' or '.join(MODEL_ENDINGS)}.")
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder, not a model file.")
    if not path.exists():
        near = sorted(p.name for ending in MODEL_ENDINGS for p in path.parent.glob(f"*{ending}"))
        there = f" In that folder: {', '.join(near)}." if near else " Train one with one_model_trainer/task.py."
        raise ModelFileError(f"There is no model file {path}.{there}")


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
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        raise ModelFileError(
            f"{path} is not a model file of this toolkit (or it is damaged): it holds no readable description."
            " Give a .h5 or .keras file from saved_models/."
        ) from None
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path} was written by a newer toolkit (format {version}, this one reads {FORMAT_VERSION}). Update it."
        )
    return description


def describe_spec(spec: RecognizerSpec) -> dict:
    """The spec as JSON-ready values."""
    return {
        "architecture": spec.architecture,
        "alphabet": list(spec.alphabet.characters),
        "unicode_form": UNICODE_FORM,
        "preprocessing": asdict(spec.preprocessing) | {"ink_is_light": spec.preprocessing.ink_is_light},
        "hyperparameters": asdict(spec.hyperparameters),
    }


def spec_from(description: dict) -> RecognizerSpec:
    """The spec of a description. Raises ModelFileError for what this version cannot build."""
    if description["architecture"] not in ARCHITECTURES:
        raise ModelFileError(
            f"The file's architecture {description['architecture']!r} is none of {', '.join(ARCHITECTURES)}."
        )
    preprocessing = {k: v for k, v in description["preprocessing"].items() if k != "ink_is_light"}
    return RecognizerSpec(
        description["architecture"],
        Alphabet(tuple(description["alphabet"])),
        Preprocessing(**preprocessing),
        Hyperparameters(**description["hyperparameters"]),
    )


def model_card(path: Path) -> str:
    """What a model file says of itself, for people."""
    check_model_file(path)
    if is_original(path):
        return f"{path}: a model of the original workflow; it holds no description of itself."
    d = read_description(path)
    record, how = d["record"], d["preprocessing"]
    lines = [
        f"{path}: {d['kind']} model, format {d['format_version']}",
        f"architecture     {d['architecture']}",
        *(f"  {name:<16} {value}" for name, value in d["hyperparameters"].items()),
        f"reads            images scaled ({how['resize']}) to {how['height']} px high, at most {how['width']} px wide",
        f"characters       {len(d['alphabet'])}: {''.join(d['alphabet'])}",
    ]
    while record:
        lines += _record_lines(record)
        record = record.get("base")
        lines += ["transferred from a model"] if record else []
    return "\n".join(lines)


def _record_lines(record: dict) -> list[str]:
    if "data" not in record:
        return [f"  {key:<14} {value}" for key, value in record.items()]
    data, plan, result = record["data"], record["plan"], record["result"]
    return [
        f"  trained        {record['date']}, {record['epochs_run']} epochs in {record['seconds'] / 60:.0f} min",
        f"  images         {data['training_images']} of {data['image_set']} (validated on {data['validation_images']})",
        f"  validation CER {100 * result['val_cer']:.2f} % in epoch {result['epoch']}",
        f"  learning rate  {plan['learning_rate']:g}, seed {plan['seed']}",
        f"  versions       {', '.join(f'{k} {v}' for k, v in record['versions'].items())}, backend {record['backend']}",
    ]
