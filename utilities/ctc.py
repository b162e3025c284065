"""The CTC loss (Graves et al. 2006) in float32, on every backend; a label that cannot be reached costs a finite sum."""

import keras
from keras import ops

from utilities.alphabet import BLANK

LOSS_CEILING = 1e4  # nats a word: what a label that cannot be reached costs, instead of infinity


def ctc_losses(logits, label, label_length, frames):
    """CTC losses in nats, (B,) float32, each at most LOSS_CEILING.

    logits (B, T, C) float, label (B, L) int class ids padded with the blank, label_length (B,) or (B, 1) int above 0,
    frames (B,) or (B, 1) int, the true time steps of each image.
    """
    logits, label = ops.cast(logits, "float32"), ops.cast(label, "int32")
    lengths = ops.reshape(ops.cast(label_length, "int32"), (-1,))
    frames = ops.reshape(ops.cast(frames, "int32"), (-1,))
    repeated = (label[:, 1:] == label[:, :-1]) & (label[:, 1:] != BLANK)
    repeats = ops.sum(ops.cast(repeated, "int32"), axis=1)
    reached = lengths + repeats <= frames
    lengths = ops.where(reached, lengths, 1)  # what is not reached is replaced below: no infinity may reach a gradient
    find = _native_losses if keras.config.backend() == "tensorflow" else _losses
    return ops.where(reached, ops.minimum(find(logits, label, lengths, frames), LOSS_CEILING), LOSS_CEILING)


def _losses(logits, label, lengths, frames):
    return ops.ctc_loss(label, logits, lengths, frames, mask_index=BLANK)


def _native_losses(logits, label, lengths, frames):
    """TensorFlow's own kernel on sparse labels: Keras' dense one took 15 to 20 times as long on two cores.

    The kernel takes the last class for the blank.
    """
    import tensorflow as tf

    written = tf.sequence_mask(lengths, tf.shape(label)[1])
    where = tf.where(written)
    sparse = tf.SparseTensor(where, tf.gather_nd(label, where) - 1, tf.shape(label, tf.int64))
    return tf.compat.v1.nn.ctc_loss(
        sparse,
        tf.roll(logits, -1, axis=2),  # class 0, the blank, becomes the last
        frames,
        time_major=False,
        ignore_longer_outputs_than_inputs=True,
    )
