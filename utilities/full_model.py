"""The model that trains: a prediction model with inputs for labels and true lengths, ending in the CTC layer.

Where the architecture pools columns, a second, small head reads straight from them while training: a shortcut past the
LSTMs that teaches the CNN its letters early (Retsinas et al. 2022, "Best practices for a handwritten text recognition
system"). On the generated words CER was 23 % instead of 55 % after three epochs, for 3 % more time a step.
"""

import keras
import numpy as np
from keras import layers, ops

from utilities import PACKAGE
from utilities.alphabet import Alphabet
from utilities.ctc import ctc_losses
from utilities.model import COLUMNS, HEAD, RecognizerSpec, build_prediction_model

CTC = "ctc_loss"
SHORTCUT = "shortcut_layer"
SHORTCUT_WIDTH = 3  # columns that the shortcut sees at once
SHORTCUT_WEIGHT = 0.3  # of its loss beside the loss of the head
HEADS = (HEAD, SHORTCUT)


@keras.saving.register_keras_serializable(PACKAGE)
class CTCLayer(layers.Layer):
    """Adds `weight` times the CTC loss (Graves et al. 2006), reports it unweighted, and passes the logits on.

    Inputs as of `ctc_losses`. The loss runs in float32 whatever the policy.
    """

    def __init__(self, weight: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight
        # nats a word; JAX as Keras runs it lets no layer keep a metric
        self.mean_loss = keras.metrics.Mean(name=self.name) if keras.config.backend() != "jax" else None

    def call(self, logits, label, label_length, frames):
        losses = ctc_losses(logits, label, label_length, frames)
        self.add_loss(self.weight * ops.mean(losses))
        if self.mean_loss:
            self.mean_loss.update_state(losses)
        return logits

    def get_config(self):
        return super().get_config() | {"weight": self.weight}


def add_ctc(prediction_model: keras.Model, with_shortcut: bool = True) -> keras.Model:
    """The full model: the same layers and weights, the shortcut where there are columns to read, the CTC layer."""
    truth = {
        "label": keras.Input((None,), dtype="int32", name="label"),
        "label_length": keras.Input((1,), dtype="int32", name="label_length"),
        "frames": keras.Input((1,), dtype="int32", name="frames"),
    }
    logits = prediction_model.output
    outputs = CTCLayer(dtype="float32", name=CTC)(logits, **truth)
    if with_shortcut and COLUMNS in {layer.name for layer in prediction_model.layers}:
        columns = prediction_model.get_layer(COLUMNS).output
        quick = layers.Conv1D(logits.shape[-1], SHORTCUT_WIDTH, padding="same", dtype="float32", name=SHORTCUT)
        loss = CTCLayer(SHORTCUT_WEIGHT, dtype="float32", name=f"{SHORTCUT}_{CTC}")
        outputs = [outputs, loss(quick(columns), **truth)]
    name = prediction_model.name.replace("prediction", "full")
    return keras.Model({"image": prediction_model.input, **truth}, outputs, name=name)


def build_full_model(spec: RecognizerSpec) -> keras.Model:
    """A full model with fresh weights."""
    return add_ctc(build_prediction_model(spec))


def prediction_model_of(full: keras.Model) -> keras.Model:
    """The prediction model inside a full model: image (B, W, H, 1) -> logits (B, T, C), with shared weights."""
    return keras.Model(full.input["image"], full.get_layer(HEAD).output, name=full.name.replace("full", "prediction"))


def with_larger_alphabet(full: keras.Model, spec: RecognizerSpec, alphabet: Alphabet, seed: int) -> keras.Model:
    """The full model with heads for an alphabet that begins with the old one; every known weight is kept.

    New characters start with kernels U(-0.1, 0.1) and the mean less one standard deviation of the old biases, as in
    Calamari: readable soon, but silent at first.
    """
    larger = build_full_model(spec.with_alphabet(alphabet))
    rng = np.random.default_rng(seed)
    for layer in full.layers:
        weights = layer.get_weights()
        if layer.name in HEADS:
            kernel, bias = weights
            new = alphabet.classes - bias.size
            fresh = rng.uniform(-0.1, 0.1, (*kernel.shape[:-1], new)).astype(kernel.dtype)
            silent = np.full(new, bias.mean() - bias.std(), bias.dtype)
            weights = [np.concatenate([kernel, fresh], axis=-1), np.concatenate([bias, silent])]
        larger.get_layer(layer.name).set_weights(weights)
    return larger


def train_only_heads(full: keras.Model, only_heads: bool) -> None:
    """Freeze every layer but the output heads (batch-norm statistics too), or thaw all."""
    for layer in full.layers:
        layer.trainable = not only_heads or layer.name in HEADS
