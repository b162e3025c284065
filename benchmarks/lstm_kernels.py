"""Which kernels an LSTM runs in on a GPU."""

import re
from collections.abc import Sequence

import keras
import numpy as np

from utilities.framework import framework_gpus
from utilities.images import canvas_width, to_canvases
from utilities.saved_model import Recognizer


def lstm_kernels(recognizer: Recognizer, contents: Sequence[np.ndarray]) -> list[str]:
    """Names of what an LSTM ran in on a GPU: kernels that PyTorch's profiler saw, library calls that JAX compiled to.

    Keras' own loop over the columns is made of matrix products and has none: what is listed shows cuDNN at work. Empty
    without a GPU and on other backends.
    """
    find = {"torch": _torch_kernels, "jax": _jax_calls}.get(keras.config.backend())
    if find is None or not framework_gpus():
        return []
    batch = to_canvases(contents[:1], canvas_width(contents[0].shape[1], recognizer.spec.preprocessing))
    return sorted(name for name in find(recognizer.prediction_model, batch) if re.search("lstm|rnn", name, re.I))


def _torch_kernels(model: keras.Model, batch: np.ndarray) -> set[str]:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        model.predict_on_batch(batch)
    return {re.split(r"[<(]", event.key.removeprefix("void "))[0] for event in seen.key_averages()}


def _jax_calls(model: keras.Model, batch: np.ndarray) -> set[str]:
    import jax

    program = jax.jit(lambda images: model(images, training=False)).lower(batch).compile().as_text()
    return set(re.findall(r'custom_call_target="([^"]+)"', program))
