"""The convolution of every architecture but the original's: Keras's own, over features that lie row by row."""

from keras import layers, ops, saving

from utilities import PACKAGE
from utilities.products import FULL, training_products


@saving.register_keras_serializable(PACKAGE)
class RowConv2D(layers.Conv2D):
    """Keras's layer for features (B, H, W, C); kernel, its size and strides are of width and height, in this order.

    An image comes as (B, W, H, 1), and a few rows are left of its height: on a processor oneDNN takes up to half as
    much time again where the axis before the channels is so short, for it multiplies that many positions at once. The
    kernel is kept as for features (B, W, H, C), so that weights fit whichever way the features lie.

    While it trains in float32, features and kernel are multiplied in the type of `training_products`; what comes out,
    and all that reading does, is float32 all the same.
    """

    def call(self, inputs, training=None):
        if training and self.compute_dtype == FULL:
            inputs = ops.cast(inputs, training_products())
        return super().call(inputs)

    def convolution_op(self, inputs, kernel):
        kernel = ops.cast(ops.transpose(kernel, (1, 0, 2, 3)), inputs.dtype)
        strides, dilation = self.strides[::-1], self.dilation_rate[::-1]
        outputs = ops.conv(inputs, kernel, strides, self.padding, self.data_format, dilation)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        batch, width, height, channels = super().compute_output_shape((batch, width, height, channels))
        return (batch, height, width, channels)
