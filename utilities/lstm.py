"""The LSTM layer of every architecture: Keras's own, with quicker loops to train it and to read on a processor."""

import functools

import keras
from keras import layers, ops

from utilities import PACKAGE
from utilities.framework import tensorflow_on_cpu
from utilities.products import training_products

# of the gates in, forget, candidate, out: all are HALF * tanh(HALF * sum) + OFFSET, three of them thereby sigmoids
HALF, OFFSET = (0.5, 0.5, 1.0, 0.5), (0.5, 0.5, 0.0, 0.5)


@keras.saving.register_keras_serializable(PACKAGE)
class LSTM(layers.LSTM):
    """Keras's layer, weights and results; TensorFlow on a processor trains it in three fifths of the time.

    There Keras multiplies inputs and weights within its loop over the columns, and TensorFlow adds up the weights'
    gradients in one. Here each is one matrix product over all columns, and only what depends on the column before is
    left in the loops (Appleyard et al. 2016, "Optimizing performance of recurrent neural networks on GPUs", section 3).
    Reading has larger batches and gains nothing by that. Its loop multiplies a column and the output before it at once,
    in products that TensorFlow fuses with bias and activation (four fifths of the time of Keras's).
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if mask is not None or not self._has_a_quick_loop():
            return super().inner_loop(sequences, initial_state, mask, training)
        if training and self.dropout:
            sequences = sequences * self.cell.get_dropout_mask(sequences[:, 0])[:, None]
        weights = map(ops.convert_to_tensor, (self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias))
        loop = functools.partial(_loop_to_train, kind=training_products()) if training else _loop_to_read
        outputs, state = loop(sequences, *initial_state, *weights, backwards=self.go_backwards)
        return outputs[:, -1], outputs, [outputs[:, -1], state]

    def _has_a_quick_loop(self) -> bool:
        usual = (self.activation, self.recurrent_activation) == (keras.activations.tanh, keras.activations.sigmoid)
        usual = usual and self.use_bias and not self.recurrent_dropout and self.compute_dtype == "float32"
        return usual and tensorflow_on_cpu()


def _empty(size: int, steps):
    """What a loop writes its columns (B, size) to."""
    import tensorflow as tf

    return tf.TensorArray(tf.float32, steps, element_shape=(None, size))


def _loop_to_read(sequences, output, state, kernel, recurrent_kernel, bias, backwards: bool):
    """Outputs (B, T, units) in the order of the loop, and the last state (B, units); arguments as `_loop_to_train`."""
    import tensorflow as tf

    steps = tf.shape(sequences)[1]
    kernels = tf.split(tf.concat([kernel, recurrent_kernel], axis=0), 4, axis=-1)
    gates = list(zip(kernels, tf.split(bias, 4), strict=True))

    def column(step, output, state, outputs):
        seen = tf.concat([sequences[:, steps - 1 - step if backwards else step], output], axis=-1)
        into, forget, candidate, out = (tf.nn.bias_add(tf.matmul(seen, kernel), bias) for kernel, bias in gates)
        state = tf.sigmoid(forget) * state + tf.sigmoid(into) * tf.tanh(candidate)
        output = tf.sigmoid(out) * tf.tanh(state)
        return step + 1, output, state, outputs.write(step, output)

    start = (0, output, state, _empty(state.shape[-1], steps))
    _, _, state, outputs = tf.while_loop(lambda step, *_: step < steps, column, start)
    return tf.transpose(outputs.stack(), (1, 0, 2)), state


def _loop_to_train(sequences, output, state, kernel, recurrent_kernel, bias, backwards: bool, kind: str):
    """Outputs (B, T, units) in the order of the loop, and the last state (B, units).

    sequences (B, T, features), output and state (B, units) before the first column; the weights as Keras keeps them.
    `kind`: the type in which all columns are multiplied at once.
    """
    import tensorflow as tf

    # sigmoid(x) = (1 + tanh(x / 2)) / 2: halving three gates' weights makes one tanh of the four gates
    half = tf.repeat(HALF, state.shape[-1])
    columns = tf.transpose(sequences, (1, 0, 2))
    steps, batch, features = tf.unstack(tf.shape(columns))
    projected = _product(tf.reshape(columns, (-1, features)), kernel * half, kind) + bias * half
    projected = tf.reshape(projected, (steps, batch, half.shape[0]))
    outputs, state = _recurrence()(projected, recurrent_kernel * half, output, state, backwards, kind)
    return tf.transpose(outputs, (1, 0, 2)), state


def _slopes(gates, states, states_before):
    """What the gradients of all columns take from the outputs of the gates (T, B, 4 * units) and the states.

    The share of a state that the next keeps; output by state; output by the out gate's sum; state by the sums of the
    other three, in their order.
    """
    import tensorflow as tf

    def of_sigmoid(gate):  # by its halved sum
        return 2 * gate * (1 - gate)

    into, forget, candidate, out = tf.split(gates, 4, axis=-1)
    shown = tf.tanh(states)
    to_gates = [candidate * of_sigmoid(into), states_before * of_sigmoid(forget), into * (1 - candidate**2)]
    return forget, out * (1 - shown**2), shown * of_sigmoid(out), tf.concat(to_gates, axis=-1)


def _product(one, other, kind: str, transpose_a=False):
    """The matrix product of float32 matrices, multiplied in the type `kind`, as float32; its gradients are so too."""
    import tensorflow as tf

    return tf.cast(tf.matmul(tf.cast(one, kind), tf.cast(other, kind), transpose_a), tf.float32)


@functools.cache
def _recurrence():
    """`_over_columns` as a graph of its own.

    TensorFlow keeps the graph that a gradient of one's own stands in as long as the process lives: this small one, and
    not that of the whole training step, 40 MB each time that one is made.
    """
    import tensorflow as tf

    return tf.function(_over_columns, autograph=False)


def _over_columns(projected, kernel, output, state, backwards: bool, kind: str):
    """Outputs (T, B, units) in the order of the loop, and the last state (B, units).

    projected (T, B, 4 * units) is the inputs' share of the gates in, forget, candidate, out before their tanh; kernel
    (units, 4 * units) makes the share of the output before. Of the three that are sigmoids both are halved.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def recurrence(projected, kernel, first_output, first_state):
        gates, states, outputs, last_state = _forward(projected, kernel, first_output, first_state, backwards)

        def gradients(of_outputs, of_last_state):
            states_before = tf.concat([first_state[None], states[:-1]], axis=0)
            slopes = _slopes(gates, states, states_before)
            of_projected, of_output, of_state = _back(of_outputs, of_last_state, slopes, kernel, backwards)
            outputs_before = tf.concat([first_output[None], outputs[:-1]], axis=0)
            if backwards:
                outputs_before = tf.reverse(outputs_before, (0,))
            flat = (tf.reshape(x, (-1, x.shape[-1])) for x in (outputs_before, of_projected))
            return of_projected, _product(*flat, kind, transpose_a=True), of_output, of_state

        return (outputs, last_state), gradients

    return recurrence(projected, kernel, output, state)


