"""What a prediction costs: multiplications and additions, counted from the layers."""

import keras
import numpy as np
from keras import layers

COUNTED = (layers.Conv2D, layers.Dense, layers.Bidirectional)


def operations(model: keras.Model, width: int) -> float:
    """Floating-point operations (a multiplication and an addition count two) to read one image `width` px wide.

    Convolutions, dense layers and LSTMs are counted; what else there is costs little beside them.
    """
    counted = [layer for layer in model.layers if isinstance(layer, COUNTED)]
    ends = [end for layer in counted for end in (layer.input, layer.output)]
    shapes = keras.Model(model.input, ends).compute_output_shape((1, width, model.input.shape[2], 1))
    return sum(map(_operations, counted, shapes[::2], shapes[1::2]))


def _operations(layer: layers.Layer, before: tuple, after: tuple) -> float:
    if isinstance(layer, layers.Conv2D):
        return 2.0 * np.prod(after[1:]) * np.prod(layer.kernel_size) * before[-1]
    if isinstance(layer, layers.Dense):
        return 2.0 * np.prod(after[1:]) * before[-1]
    if isinstance(layer, layers.Bidirectional):
        units = layer.forward_layer.units
        return 2 * 2.0 * before[1] * 4 * units * (before[-1] + units)
    raise TypeError(f"{type(layer).__name__} is in COUNTED, but nothing here counts it")
