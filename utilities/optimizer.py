"""The optimizer and its schedule: Muon and AdamW with warm-up, cosine and clipped gradients."""

import math

import keras

from utilities import PACKAGE
from utilities.full_model import HEADS
from utilities.muon import Muon

WARM_UP_SHARE, MOST_WARM_UP = 0.05, 500  # of the steps; steps: the rate rises from 0 while CTC leaves its blank plateau
LAST_RATE = 0.01  # of the learning rate, at the last step
WEIGHT_DECAY = 1.0  # of a weight, times the learning rate, a step, in a run of LONG_RUN steps or more
LONG_RUN, LEAST_DECAY = 1500, 0.3  # steps; share of WEIGHT_DECAY: a short run cannot make up for what decays
CLIP_NORM = 5.0  # of the whole gradient: a few words with a huge loss must not throw the weights about
OPTIMIZER = f"{Muon.__name__}, weight decay {WEIGHT_DECAY:g}"  # tells versions apart; short runs decay less


@keras.saving.register_keras_serializable(PACKAGE)
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then a cosine down to LAST_RATE of the peak (Loshchilov & Hutter 2017).

    Of batches that are taken in `parts`, each part counts among `total_steps`.
    """

    def __init__(self, peak: float, total_steps: int, parts: int = 1):
        self.peak, self.total_steps, self.parts = peak, total_steps, parts
        self.warm_up = max(1, min(MOST_WARM_UP * parts, round(WARM_UP_SHARE * total_steps)))

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        done = keras.ops.clip((step - self.warm_up) / max(1, self.total_steps - self.warm_up), 0.0, 1.0)
        cosine = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + keras.ops.cos(math.pi * done))
        return self.peak * keras.ops.minimum((step + 1) / self.warm_up, cosine)

    def get_config(self):
        return {"peak": self.peak, "total_steps": self.total_steps, "parts": self.parts}


def weight_decay_for(total_steps: int) -> float:
    """How fast weights decay in a run of so many steps."""
    return WEIGHT_DECAY * min(1.0, max(LEAST_DECAY, total_steps / LONG_RUN))


def optimizer_of(total_steps: int) -> str:
    """The optimizer of a run of so many steps, for tables."""
    return f"{Muon.__name__}, weight decay {weight_decay_for(total_steps):.2g}"


def compile_full_model(full: keras.Model, learning_rate: float, total_steps: int, parts: int = 1) -> None:
    """Give a full model the optimizer and the schedule of a run of `total_steps` batches.

    `parts`: batches whose gradients are averaged before the weights change, where a whole batch does not fit. The
    schedule is that of whole batches; of few words with many to a batch, parts that are not full are averaged as well,
    so there are fewer steps.
    """
    optimizer = Muon(
        WarmupCosine(learning_rate, total_steps, parts),
        adamw_layers=HEADS,
        weight_decay=weight_decay_for(total_steps // parts),
        global_clipnorm=CLIP_NORM,
        gradient_accumulation_steps=parts if parts > 1 else None,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(full.trainable_variables)  # else the first step is traced twice
    # JAX is nothing without its compiler; TensorFlow's on a CPU trains these models a third slower
    full.compile(optimizer=optimizer, jit_compile=keras.config.backend() == "jax")
