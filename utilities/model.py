"""RecognizerSpec -> Keras models: a prediction model (image -> logits) and a full model that ends in the CTC layer.

Layers are named; the time steps of an architecture are derived by running its shapes, never written down.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import layers, ops

from utilities.alphabet import Alphabet
from utilities.ctc import ctc_losses
from utilities.hyperparameters import Hyperparameters
from utilities.images import Preprocessing

PACKAGE = "handwriting"  # namespace of our layers in saved files
HEAD = "dense_layer"  # the output layer's name, as in the original workflow
CTC = "ctc_loss"


@dataclass(frozen=True)
class RecognizerSpec:
    """Everything needed to rebuild a recognizer: what it reads, how images reach it, and its layers."""

    architecture: str
    alphabet: Alphabet
    preprocessing: Preprocessing
    hyperparameters: Hyperparameters

    def with_alphabet(self, alphabet: Alphabet) -> "RecognizerSpec":
        """The same recognizer with another alphabet."""
        return replace(self, alphabet=alphabet)


@keras.saving.register_keras_serializable(PACKAGE)
class CTCLayer(layers.Layer):
    """Adds the CTC loss (Graves et al. 2006) and passes the logits on.

    Inputs as of `ctc_losses`. The loss runs in float32 whatever the policy.
    """

    def call(self, logits, label, label_length, frames):
        self.add_loss(ops.mean(ctc_losses(logits, label, label_length, frames)))
        return logits


@keras.saving.register_keras_serializable(PACKAGE)
class ColumnMaxPooling(layers.Layer):
    """(B, W, H, C) -> (B, W, C): the strongest response of each column (Retsinas et al. 2022)."""

    def call(self, features):
        return ops.max(features, axis=2)

    def compute_output_shape(self, shape):
        return (shape[0], shape[1], shape[3])


@keras.saving.register_keras_serializable(PACKAGE)
class ColumnFlatten(layers.Layer):
    """(B, W, H, C) -> (B, W, H * C): every column's features side by side, whatever the width."""

    def call(self, features):
        return ops.reshape(features, (-1, ops.shape(features)[1], features.shape[2] * features.shape[3]))

    def compute_output_shape(self, shape):
        return (shape[0], shape[1], shape[2] * shape[3])


def _bilstm(units: int, dropout: float, number: int):
    lstm = layers.LSTM(units, return_sequences=True, dropout=dropout, name=f"lstm_{number}")
    return layers.Bidirectional(lstm, name=f"bidirectional_{number}")


def _classic(image, h: Hyperparameters):
    """The original workflow's layers up to the head, one for one."""
    x = image
    for number, filters in enumerate((32, 64), start=1):
        x = layers.Conv2D(
            filters,
            h.kernel_size,
            activation=h.activation,
            padding="same",
            kernel_initializer="he_normal",
            name=f"Conv{number}",
        )(x)
        x = layers.MaxPooling2D((2, 2), name=f"pool{number}")(x)
    x = ColumnFlatten(name="reshape")(x)
    x = layers.Dense(h.num_units_dense, activation=h.activation, name="dense1")(x)
    x = layers.Dropout(h.dropout, name="dropout")(x)
    x = _bilstm(h.num_units_lstm1, 0.25, 1)(x)
    return _bilstm(h.num_units_lstm2, 0.25, 2)(x)


# (filters, strides in width and height) of the compact architecture's convolutions: a quarter of the width remains,
# a sixteenth of the height
_COMPACT_CONVOLUTIONS = ((32, (2, 2)), (64, (2, 2)), (128, (1, 2)), (128, (1, 2)))


