"""Model files: one self-contained file of weights, spec and training record; the original workflow's are imported.

A file is rebuilt from its spec and its weights are read into place: nothing in it is ever executed.
"""

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import h5py
import keras
import numpy as np

from utilities.alphabet import Alphabet
from utilities.full_model import CTC, add_ctc, prediction_model_of
from utilities.hyperparameters import ARCHITECTURES, Hyperparameters
from utilities.images import RESIZES, Preprocessing
from utilities.model import RecognizerSpec, build_prediction_model
from utilities.model_card import (
    DESCRIPTION,
    FORMAT_VERSION,
    ModelFileError,
    check_model_file,
    is_original,
    read_description,
)
from utilities.original_model import read_original
from utilities.safe_files import make_folder, require_free_space, whole_file
from utilities.texts import UNICODE_FORM
from utilities.writing_direction import runs_from_right


@dataclass(frozen=True)
class Recognizer:
    """A model ready to read: its spec, the full model, and how it came to be."""

    spec: RecognizerSpec
    full_model: keras.Model
    record: dict

    @cached_property
    def prediction_model(self) -> keras.Model:
        """The part that reads: image (B, W, H, 1) float32 -> logits (B, T, C) float32."""
        return prediction_model_of(self.full_model)


AS_ON_THE_IMAGE = 4  # the format from which on ids of Hebrew and Arabic come as characters stand on the image
MORE = 1.2  # times the weights' bytes that a model file takes, at least
STRAY = 4  # letters of these in the alphabet of a collection in another script


def save_recognizer(path: Path, spec: RecognizerSpec, model: keras.Model, record: dict) -> None:
    """Write a prediction or full model with its description, whole or not at all. The ending chooses the format."""
    kind = "full" if CTC in {layer.name for layer in model.layers} else "prediction"
    known = {"format_version": FORMAT_VERSION, "kind": kind, "record": record, "weights": _digest_of(model)}
    description = json.dumps(describe_spec(spec) | known)
    make_folder(path.parent)
    # HDF5 does not survive a disk that fills up
    require_free_space(path.parent, len(description) + round(MORE * model.count_params() * 4), "the model file")
    with whole_file(path) as temporary:
        if path.suffix == ".keras":
            model.save(temporary)
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(f"{DESCRIPTION}.json", description)
        else:
            model.save(temporary, include_optimizer=False)
            with h5py.File(temporary, "a") as file:
                file.create_dataset(DESCRIPTION, data=description)


def _digest_of(model: keras.Model) -> str:
    """32 hexadecimal digits of the weights' BLAKE2b: a disk's errors can change some that nobody would see."""
    digest = hashlib.blake2b(digest_size=16)
    for weights in model.get_weights():
        digest.update(np.ascontiguousarray(weights, np.float32))
    return digest.hexdigest()


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
        return Recognizer(spec, add_ctc(model), {"origin": f"written by the original workflow: {path.name}"})
    description = read_description(path)
    spec = spec_from(description)
    from_right = sum(map(runs_from_right, spec.alphabet.characters))
    if description["format_version"] < AS_ON_THE_IMAGE and from_right > STRAY:
        raise ModelFileError(
            f"{path} is of a version that learnt Hebrew and Arabic as if they ran from left to right. Train it anew."
        )
    reader = build_prediction_model(spec)
    full = add_ctc(reader)
    target = full if description["kind"] == "full" else reader
    if target is full and description["format_version"] == 1:
        target = add_ctc(reader, with_shortcut=False)
    try:
        target.load_weights(path)
        digest = _digest_of(target)
        problem = None if description.get("weights", digest) == digest else "they have changed since"
    except (ValueError, KeyError, OSError, RuntimeError, zipfile.BadZipFile) as error:
        problem = error
    if problem:
        raise ModelFileError(f"{path}: its weights do not fit its description ({problem}). Take an undamaged copy.")
    return Recognizer(spec, full, description["record"])


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
    if preprocessing["resize"] not in RESIZES:
        raise ModelFileError(
            f"The file's way to resize images {preprocessing['resize']!r} is none of {', '.join(RESIZES)}."
        )
    return RecognizerSpec(
        description["architecture"],
        Alphabet(tuple(description["alphabet"])),
        Preprocessing(**preprocessing),
        Hyperparameters(**description["hyperparameters"]),
    )
