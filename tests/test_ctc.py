import keras
import numpy as np
import pytest

from utilities.ctc import LOSS_CEILING, ctc_losses
from utilities.decoding import label_log_probability, log_softmax

LABELS = [np.array([1, 1, 2], np.int32), np.array([3], np.int32), np.array([2, 2], np.int32)]
FRAMES = np.array([8, 3, 5], np.int32)


def padded():
    label = np.zeros((3, 4), np.int32)
    for row, ids in zip(label, LABELS, strict=True):
        row[: len(ids)] = ids
    return label, np.array([len(ids) for ids in LABELS], np.int32)


def reference_losses(logits):
    return -label_log_probability(log_softmax(logits), LABELS, FRAMES)


def test_ctc_agrees_with_the_reference_on_padded_batches_and_so_does_its_gradient():
    logits = np.random.default_rng(1).normal(size=(3, 8, 4)).astype(np.float32)
    label, length = padded()
    assert np.allclose(ctc_losses(logits, label, length, FRAMES), reference_losses(logits), rtol=1e-4)

    @keras.saving.register_keras_serializable("tests")
    class Logits(keras.layers.Layer):
        def build(self, shape):
            self.logits = self.add_weight(shape=(3, 8, 4), initializer=keras.initializers.Constant(0.0))

        def call(self, x):
            return self.logits + 0 * x

    source = keras.Input((8, 4), batch_size=3)
    layer = Logits()
    model = keras.Model(source, layer(source))
    layer.logits.assign(logits)
    model.compile(keras.optimizers.SGD(1.0), loss=lambda y, out: keras.ops.sum(ctc_losses(out, label, length, FRAMES)))
    model.train_on_batch(np.zeros((3, 8, 4), np.float32), np.zeros((3, 1), np.float32))
    gradient = logits - keras.ops.convert_to_numpy(layer.logits)
    step = 1e-3
    for index in [(0, 0, 1), (0, 7, 0), (0, 3, 2), (1, 2, 3), (1, 5, 1), (2, 4, 0), (2, 6, 2)]:
        up, down = logits.astype(np.float64), logits.astype(np.float64)
        up[index] += step
        down[index] -= step
        numeric = (reference_losses(up).sum() - reference_losses(down).sum()) / (2 * step)
        assert gradient[index] == pytest.approx(numeric, abs=2e-3), index


def test_a_label_that_cannot_be_reached_costs_much_but_stays_a_number():
    logits = np.zeros((1, 3, 4), np.float32)
    label = np.array([[1, 1, 1, 2]], np.int32)
    (loss,) = keras.ops.convert_to_numpy(ctc_losses(logits, label, np.array([4]), np.array([3])))
    assert 50 < loss <= LOSS_CEILING


def test_a_label_that_cannot_be_reached_leaves_its_neighbours_their_gradient():
    import tensorflow as tf

    logits = tf.Variable(np.random.default_rng(2).normal(size=(2, 3, 4)).astype(np.float32))
    label, length, frames = np.array([[1, 1], [1, 2]], np.int32), np.array([2, 2]), np.array([2, 3])
    with tf.GradientTape() as tape:
        losses = ctc_losses(logits, label, length, frames)
    gradient = tape.gradient(losses, logits).numpy()
    assert losses.numpy()[0] == LOSS_CEILING
    assert losses.numpy()[1] < 50
    assert np.isfinite(gradient).all()
    assert not gradient[0].any() and gradient[1].any()