def _compact(image, h: Hyperparameters):
    """A strided CNN with batch norm, column max-pooling, and two BiLSTMs: little arithmetic for its accuracy."""
    x = image
    for number, (filters, strides) in enumerate(_COMPACT_CONVOLUTIONS, start=1):
        x = layers.Conv2D(
            filters,
            h.kernel_size,
            strides=strides,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"Conv{number}",
        )(x)
        x = layers.BatchNormalization(momentum=0.95, name=f"norm{number}")(x)
        x = layers.Activation(h.activation, name=f"activation{number}")(x)
    x = ColumnMaxPooling(name="column_pool")(x)
    x = layers.Dense(h.num_units_dense, activation=h.activation, name="dense1")(x)
    x = layers.Dropout(h.dropout, name="dropout")(x)
    x = _bilstm(h.num_units_lstm1, h.dropout, 1)(x)
    return _bilstm(h.num_units_lstm2, h.dropout, 2)(x)


_BODIES: dict[str, Callable] = {"classic": _classic, "compact": _compact}


def build_prediction_model(spec: RecognizerSpec) -> keras.Model:
    """Image (B, W, H, 1) float32 -> logits (B, T, C) float32; any width W that the strides divide."""
    image = keras.Input((None, spec.preprocessing.height, 1), name="image")
    features = _BODIES[spec.architecture](image, spec.hyperparameters)
    logits = layers.Dense(spec.alphabet.classes, dtype="float32", name=HEAD)(features)
    return keras.Model(image, logits, name=f"{spec.architecture}_prediction")


def add_ctc(prediction_model: keras.Model) -> keras.Model:
    """The full model: the same layers, with inputs for labels and true lengths, ending in the CTC layer."""
    label = keras.Input((None,), dtype="int32", name="label")
    label_length = keras.Input((1,), dtype="int32", name="label_length")
    frames = keras.Input((1,), dtype="int32", name="frames")
    image = prediction_model.input
    output = CTCLayer(dtype="float32", name=CTC)(prediction_model.output, label, label_length, frames)
    inputs = {"image": image, "label": label, "label_length": label_length, "frames": frames}
    return keras.Model(inputs, output, name=prediction_model.name.replace("prediction", "full"))


class FrameCounter:
    """Image width in px -> time steps of an architecture, by running its shapes."""

    def __init__(self, architecture: str, height: int, hyperparameters: Hyperparameters):
        image = keras.Input((None, height, 1))
        self._height = height
        self._body = keras.Model(image, _BODIES[architecture](image, hyperparameters))
        self._known: dict[int, int] = {}

    def __call__(self, width: int) -> int:
        if width not in self._known:
            self._known[width] = self._body.compute_output_shape((1, width, self._height, 1))[1]
        return self._known[width]


def frame_counter(spec: RecognizerSpec) -> FrameCounter:
    """The time steps of a recognizer by content width."""
    return FrameCounter(spec.architecture, spec.preprocessing.height, spec.hyperparameters)


def with_larger_alphabet(model: keras.Model, spec: RecognizerSpec, alphabet: Alphabet, seed: int) -> keras.Model:
    """The prediction model with a head for an alphabet that begins with the old one; every known weight is kept.

    New characters start with kernels U(-0.1, 0.1) and the mean less one standard deviation of the old biases, as in
    Calamari: readable soon, but silent at first.
    """
    larger = build_prediction_model(spec.with_alphabet(alphabet))
    for layer in model.layers:
        if layer.name != HEAD:
            larger.get_layer(layer.name).set_weights(layer.get_weights())
    kernel, bias = model.get_layer(HEAD).get_weights()
    new = alphabet.classes - bias.size
    fresh = np.random.default_rng(seed).uniform(-0.1, 0.1, (kernel.shape[0], new)).astype(kernel.dtype)
    silent = np.full(new, bias.mean() - bias.std(), bias.dtype)
    larger.get_layer(HEAD).set_weights([np.concatenate([kernel, fresh], 1), np.concatenate([bias, silent])])
    return larger


def train_only_head(model: keras.Model, only_head: bool) -> None:
    """Freeze every layer but the output head (batch-norm statistics too), or thaw all."""
    for layer in model.layers:
        layer.trainable = not only_head or layer.name == HEAD
