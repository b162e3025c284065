"""The optimizer's step: Muon for the matrices that multiply features, AdamW (Loshchilov & Hutter 2019) for all else."""

import functools
import math
from collections.abc import Collection

import keras
from keras import ops

from utilities import PACKAGE

MOMENTUM = 0.95  # of the gradients
ROUNDS = 5  # of Newton and Schulz's iteration
LINEAR, CUBIC, QUINTIC = 3.4445, -4.7750, 2.0315  # its coefficients as published: quick, not exact
STEP = 0.4  # root mean square of the elements of a step over the learning rate
LARGEST = 256  # the shorter side of a matrix beyond which a step would take longer than its gradient
GATES = 4  # of an LSTM: so many matrices lie side by side in its kernels


@keras.saving.register_keras_serializable(PACKAGE)
class Muon(keras.optimizers.AdamW):
    """AdamW but for kernels, whose steps go as far in rare directions of the features as in frequent ones.

    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks": all singular values of a matrix's
    momentum are brought near 1. Steps are of one size whatever the matrix's shape, as in Liu et al. 2025, "Muon is
    scalable for LLM training"; weights decay as AdamW's. A convolution is the matrix from all that it sees to its
    filters, an LSTM's kernel one matrix a gate. (Keras's own Muon leaves convolutions to AdamW.)

    Biases, batch norms, layers named in `adamw_layers` and matrices that are large on both sides are AdamW's.
    """

    def __init__(self, *args, adamw_layers: Collection[str] = (), **kwargs):
        super().__init__(*args, **kwargs)
        self.adamw_layers = list(adamw_layers)

    def build(self, variables):
        """Make room for what is kept of the gradients of each variable."""
        super().build(variables)
        self._matrices = [self._matrices_of(variable) for variable in variables]

    def _matrices_of(self, variable) -> int:
        """How many matrices lie side by side in a variable; 0: its steps are AdamW's."""
        *layers, name = variable.path.split("/")
        if not name.endswith("kernel") or not set(self.adamw_layers).isdisjoint(layers):
            return 0
        count = GATES if layers[-1] == "lstm_cell" else 1
        *inputs, outputs = variable.shape
        return count if min(math.prod(inputs), outputs // count) <= LARGEST else 0

    def _all_reduce_sum_gradients(self, grads_and_vars):
        """The gradients of all devices, which is one: there is nothing to add up.

        Keras (3.15) on TensorFlow adds them up by something with a gradient of its own, see `lstm._recurrence`.
        """
        return grads_and_vars

    def update_step(self, gradient, variable, learning_rate):
        """One step of one variable."""
        place = self._get_variable_index(variable)
        if not (matrices := self._matrices[place]):
            return super().update_step(gradient, variable, learning_rate)
        momentum, rate = self._momentums[place], ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        new = MOMENTUM * ops.convert_to_tensor(momentum) + gradient
        self.assign(momentum, new)
        self.assign_sub(variable, rate * STEP * _orthogonal(MOMENTUM * new + gradient, matrices))
        return None

    def get_config(self):
        return super().get_config() | {"adamw_layers": self.adamw_layers}


def _orthogonal(kernel, matrices: int):
    """A kernel (..., outputs) of so many matrices side by side, each made orthogonal; the mean of its squares is 1."""
    parts = ops.split(ops.reshape(kernel, (-1, kernel.shape[-1])), matrices, axis=1)
    return ops.reshape(ops.concatenate([_near_orthogonal(x) for x in parts], axis=1), tuple(kernel.shape))


def _near_orthogonal(x):
    """A matrix's singular values all brought near the root of its longer side.

    The iteration multiplies the matrix by polynomials of its product with itself, x xᵀ. So only that product, as small
    as the shorter side, goes through the rounds; the matrix itself is multiplied once, by all polynomials together.
    Products of one matrix at a time take TensorFlow half as long on processors as products of several.
    """
    if tall := x.shape[0] > x.shape[1]:
        x = ops.transpose(x)
    x = x / (ops.norm(x) + 1e-7)
    identity, square, steps = ops.eye(x.shape[0]), ops.matmul(x, ops.transpose(x)), []
    for _ in range(ROUNDS):
        if steps:
            square = ops.matmul(ops.matmul(steps[-1], square), steps[-1])
        steps.append(LINEAR * identity + CUBIC * square + QUINTIC * ops.matmul(square, square))
    x = ops.matmul(functools.reduce(ops.matmul, steps), x) * x.shape[1] ** 0.5
    return ops.transpose(x) if tall else x
