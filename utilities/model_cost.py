"""What a prediction costs: multiplications and additions, counted from the layers."""

import keras
import numpy as np
from keras import layers


def operations(model: keras.Model, width: int) -> float:
    """Floating-point operations (a multiplication and an addition count two) to read one image `width` px wide.

    Convolutions, dense layers and LSTMs are counted; what else there is costs little beside them.
    """
    height = model.input.shape[2]
    shape = (1, width, height, 1)
    total = 0.0
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        before, shape = shape, layer.compute_output_shape(shape)
        total += _operations(layer, before, shape)
    return total


def _operations(layer: layers.Layer, before: tuple, after: tuple) -> float:
    if isinstance(layer, layers.Conv2D):
        return 2.0 * np.prod(after[1:]) * np.prod(layer.kernel_size) * before[-1]
    if isinstance(layer, layers.Dense):
        return 2.0 * np.prod(after[1:]) * before[-1]
    if isinstance(layer, layers.Bidirectional):
        units = layer.forward_layer.units
        return 2 * 2.0 * before[1] * 4 * units * (before[-1] + units)
    return 0.0
