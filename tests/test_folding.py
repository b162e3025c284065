import keras
import numpy as np
import pytest

from utilities.alphabet import Alphabet
from utilities.folding import fold_batch_norms
from utilities.hyperparameters import ARCHITECTURES, resolve
from utilities.images import Preprocessing
from utilities.model import RecognizerSpec, build_prediction_model

SMALL = {"num_units_dense": 8, "num_units_lstm1": 8, "num_units_lstm2": 8}


def trained_a_little(architecture):
    """A model whose batch norms have seen something: fresh ones hardly change what passes."""
    spec = RecognizerSpec(architecture, Alphabet(tuple("abc")), Preprocessing(32, 128), resolve(architecture, SMALL))
    model = build_prediction_model(spec)
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2.0, w.shape) for w in layer.get_weights()])
    return model


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_its_batch_norms_a_model_gives_the_same_logits(architecture):
    model = trained_a_little(architecture)
    folded = fold_batch_norms(model)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers)
    images = np.random.default_rng(2).random((2, 96, 32, 1), np.float32)
    expected = model.predict_on_batch(images)
    assert np.abs(expected).max() > 0.01
    assert folded.predict_on_batch(images) == pytest.approx(expected, abs=1e-4)


def test_the_folded_model_is_a_copy():
    model = trained_a_little("compact")
    folded = fold_batch_norms(model)
    images = np.ones((1, 64, 32, 1), np.float32)
    before = folded.predict_on_batch(images)
    for layer in model.layers:
        layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    assert (folded.predict_on_batch(images) == before).all()
