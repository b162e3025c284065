import keras
import numpy as np
import pytest

from utilities.alphabet import Alphabet
from utilities.decoding import log_softmax
from utilities.hyperparameters import ARCHITECTURES, resolve
from utilities.images import Preprocessing
from utilities.model import (
    CTC,
    HEAD,
    RecognizerSpec,
    add_ctc,
    build_prediction_model,
    frame_counter,
    train_only_head,
    with_larger_alphabet,
)

SMALL = {"num_units_dense": 8, "num_units_lstm1": 8, "num_units_lstm2": 8}


def spec(architecture, alphabet="abc", **values):
    return RecognizerSpec(
        architecture, Alphabet(tuple(alphabet)), Preprocessing(32, 256), resolve(architecture, SMALL, values)
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_time_steps_follow_from_the_shapes(architecture):
    s = spec(architecture)
    model, frames = build_prediction_model(s), frame_counter(s)
    for width in (64, 128, 256):
        logits = model.predict_on_batch(np.zeros((2, width, 32, 1), np.float32))
        assert logits.shape == (2, frames(width), 4)
        assert logits.dtype == np.float32


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hyperparameters_reach_their_layers(architecture):
    model = build_prediction_model(
        spec(architecture, kernel_size=5, num_units_dense=9, num_units_lstm1=10, num_units_lstm2=11, dropout=0.4)
    )
    assert model.get_layer("Conv1").kernel_size == (5, 5)
    assert model.get_layer("dense1").units == 9
    assert model.get_layer("dropout").rate == 0.4
    assert model.get_layer("bidirectional_1").forward_layer.units == 10
    assert model.get_layer("bidirectional_2").forward_layer.units == 11


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


def test_the_full_model_ends_in_ctc_and_shares_the_weights():
    model = build_prediction_model(spec("compact"))
    full = add_ctc(model)
    assert CTC in [layer.name for layer in full.layers]
    assert CTC not in [layer.name for layer in model.layers]
    assert full.get_layer(HEAD) is model.get_layer(HEAD)


def test_an_image_reads_the_same_whatever_is_in_its_batch():
    rng = np.random.default_rng(0)
    model = build_prediction_model(spec("compact"))
    images = rng.random((7, 128, 32, 1)).astype(np.float32)
    together = model.predict_on_batch(images)
    for i in (0, 6):
        alone = model.predict_on_batch(images[i : i + 1])
        assert np.abs(np.exp(log_softmax(alone[0])) - np.exp(log_softmax(together[i]))).max() < 1e-5


def test_a_larger_alphabet_keeps_every_known_weight():
    s = spec("compact")
    model = build_prediction_model(s)
    larger = with_larger_alphabet(model, s, s.alphabet.extended("öa"), seed=1)
    image = np.random.default_rng(0).random((1, 64, 32, 1)).astype(np.float32)
    before, after = model.predict_on_batch(image), larger.predict_on_batch(image)
    assert after.shape[-1] == 5
    assert np.allclose(before, after[..., :4], atol=1e-5)


def test_retraining_the_head_leaves_everything_else_untouched():
    model = build_prediction_model(spec("compact"))
    train_only_head(model, True)
    full = add_ctc(model)
    full.compile(keras.optimizers.SGD(0.1))
    before = {layer.name: layer.get_weights() for layer in model.layers}
    label, length = np.array([[1, 1, 2], [3, 0, 0], [2, 0, 0]], np.int32), np.array([3, 1, 1], np.int32)
    images = np.random.default_rng(0).random((3, 64, 32, 1)).astype(np.float32)
    full.train_on_batch(
        {"image": images, "label": label, "label_length": length[:, None], "frames": np.full((3, 1), 16, np.int32)}
    )
    for layer in model.layers:
        same = all(np.array_equal(a, b) for a, b in zip(before[layer.name], layer.get_weights(), strict=True))
        assert same == (layer.name != HEAD or not before[layer.name]), layer.name
    train_only_head(model, False)
    assert all(layer.trainable for layer in model.layers)
