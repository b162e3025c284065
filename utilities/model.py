"""RecognizerSpec -> prediction model (image -> logits); `full_model.py` adds what training needs.

Layers are named; the time steps of an architecture are derived by running its shapes, never written down.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial

import keras
from keras import layers, ops

from utilities import PACKAGE
from utilities.alphabet import Alphabet
from utilities.batch_norm import BatchNormalization
from utilities.convolution import RowConv2D
from utilities.hyperparameters import Hyperparameters
from utilities.images import BUCKET, Preprocessing
from utilities.lstm import LSTM

HEAD = "dense_layer"  # the output layer's name, as in the original workflow
COLUMNS = "column_pool"  # what the CNN sees in each column, where an architecture pools columns


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
class RowMaxPooling(layers.Layer):
    """(B, H, W, C) -> (B, W, C): the strongest response of each column (Retsinas et al. 2022)."""

    def call(self, features):
        return ops.max(features, axis=1)

    def compute_output_shape(self, shape):
        return (shape[0], *shape[2:])


@keras.saving.register_keras_serializable(PACKAGE)
class ColumnFlatten(layers.Layer):
    """(B, W, H, C) -> (B, W, H * C): every column's features side by side, whatever the width."""

    def call(self, features):
        return ops.reshape(features, (-1, ops.shape(features)[1], features.shape[2] * features.shape[3]))

    def compute_output_shape(self, shape):
        return (shape[0], shape[1], shape[2] * shape[3])


def _dense(x, h: Hyperparameters):
    """The dense layer before the LSTMs, where the hyperparameters ask for one."""
    return layers.Dense(h.num_units_dense, activation=h.activation, name="dense1")(x) if h.num_units_dense else x


def _bilstm(units: int, dropout: float, number: int):
    lstm = LSTM(units, return_sequences=True, dropout=dropout, name=f"lstm_{number}")
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
    x = _dense(ColumnFlatten(name="reshape")(x), h)
    x = layers.Dropout(h.dropout, name="dropout")(x)
    x = _bilstm(h.num_units_lstm1, 0.25, 1)(x)
    return _bilstm(h.num_units_lstm2, 0.25, 2)(x)


# (filters, strides in width and height) of the convolutions of compact and residual: a quarter of the width remains, a
# sixteenth of the height
_STRIDED_CONVOLUTIONS = ((32, (2, 2)), (64, (2, 2)), (128, (1, 2)), (128, (1, 2)))
_REFINED = (2, 4)  # those of residual after which the same number of filters looks again, with a way around


def _strided(image, h: Hyperparameters, refined: Collection[int] = ()):
    """A strided CNN with batch norm, column max-pooling, and two BiLSTMs: little arithmetic for its accuracy."""
    x = _rows(image)
    for number, (filters, strides) in enumerate(_STRIDED_CONVOLUTIONS, start=1):
        x = _normed(x, filters, h.kernel_size, (f"Conv{number}", f"norm{number}"), strides)
        x = layers.Activation(h.activation, name=f"activation{number}")(x)
        if number in refined:
            again = _normed(x, filters, h.kernel_size, (f"Conv{number}_again", f"norm{number}_again"))
            x = layers.Add(name=f"add{number}")([x, again])
            x = layers.Activation(h.activation, name=f"activation{number}_again")(x)
    x = _dense(RowMaxPooling(name=COLUMNS)(x), h)
    x = layers.Dropout(h.dropout, name="dropout")(x)
    x = _bilstm(h.num_units_lstm1, h.dropout, 1)(x)
    return _bilstm(h.num_units_lstm2, h.dropout, 2)(x)


def _rows(image):
    """(B, W, H, 1) -> (B, H, W, 1), as the convolutions here want it."""
    return layers.Permute((2, 1, 3), name="rows")(image)


def _normed(x, filters: int, side: int, names: tuple[str, str], strides=1, momentum=0.95, epsilon=1e-3):
    """A convolution without bias and the batch norm that makes up for it, by their names."""
    convolution = RowConv2D(
        filters, side, strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=names[0]
    )
    return BatchNormalization(momentum=momentum, epsilon=epsilon, name=names[1])(convolution(x))


# (residual blocks, filters) of each stage of the retsinas architecture; height and width halve between stages
_RETSINAS_STAGES = ((2, 64), (4, 128), (4, 256))


