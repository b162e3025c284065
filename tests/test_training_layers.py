"""Our LSTM and batch norm train as Keras's do, bit for rounding bit, in fewer operations."""

import keras
import numpy as np
import pytest
from keras import layers

from utilities.batch_norm import BatchNormalization
from utilities.lstm import LSTM

tf = pytest.importorskip("tensorflow")
if keras.config.backend() != "tensorflow":
    pytest.skip("the layers are Keras's own on other frameworks", allow_module_level=True)


def trained(layer, inputs, weights):
    """Outputs, gradients and weights after one pass of training; the outputs count in unlike ways."""
    keras.utils.set_random_seed(5)
    layer.build(inputs.shape)
    layer.set_weights(weights or layer.get_weights())
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        found = layer(inputs, training=True)
        outputs = list(found) if isinstance(found, (list, tuple)) else [found]
        loss = sum(
            tf.reduce_sum(y * tf.cos(tf.range(tf.size(y), dtype="float32")).numpy().reshape(y.shape)) for y in outputs
        )
    gradients = tape.gradient(loss, [inputs, *(v.value for v in layer.trainable_variables)])
    return [*outputs, *gradients, *layer.get_weights()]


def random_weights(layer, shape, seed=3):
    layer.build(shape)
    rng = np.random.default_rng(seed)
    return [
        rng.uniform(0.3, 1.2, w.shape).astype(w.dtype) * rng.choice([-0.5, 0.5], w.shape) for w in layer.get_weights()
    ]


def assert_alike(ours, theirs):
    assert len(ours) == len(theirs)
    for mine, keras_own in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, keras_own, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("steps", [1, 2, 9])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_the_lstm_trains_as_keras_own(steps, backwards, dropout):
    how = {"return_sequences": True, "return_state": True, "go_backwards": backwards, "dropout": dropout, "seed": 7}
    inputs = tf.random.stateless_normal((3, steps, 4), (1, 2))
    weights = random_weights(layers.LSTM(5), inputs.shape)
    assert_alike(trained(LSTM(5, **how), inputs, weights), trained(layers.LSTM(5, **how), inputs, weights))


def test_an_lstm_goes_on_from_a_state_and_teaches_it_as_keras_own():
    inputs = tf.random.stateless_normal((2, 6, 4), (1, 2))
    state = [tf.random.stateless_normal((2, 5), (3, n)) for n in (4, 5)]
    weights = random_weights(layers.LSTM(5), inputs.shape)
    found = []
    for kind in (LSTM, layers.LSTM):
        layer = kind(5)
        layer.build(inputs.shape)
        layer.set_weights(weights)
        with tf.GradientTape() as tape:
            tape.watch(state)
            last = layer(inputs, initial_state=state, training=True)
            loss = tf.reduce_sum(last**2)
        found.append([last, *tape.gradient(loss, state)])
    assert_alike(*found)


@pytest.mark.parametrize("other", [{"activation": "relu"}, {"use_bias": False}, {"recurrent_dropout": 0.3}])
def test_an_lstm_of_another_kind_is_keras_own(other):
    inputs = tf.random.stateless_normal((3, 4, 4), (1, 2))
    weights = random_weights(layers.LSTM(5, **other), inputs.shape)
    how = other | {"return_sequences": True, "seed": 7}
    assert_alike(trained(LSTM(5, **how), inputs, weights), trained(layers.LSTM(5, **how), inputs, weights))


def test_masked_columns_are_left_out_as_in_keras_own():
    inputs = tf.random.stateless_normal((2, 5, 4), (1, 2))
    weights = random_weights(layers.LSTM(3), inputs.shape)
    mask = np.array([[True] * 5, [True, True, False, False, False]])
    found = []
    for kind in (LSTM, layers.LSTM):
        layer = kind(3)
        layer.build(inputs.shape)
        layer.set_weights(weights)
        found.append([layer(inputs, mask=mask, training=True)])
    assert_alike(*found)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 2)])
def test_the_batch_norm_trains_as_keras_own(shape):
    how = {"momentum": 0.8, "epsilon": 1e-5}
    inputs = 3 + 2 * tf.random.stateless_normal(shape, (1, 2))
    weights = [np.abs(w) for w in random_weights(layers.BatchNormalization(), shape)]
    assert_alike(
        trained(BatchNormalization(**how), inputs, weights), trained(layers.BatchNormalization(**how), inputs, weights)
    )


def test_a_frozen_batch_norm_keeps_its_statistics():
    inputs = tf.random.stateless_normal((2, 3, 4, 5), (1, 2))
    layer = BatchNormalization()
    layer.build(inputs.shape)
    layer.trainable = False
    before = layer.get_weights()
    np.testing.assert_allclose(layer(inputs, training=True), inputs, rtol=1e-3)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def operations(layer, shape):
    """Kinds and first output's shapes of the operations of a training pass, those in loops not among them."""
    layer.build(shape)
    graph = tf.function(lambda inputs: layer(inputs, training=True)).get_concrete_function(tf.TensorSpec(shape)).graph
    known = [operation for operation in graph.get_operations() if operation.outputs]
    return {
        (operation.type, tuple(operation.outputs[0].shape.as_list() if operation.outputs[0].shape.rank else ()))
        for operation in known
    }


def test_training_multiplies_all_columns_at_once_and_normalizes_in_one_kernel():
    batch, columns, units = 2, 5, 3
    product = ("MatMul", (batch * columns, 4 * units))
    assert product in operations(LSTM(units), (batch, columns, 4))
    assert product not in operations(layers.LSTM(units), (batch, columns, 4))
    assert "FusedBatchNormV3" in {kind for kind, _ in operations(BatchNormalization(), (2, 3, 4, 5))}
