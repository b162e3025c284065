import keras
import numpy as np
import pytest

from utilities.alphabet import Alphabet
from utilities.full_model import (
    CTC,
    HEADS,
    SHORTCUT,
    SHORTCUT_WEIGHT,
    add_ctc,
    build_full_model,
    prediction_model_of,
    train_only_heads,
    with_larger_alphabet,
)
from utilities.hyperparameters import resolve
from utilities.images import Preprocessing
from utilities.model import HEAD, RecognizerSpec, build_prediction_model

SMALL = {"num_units_dense": 8, "num_units_lstm1": 8, "num_units_lstm2": 8, "dropout": 0.0}
WORDS = {
    "image": np.random.default_rng(0).random((3, 64, 32, 1)).astype(np.float32),
    "label": np.array([[1, 1, 2], [3, 0, 0], [2, 0, 0]], np.int32),
    "label_length": np.array([[3], [1], [1]], np.int32),
    "frames": np.full((3, 1), 16, np.int32),
}


def spec(architecture="compact", alphabet="abc"):
    return RecognizerSpec(architecture, Alphabet(tuple(alphabet)), Preprocessing(32, 256), resolve(architecture, SMALL))


def names(model):
    return {layer.name for layer in model.layers}


def test_the_full_model_ends_in_ctc_and_shares_the_weights():
    model = build_prediction_model(spec())
    full = add_ctc(model)
    assert {CTC, SHORTCUT} <= names(full)
    assert not {CTC, SHORTCUT} & names(model)
    assert full.get_layer(HEAD) is model.get_layer(HEAD)
    assert SHORTCUT not in names(build_full_model(spec("classic")))  # it must stay as the original has it


def test_the_prediction_model_of_a_full_model_reads_as_it_does():
    full = build_full_model(spec())
    reader = prediction_model_of(full)
    assert not {CTC, SHORTCUT} & names(reader)
    logits, _ = full.predict_on_batch(WORDS)
    assert np.allclose(reader.predict_on_batch(WORDS["image"]), logits, atol=1e-6)


def test_the_shortcut_adds_its_share_to_the_loss_and_the_report_is_of_the_head_alone():
    full = build_full_model(spec())
    full.compile(keras.optimizers.SGD(0.0))
    seen = full.test_on_batch(WORDS, return_dict=True)
    quick = seen[f"{SHORTCUT}_{CTC}"]
    assert seen["loss"] == pytest.approx(seen[CTC] + SHORTCUT_WEIGHT * quick, rel=1e-5)
    before = full.get_layer(SHORTCUT).get_weights()[0]
    full.compile(keras.optimizers.SGD(0.1))
    full.train_on_batch(WORDS)
    assert not np.allclose(before, full.get_layer(SHORTCUT).get_weights()[0])


def test_a_larger_alphabet_keeps_every_known_weight():
    s = spec()
    full = build_full_model(s)
    larger = with_larger_alphabet(full, s, s.alphabet.extended("öa"), seed=1)
    for before, after in zip(full.predict_on_batch(WORDS), larger.predict_on_batch(WORDS), strict=True):
        assert after.shape[-1] == 5
        assert np.allclose(before, after[..., :4], atol=1e-5)


def test_retraining_the_heads_leaves_everything_else_untouched():
    full = build_full_model(spec())
    train_only_heads(full, True)
    full.compile(keras.optimizers.SGD(0.1))
    before = {layer.name: layer.get_weights() for layer in full.layers}
    full.train_on_batch(WORDS)
    for layer in full.layers:
        same = all(np.array_equal(a, b) for a, b in zip(before[layer.name], layer.get_weights(), strict=True))
        assert same == (layer.name not in HEADS), layer.name
    train_only_heads(full, False)
    assert all(layer.trainable for layer in full.layers)


def test_new_characters_are_silent_at_first_but_not_dead():
    spec = RecognizerSpec("compact", Alphabet(tuple("abc")), Preprocessing(32, 256), resolve("compact", SMALL))
    full = build_full_model(spec)
    for name in HEADS:
        kernel, bias = full.get_layer(name).get_weights()
        full.get_layer(name).set_weights([kernel, np.array([3.0, 1.0, -1.0, 1.0], bias.dtype)])
    larger = with_larger_alphabet(full, spec, spec.alphabet.extended("öü"), seed=1)
    for name in HEADS:
        kernel, bias = larger.get_layer(name).get_weights()
        assert np.allclose(bias[4:], 1.0 - np.sqrt(2.0))  # the mean of the old ones less their standard deviation
        assert 0.01 < np.abs(kernel[..., 4:]).max() <= 0.1
