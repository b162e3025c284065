"""Batch norm folded into the convolution before it: the same logits with a pass over the pixels less per layer."""

import keras
import numpy as np
from keras import layers

from utilities import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class Folded(layers.Layer):
    """Stands where a batch norm was and changes nothing."""

    def call(self, features, training=None, mask=None):
        return features

    def compute_output_shape(self, shape):
        return shape


def fold_batch_norms(model: keras.Model) -> keras.Model:
    """A copy of a prediction model for reading alone: every batch norm that follows a convolution is in its weights.

    Logits differ by rounding. The copy has its own weights: training the model on does not reach it.
    """
    convolutions = {
        id(layer.output): layer
        for layer in model.layers
        if isinstance(layer, layers.Conv2D) and layer.activation is keras.activations.linear
    }
    norms = {
        convolutions[id(norm.input)].name: norm
        for norm in model.layers
        if isinstance(norm, layers.BatchNormalization) and id(norm.input) in convolutions
    }
    folded = {norm.name for norm in norms.values()}

    def copy(layer):
        if layer.name in folded:
            return Folded(name=layer.name)
        config = layer.get_config()
        return type(layer).from_config(config | {"use_bias": True} if layer.name in norms else config)

    reader = keras.models.clone_model(model, clone_function=copy)
    for layer in model.layers:
        if layer.name not in folded:
            weights = layer.get_weights()
            reader.get_layer(layer.name).set_weights(_folded(weights, norms.get(layer.name)))
    return reader


def _folded(weights: list[np.ndarray], norm: layers.BatchNormalization | None) -> list[np.ndarray]:
    """A convolution's kernel and bias with the norm after it, if there is one, worked in."""
    if norm is None:
        return weights
    kernel, *bias = weights
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return [kernel * scale, beta + (sum(bias) - mean) * scale]
