"""Our layers train and read as Keras's do, but for rounding, in fewer operations."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers

from utilities import products
from utilities.batch_norm import BatchNormalization
from utilities.convolution import RowConv2D
from utilities.lstm import LSTM

tf = pytest.importorskip("tensorflow")
if keras.config.backend() != "tensorflow":
    pytest.skip("the layers are Keras's own on other frameworks", allow_module_level=True)


@pytest.fixture(autouse=True)
def plain_processor(monkeypatch):
    """One that has no instructions for bfloat16, whatever this one has."""
    monkeypatch.setattr(products, "_multiplies_halves", lambda: False)


def trained(layer, inputs, weights, training=True):
    """Outputs, gradients and weights after one pass; the outputs count in unlike ways."""
    keras.utils.set_random_seed(5)
    layer.build(inputs.shape)
    layer.set_weights(weights or layer.get_weights())
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        found = layer(inputs, training=training)
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


def assert_rounded(halves, full):
    """All are nearly the same, as of numbers with two to three digits, but not all as near as in float32."""
    for mine, other in zip(halves, full, strict=True):
        assert np.asarray(mine).dtype == np.float32
        np.testing.assert_allclose(mine, other, atol=0.02 * np.abs(other).max())
    assert any(
        np.abs(mine - other).max() > 1e-4 * np.abs(other).max() for mine, other in zip(halves, full, strict=True)
    )


@pytest.mark.parametrize("steps", [1, 2, 9])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("training", [True, False])
def test_the_lstm_trains_and_reads_as_keras_own(steps, backwards, dropout, training):
    how = {"return_sequences": True, "return_state": True, "go_backwards": backwards, "dropout": dropout, "seed": 7}
    inputs = tf.random.stateless_normal((3, steps, 4), (1, 2))
    weights = random_weights(layers.LSTM(5), inputs.shape)
    ours, theirs = (trained(kind(5, **how), inputs, weights, training) for kind in (LSTM, layers.LSTM))
    assert_alike(ours, theirs)


@pytest.mark.parametrize("training", [True, False])
def test_an_lstm_goes_on_from_a_state_and_teaches_it_as_keras_own(training):
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
            last = layer(inputs, initial_state=state, training=training)
            loss = tf.reduce_sum(last**2)
        found.append([last, *tape.gradient(loss, state)])
    assert_alike(*found)


@pytest.mark.parametrize("other", [{"activation": "relu"}, {"use_bias": False}, {"recurrent_dropout": 0.3}])
def test_an_lstm_of_another_kind_is_keras_own(other):
    inputs = tf.random.stateless_normal((3, 4, 4), (1, 2))
    weights = random_weights(layers.LSTM(5, **other), inputs.shape)
    how = other | {"return_sequences": True, "seed": 7}
    assert_alike(trained(LSTM(5, **how), inputs, weights), trained(layers.LSTM(5, **how), inputs, weights))


@pytest.mark.parametrize("training", [True, False])
def test_masked_columns_are_left_out_as_in_keras_own(training):
    inputs = tf.random.stateless_normal((2, 5, 4), (1, 2))
    weights = random_weights(layers.LSTM(3), inputs.shape)
    mask = np.array([[True] * 5, [True, True, False, False, False]])
    found = []
    for kind in (LSTM, layers.LSTM):
        layer = kind(3)
        layer.build(inputs.shape)
        layer.set_weights(weights)
        found.append([layer(inputs, mask=mask, training=training)])
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


@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), ((2, 1), 1), ((1, 2), 1), (1, (2, 1))])
@pytest.mark.parametrize("side", [3, (2, 5)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_convolution_over_rows_is_keras_own_over_columns(strides, dilation, side, padding):
    how = {"filters": 4, "kernel_size": side, "strides": strides, "padding": padding, "dilation_rate": dilation}
    swap = layers.Permute((2, 1, 3))
    columns = tf.random.stateless_normal((2, 8, 7, 3), (1, 2))
    weights = random_weights(layers.Conv2D(**how), columns.shape)
    over_rows = keras.Sequential([swap, RowConv2D(**how), swap])
    expected = trained(layers.Conv2D(**how), columns, weights)
    assert over_rows.compute_output_shape(columns.shape) == expected[0].shape
    assert_alike(trained(over_rows, columns, weights), expected)


LAYERS = {
    "convolution": (partial(RowConv2D, 4, 3, padding="same"), (2, 8, 7, 3)),
    "LSTM": (partial(LSTM, 5, return_sequences=True), (3, 9, 4)),
}


@pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS.keys())
def test_a_newer_processor_multiplies_bfloat16_in_training_alone(make, shape, monkeypatch):
    inputs = tf.random.stateless_normal(shape, (1, 2))
    weights = random_weights(make(), shape)
    plain = {training: trained(make(), inputs, weights, training) for training in (True, False)}
    monkeypatch.setattr(products, "_multiplies_halves", lambda: True)
    assert_rounded(trained(make(), inputs, weights, training=True), plain[True])
    for now, before in zip(trained(make(), inputs, weights, training=False), plain[False], strict=True):
        np.testing.assert_array_equal(now, before)


def graph_of(layer, shape, training):
    layer.build(shape)
    return tf.function(lambda x: layer(x, training=training)).get_concrete_function(tf.TensorSpec(shape)).graph


def operations(layer, shape):
    """Kinds and first output's shapes of the operations of a training pass, those in loops not among them."""
    graph = graph_of(layer, shape, training=True)
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


def test_reading_multiplies_a_column_and_the_output_before_it_at_once():
    def in_loops(layer):
        functions = graph_of(layer, (2, 5, 4), training=False).as_graph_def().library.function
        return {node.op for function in functions for node in function.node_def}

    assert "ConcatV2" in in_loops(LSTM(3))
    assert "ConcatV2" not in in_loops(layers.LSTM(3))


@pytest.mark.parametrize(
    ("flags", "environ", "expected"),
    [
        ("fma avx512f avx512_bf16", {}, True),
        ("avx512f amx_tile amx_bf16", {"TF_ENABLE_ONEDNN_OPTS": "1"}, True),
        ("fma avx512f avx512_bf16", {"TF_ENABLE_ONEDNN_OPTS": "0"}, False),
        ("fma avx512f avx512_bf16_of_another_name", {}, False),
    ],
)
def test_linux_tells_whether_a_processor_multiplies_bfloat16(flags, environ, expected):
    assert products.has_instructions(f"processor\t: 0\nmodel name\t: a\nflags\t\t: {flags}\n", environ) is expected
    assert not products.has_instructions("processor\t: 0\nFeatures\t: asimd bf16\n", environ)