def _retsinas(image, h: Hyperparameters):
    """Retsinas et al. 2022, "Best practices for a handwritten text recognition system", setting for words.

    Strides and what has a batch norm follow the program published with the paper. Dropout is before every layer after
    the first LSTM; a column stands for 8 px. What differs from the paper is how every architecture here is trained:
    weights start he_normal, the shortcut's loss weighs SHORTCUT_WEIGHT instead of 0.1, schedule and weight decay.
    """
    x = RowConv2D(32, 7, strides=2, padding="same", kernel_initializer="he_normal", name="stem")(_rows(image))
    x = layers.Activation(h.activation, name="stem_activation")(x)
    number = 1
    for stage, (blocks, filters) in enumerate(_RETSINAS_STAGES):
        if stage:
            # "same": a sliver of an image keeps a column; on whole canvases it changes nothing
            x = layers.MaxPooling2D((2, 2), padding="same", name=f"pool{stage}")(x)
        for _ in range(blocks):
            x = _residual(x, filters, h, number)
            number += 2
    x = _dense(RowMaxPooling(name=COLUMNS)(x), h)
    x = _bilstm(h.num_units_lstm1, 0.0, 1)(x)
    x = layers.Dropout(h.dropout, name="dropout")(x)
    for later in (2, 3):
        x = _bilstm(h.num_units_lstm2, 0.0, later)(x)
        x = layers.Dropout(h.dropout, name=f"dropout{later}")(x)
    return x


def _residual(x, filters: int, h: Hyperparameters, number: int):
    """Convolutions `number` and `number + 1` with a way around them (He et al. 2016, the block of ResNet-18)."""

    def normed(x, side, names):
        return _normed(x, filters, side, names, momentum=0.9, epsilon=1e-5)

    y = normed(x, h.kernel_size, (f"Conv{number}", f"norm{number}"))
    y = layers.Activation(h.activation, name=f"activation{number}")(y)
    y = normed(y, h.kernel_size, (f"Conv{number + 1}", f"norm{number + 1}"))
    around = x if x.shape[-1] == filters else normed(x, 1, (f"around{number}", f"around_norm{number}"))
    y = layers.Add(name=f"add{number}")([y, around])
    return layers.Activation(h.activation, name=f"activation{number + 1}")(y)


_BODIES: dict[str, Callable] = {
    "classic": _classic,
    "compact": _strided,
    "residual": partial(_strided, refined=_REFINED),
    "retsinas": _retsinas,
}


def build_prediction_model(spec: RecognizerSpec) -> keras.Model:
    """Image (B, W, H, 1) float32 -> logits (B, T, C) float32; any width W that the strides divide."""
    image = keras.Input((None, spec.preprocessing.height, 1), name="image")
    features = _BODIES[spec.architecture](image, spec.hyperparameters)
    logits = layers.Dense(spec.alphabet.classes, dtype="float32", name=HEAD)(features)
    return keras.Model(image, logits, name=f"{spec.architecture}_prediction")


class FrameCounter:
    """Image width in px -> time steps of a model, by running its shapes; at least one, as a canvas has room.

    `model`: a prediction model, or its layers up to the head.
    """

    def __init__(self, model: keras.Model):
        self._height, self._way = model.input.shape[2], _way_through(model)
        self._known: dict[int, int] = {}

    def __call__(self, width: int) -> int:
        if width not in self._known:
            self._known[width] = self._steps(width)
        return self._known[width]

    def _steps(self, width: int) -> int:
        shape = (1, width, self._height, 1)
        try:
            for layer in self._way:
                shape = layer.compute_output_shape(shape)
        except ValueError:  # a sliver narrower than the pools of `classic`
            if width >= BUCKET:
                raise
            return self(width + 1)
        return shape[1]


def _way_through(model: keras.Model) -> list[layers.Layer]:
    """The layers from input to output, in order. An Add is no step on the way: what it adds has one shape.

    Asked one after the other they tell a shape in a fiftieth of the time that Keras takes for the whole network.
    """
    makers = {id(layer.output): layer for layer in model.layers}
    way, tensor = [], model.output
    while tensor is not model.input:
        layer = makers[id(tensor)]
        if isinstance(layer, layers.Add):
            tensor = layer.input[0]
        else:
            way.append(layer)
            tensor = layer.input
    return way[::-1]


def frame_counter(architecture: str, height: int, hyperparameters: Hyperparameters) -> FrameCounter:
    """The time steps of an architecture of which there is no model yet: its layers are made for that alone."""
    image = keras.Input((None, height, 1))
    return FrameCounter(keras.Model(image, _BODIES[architecture](image, hyperparameters)))
