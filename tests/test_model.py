import time

import keras
import numpy as np
import pytest

from utilities.alphabet import Alphabet
from utilities.decoding import log_softmax
from utilities.hyperparameters import ARCHITECTURES, DEFAULT_ARCHITECTURE, resolve
from utilities.images import Preprocessing
from utilities.model import COLUMNS, FrameCounter, RecognizerSpec, build_prediction_model, frame_counter

SMALL = {"num_units_dense": 8, "num_units_lstm1": 8, "num_units_lstm2": 8}


def spec(architecture, alphabet="abc", **values):
    return RecognizerSpec(
        architecture, Alphabet(tuple(alphabet)), Preprocessing(32, 256), resolve(architecture, SMALL, values)
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_time_steps_follow_from_the_shapes(architecture):
    s = spec(architecture)
    model = build_prediction_model(s)
    frames, without_model = FrameCounter(model), frame_counter(architecture, 32, s.hyperparameters)
    assert [frames(width) for width in range(1, 300)] == [without_model(width) for width in range(1, 300)]
    for width in (64, 128, 250):
        logits = model.predict_on_batch(np.zeros((2, width, 32, 1), np.float32))
        assert logits.shape == (2, frames(width), 4)
        assert logits.dtype == np.float32


def test_classic_has_the_original_layers_in_order():
    model = build_prediction_model(spec("classic", kernel_size=3))
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == [
        "InputLayer", "Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "ColumnFlatten", "Dense", "Dropout",
        "Bidirectional", "Bidirectional", "Dense",
    ]  # fmt: skip
    assert [model.get_layer(f"Conv{n}").filters for n in (1, 2)] == [32, 64]
    assert model.get_layer("dense1").kernel.shape == (8 * 64, 8)  # a quarter of the height, 64 channels
    assert model.get_layer("bidirectional_1").forward_layer.dropout == 0.25


def test_residual_is_compact_with_convolutions_that_have_a_way_around():
    compact, residual = (build_prediction_model(spec(name)) for name in ("compact", "residual"))
    more = {layer.name for layer in residual.layers} - {layer.name for layer in compact.layers}
    assert {name for name in more if name.startswith("Conv")} == {"Conv2_again", "Conv4_again"}
    assert {layer.name for layer in compact.layers} < {layer.name for layer in residual.layers}
    assert residual.get_layer("add2").input[0] is residual.get_layer("activation2").output


def test_retsinas_has_the_layers_of_the_paper():
    model = build_prediction_model(
        RecognizerSpec("retsinas", Alphabet(("a",)), Preprocessing(64, 256), resolve("retsinas"))
    )
    assert model.get_layer("stem").kernel_size == (7, 7)
    filters = [model.get_layer(f"Conv{n}").filters for n in range(1, 21)]
    assert filters == [64] * 4 + [128] * 8 + [256] * 8
    lstms = [layer for layer in model.layers if type(layer).__name__ == "Bidirectional"]
    assert [layer.forward_layer.units for layer in lstms] == [256] * 3
    assert "dense1" not in {layer.name for layer in model.layers}
    assert model.get_layer(COLUMNS).output.shape[-1] == 256


def test_time_steps_of_many_widths_cost_next_to_nothing():
    frames = frame_counter(DEFAULT_ARCHITECTURE, 32, resolve(DEFAULT_ARCHITECTURE, SMALL))
    began = time.process_time()
    assert sum(map(frames, range(8, 308)))
    assert time.process_time() - began < 0.2  # by the whole network it would be half a second, on a quick machine


def test_a_sliver_of_an_image_keeps_a_time_step():
    frames = frame_counter("retsinas", 32, resolve("retsinas", SMALL))
    assert [frames(width) for width in (1, 3, 8, 9, 256)] == [1, 1, 1, 2, 32]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_units_there_is_no_dense_layer(architecture):
    model = build_prediction_model(spec(architecture, num_units_dense=0))
    assert "dense1" not in {layer.name for layer in model.layers}


def test_an_image_reads_the_same_whatever_is_in_its_batch():
    rng = np.random.default_rng(0)
    model = build_prediction_model(spec(DEFAULT_ARCHITECTURE))
    images = rng.random((7, 128, 32, 1)).astype(np.float32)
    together = model.predict_on_batch(images)
    for i in (0, 6):
        alone = model.predict_on_batch(images[i : i + 1])
        assert np.abs(np.exp(log_softmax(alone[0])) - np.exp(log_softmax(together[i]))).max() < 1e-5


def test_a_sliver_of_an_image_has_a_time_step_in_every_architecture():
    for architecture in ARCHITECTURES:
        frames = frame_counter(architecture, 32, resolve(architecture, SMALL))
        assert [frames(width) >= 1 for width in (1, 2, 3, 4, 5)] == [True] * 5


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_hyperparameter_of_the_layers_reaches_them(architecture):
    chosen = {"kernel_size": 5, "activation": "tanh", "num_units_dense": 9, "dropout": 0.35}
    chosen |= {"num_units_lstm1": 6, "num_units_lstm2": 7}
    how = Preprocessing(32, 256)
    model = build_prediction_model(RecognizerSpec(architecture, Alphabet(("a",)), how, resolve(architecture, chosen)))
    layers = {layer.name: layer for layer in model.layers}
    kernels = {tuple(layer.kernel_size) for name, layer in layers.items() if name.startswith("Conv")}
    assert kernels == {(5, 5)}
    given = {layer.activation for layer in layers.values() if isinstance(layer, keras.layers.Activation)}
    given |= {
        layers[name].activation
        for name in layers
        if name == "dense1" or (architecture, name[:4]) == ("classic", "Conv")
    }
    assert given == {keras.activations.tanh}
    assert {layer.rate for layer in layers.values() if isinstance(layer, keras.layers.Dropout)} == {0.35}
    lstms = [layer.forward_layer for layer in layers.values() if isinstance(layer, keras.layers.Bidirectional)]
    assert [lstm.units for lstm in lstms] == [6, *[7] * (len(lstms) - 1)] and layers["dense1"].units == 9
    inside = {"classic": 0.25, "retsinas": 0.0}.get(architecture, 0.35)
    assert {lstm.dropout for lstm in lstms} == {inside}