def _forward(projected, kernel, output, state, backwards: bool):
    """Outputs of the gates (T, B, 4 * units), states and outputs (T, B, units) in the order of the loop, and the last
    state (B, units); arguments as of `_over_columns`.
    """
    import tensorflow as tf

    steps, units = tf.shape(projected)[0], state.shape[-1]
    slope, offset = tf.repeat(HALF, units), tf.repeat(OFFSET, units)

    def column(step, output, state, all_gates, states, outputs):
        now = projected[steps - 1 - step if backwards else step]
        gates = tf.tanh(now + tf.matmul(output, kernel)) * slope + offset
        into, forget, candidate, out = tf.split(gates, 4, axis=-1)
        state = forget * state + into * candidate
        output = out * tf.tanh(state)
        written = (all_gates.write(step, gates), states.write(step, state), outputs.write(step, output))
        return (step + 1, output, state, *written)

    kept = [_empty(size, steps) for size in (4 * units, units, units)]
    _, _, last_state, *arrays = tf.while_loop(lambda step, *_: step < steps, column, (0, output, state, *kept))
    return *(array.stack() for array in arrays), last_state


def _back(of_outputs, of_state, slopes, kernel, backwards: bool):
    """The gradients of `projected` (T, B, 4 * units) and of the first output and state (B, units).

    of_outputs (T, B, units) and of_state (B, units) are those of the outputs and of the last state; `slopes` as of
    `_slopes`.
    """
    import tensorflow as tf

    forget, to_state, to_out, to_gates = slopes
    steps, units = tf.shape(of_outputs)[0], of_state.shape[-1]
    turned = tf.transpose(kernel)  # here, not in each column's product: that takes twice as long

    def column(step, of_output, of_state, of_gates):
        of_output += of_outputs[step]
        of_state += of_output * to_state[step]
        of_these = tf.concat([tf.tile(of_state, (1, 3)) * to_gates[step], of_output * to_out[step]], axis=-1)
        of_output = tf.matmul(of_these, turned)
        place = steps - 1 - step if backwards else step
        return step - 1, of_output, of_state * forget[step], of_gates.write(place, of_these)

    start = (steps - 1, tf.zeros_like(of_state), of_state, _empty(4 * units, steps))
    _, of_output, of_state, of_gates = tf.while_loop(lambda step, *_: step >= 0, column, start)
    return of_gates.stack(), of_output, of_state
