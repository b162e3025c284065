"""The batch norm of every architecture: Keras's own, trained with TensorFlow's fused kernel on a processor."""

import keras
from keras import layers, ops

from utilities import PACKAGE
from utilities.framework import tensorflow_on_cpu


@keras.saving.register_keras_serializable(PACKAGE)
class BatchNormalization(layers.BatchNormalization):
    """Keras's layer, weights and results, for features (B, H, W, C).

    Training with TensorFlow on a processor, Keras goes over the features a dozen times, forward and back; the kernel
    goes three times.
    """

    def call(self, inputs, training=None, mask=None):
        if not (training and self.trainable and inputs.dtype == "float32" and tensorflow_on_cpu()):
            return super().call(inputs, training, mask)
        import tensorflow as tf

        weights = {"scale": self.gamma, "offset": self.beta, "mean": (), "variance": ()}
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(x=inputs, epsilon=self.epsilon, **weights)
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], "float32")
        self._follow(self.moving_mean, mean)
        self._follow(self.moving_variance, variance * (count - 1) / count)  # the kernel's divides by count - 1
        return outputs

    def _follow(self, moving, value):
        moving.assign(ops.convert_to_tensor(moving) * self.momentum + value * (1 - self.momentum))
