"""Files of the original workflow (TensorFlow 2.9 `.h5`): rebuild `classic` and read the weights into place with h5py.

They hold no alphabet; their classes are [UNK], the characters in sorted order, blank. Ours are blank, characters,
and U+FFFD for what the original called unknown.
"""

import json
from pathlib import Path

import h5py
import keras
import numpy as np

from utilities.alphabet import Alphabet
from utilities.hyperparameters import DEFAULTS, Hyperparameters
from utilities.images import Preprocessing
from utilities.model import HEAD, RecognizerSpec, build_prediction_model

PUBLISHED_CHARACTERS = "' !\"#&()[]*+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
UNKNOWN = "\ufffd"  # REPLACEMENT CHARACTER: a reading of the original's [UNK] class
WEIGHTS = "model_weights"


def read_original(path: Path, alphabet: Alphabet | None) -> tuple[RecognizerSpec, keras.Model]:
    """Spec and prediction model of a file of the original workflow.

    `alphabet` gives the characters of a file whose outputs are not the published 83. Raises ValueError when they do
    not fit, KeyError or OSError for a damaged file.
    """
    with h5py.File(path) as file:
        config = {
            layer["name"]: layer["config"] for layer in json.loads(file.attrs["model_config"])["config"]["layers"]
        }
        names = [name if isinstance(name, str) else name.decode() for name in file[WEIGHTS].attrs["layer_names"]]
        recurrent = [name for name in names if name.startswith("bidirectional")]
        weights = {name: _arrays(file[WEIGHTS][name]) for name in names}
    kernel, bias = weights[HEAD]
    spec = RecognizerSpec(
        "classic", _alphabet(bias.size, alphabet), _canvas(config), _hyperparameters(config, recurrent)
    )
    order = [bias.size - 1, *range(1, bias.size - 1), 0]
    weights[HEAD] = [kernel[:, order], bias[order]]
    model = build_prediction_model(spec)
    ours = ["Conv1", "Conv2", "dense1", "bidirectional_1", "bidirectional_2", HEAD]
    for name, theirs in zip(ours, ["Conv1", "Conv2", "dense1", *recurrent, HEAD], strict=True):
        model.get_layer(name).set_weights(weights[theirs])
    return spec, model


def _alphabet(outputs: int, given: Alphabet | None) -> Alphabet:
    characters = tuple(sorted(PUBLISHED_CHARACTERS))
    if outputs != len(characters) + 2:
        if given is None or outputs != given.classes + 1:
            have = "none is given" if given is None else f"the one given has {len(given.characters)}"
            raise ValueError(
                f"this file of the original workflow has {outputs} outputs and holds no alphabet; set ALPHABET under"
                f" [project] in setup.cfg to its {outputs - 2} characters in their order ({have})."
            )
        characters = given.characters
    return Alphabet((*characters, UNKNOWN))


def _canvas(config: dict) -> Preprocessing:
    _, width, height, _ = config["image"]["batch_input_shape"]
    return Preprocessing(height, width, "stretch")


def _hyperparameters(config: dict, recurrent: list[str]) -> Hyperparameters:
    dropout = next(c["rate"] for name, c in config.items() if name.startswith("dropout"))
    lstm1, lstm2 = (config[name]["layer"]["config"]["units"] for name in recurrent)
    trained = DEFAULTS["classic"]  # batch size and learning rate are not in the file
    return Hyperparameters(
        trained.batch_size,
        config["Conv1"]["kernel_size"][0],
        config["Conv1"]["activation"],
        config["dense1"]["units"],
        dropout,
        lstm1,
        lstm2,
        trained.learning_rate,
    )


def _arrays(layer: h5py.Group) -> list[np.ndarray]:
    """A layer's arrays in Keras's order: forward before backward; kernel, recurrent kernel, bias."""
    found = []
    layer.visititems(lambda name, item: found.append((name, item[()])) if isinstance(item, h5py.Dataset) else None)
    kinds = ["kernel", "recurrent_kernel", "bias"]
    found.sort(key=lambda pair: ("/backward_" in pair[0], kinds.index(pair[0].rpartition("/")[2].partition(":")[0])))
    return [array for _, array in found]
