"""Compile, fit, watch and resume: the one training loop of tuner, trainer and transfer."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
from tqdm import tqdm

from utilities.alphabet import Alphabet
from utilities.batches import WordBatches
from utilities.config import Train, Transfer
from utilities.durations import duration
from utilities.errors import UserError
from utilities.full_model import CTC
from utilities.resume import ResumePoint
from utilities.validation import validate

HISTORY_COLUMNS = ("epoch", "loss", "val_loss", "val_cer", "learning_rate", "seconds")
WARM_UP_SHARE, MOST_WARM_UP = 0.05, 500  # of the steps; steps: the rate rises from 0 while CTC leaves its blank plateau
LAST_RATE = 0.01  # of the learning rate, at the last step
WEIGHT_DECAY = 1e-4
CLIP_NORM = 5.0  # of the whole gradient: a few words with a huge loss must not throw the weights about
HEAD_SHARE = 0.1  # of a transfer's MAX_MINUTES for retraining the head; fine-tuning gets the rest
TIMED_STEPS = 12  # training steps measured, after as many to warm up, to fit a run to MAX_MINUTES
TRACED = 3  # times the median: a step that takes longer traced a new shape of batch, which happens once
TIE = 1e-7  # weight of validation loss (nats) beside validation CER: decides between equal CERs, such as 100 % at first


class TrainingError(UserError):
    """Training cannot go on; the text says why and what to change."""


@dataclass(frozen=True)
class Plan:
    """How to train. `max_minutes` and `epochs`: whichever is first."""

    epochs: int
    learning_rate: float
    seed: int
    early_stopping: bool
    patience: int
    max_minutes: float | None = None

    @classmethod
    def of(cls, train: Train, epochs: int, learning_rate: float, max_minutes: float | None) -> "Plan":
        """A plan with the seed and the early stopping of the [train] section."""
        return cls(epochs, learning_rate, train.seed, train.early_stopping, train.patience, max_minutes)


def transfer_plans(train: Train, transfer: Transfer) -> tuple[Plan, Plan]:
    """Plans of the head's retraining and of the fine-tuning of all layers, which share MAX_MINUTES."""
    shares = (HEAD_SHARE, 1 - HEAD_SHARE)
    head, rest = (share * transfer.max_minutes if transfer.max_minutes else None for share in shares)
    return (
        Plan.of(train, transfer.retraining_epochs, transfer.retraining_learning_rate, head),
        Plan.of(train, transfer.fine_tuning_epochs, transfer.fine_tuning_learning_rate, rest),
    )


@dataclass
class Progress:
    """Where a training run stands; with the weights, all that a resumed run needs."""

    epochs_planned: int = 0
    history: list[dict] = field(default_factory=list)
    best_epoch: int = 0
    best_score: float = math.inf
    best_weights: list[np.ndarray] | None = None
    seconds: float = 0.0

    @property
    def best(self) -> dict:
        """The history row whose weights were kept."""
        return self.history[self.best_epoch - 1]


@keras.saving.register_keras_serializable("handwriting")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then a cosine down to LAST_RATE of the peak (Loshchilov & Hutter 2017)."""

    def __init__(self, peak: float, total_steps: int):
        self.peak, self.total_steps = peak, total_steps
        self.warm_up = max(1, min(MOST_WARM_UP, round(WARM_UP_SHARE * total_steps)))

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        done = keras.ops.clip((step - self.warm_up) / max(1, self.total_steps - self.warm_up), 0.0, 1.0)
        cosine = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + keras.ops.cos(math.pi * done))
        return self.peak * keras.ops.minimum((step + 1) / self.warm_up, cosine)

    def get_config(self):
        return {"peak": self.peak, "total_steps": self.total_steps}


def train(
    full: keras.Model,
    reader: keras.Model,
    batches: tuple[WordBatches, WordBatches],
    alphabet: Alphabet,
    plan: Plan,
    resume: ResumePoint | None = None,
    after_epoch: Callable[[list[dict]], None] = lambda history: None,
) -> Progress:
    """Train a full model in place and leave the weights to keep in it.

    `reader` is its `reader_of`, which a caller goes on to read with: a second one would have to be traced again.
    `batches`: training and validation. `after_epoch` gets the history so far (rows with keys HISTORY_COLUMNS). With
    `resume`, the state is kept after epochs and an interrupted run goes on from there to the same result.
    Raises TrainingError when the loss stops being a number.
    """
    training, validation = batches
    progress = Progress()
    saved = resume.read() if resume else None
    if saved:
        vars(progress).update(saved.progress)
    else:
        progress.epochs_planned = plan.epochs
        if plan.max_minutes:
            progress.epochs_planned = _epochs_that_fit(full, reader, batches, plan)
    compile_full_model(full, plan, progress.epochs_planned * len(training))
    if saved:
        saved.restore(full)
    done = len(progress.history)
    watch = _Watch(reader, validation, alphabet, plan, progress, resume, after_epoch)
    if done < progress.epochs_planned and not watch.patience_is_over():
        training.start_epoch(done)
        full.fit(
            training,
            initial_epoch=done,
            epochs=progress.epochs_planned,
            shuffle=False,
            verbose=0,
            callbacks=[watch, keras.callbacks.TerminateOnNaN()],
        )
    if progress.best_weights is not None and plan.early_stopping:
        full.set_weights(progress.best_weights)
    return progress


def compile_full_model(full: keras.Model, plan: Plan, total_steps: int) -> None:
    """Give a full model the optimizer and the schedule of a run of `total_steps`."""
    schedule = WarmupCosine(plan.learning_rate, total_steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY, global_clipnorm=CLIP_NORM)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(full.trainable_variables)  # else the first step is traced twice
    full.compile(optimizer=optimizer, jit_compile=False)  # XLA on a CPU trains these models a third slower


def _epochs_that_fit(
    full: keras.Model, reader: keras.Model, batches: tuple[WordBatches, WordBatches], plan: Plan
) -> int:
    """How many whole epochs, with their validation, fit in `max_minutes`; measured once, the weights left untouched."""
    began = time.perf_counter()
    training, validation = batches
    before = [np.copy(v) for v in map(keras.ops.convert_to_numpy, full.variables)]
    compile_full_model(full, plan, TIMED_STEPS)
    seconds = []
    for number in range(2 * TIMED_STEPS):
        started = time.perf_counter()
        full.train_on_batch(*training[number % len(training)])
        seconds.append(time.perf_counter() - started)
    usual = np.array(seconds[TIMED_STEPS:])
    a_step = float(usual[usual < TRACED * np.median(usual)].mean())
    reader.predict_on_batch(validation[0][0]["image"])
    started = time.perf_counter()
    reader.predict_on_batch(validation[0][0]["image"])
    a_validation = (time.perf_counter() - started) * len(validation)
    for variable, value in zip(full.variables, before, strict=True):
        variable.assign(value)
    left = plan.max_minutes * 60 - (time.perf_counter() - began)
    an_epoch = a_step * len(training) + a_validation
    fits = max(1, min(plan.epochs, int(left / an_epoch)))
    print(f"About {an_epoch:.0f} s an epoch: {fits} epochs in MAX_MINUTES = {plan.max_minutes:g}.", flush=True)
    return fits


class _Watch(keras.callbacks.Callback):
    """After each epoch: validate, report, remember the best weights, keep the state, stop when nothing improves."""

    def __init__(self, reader, validation, alphabet, plan, progress, resume, after_epoch):
        super().__init__()
        self._reader, self._validation, self._alphabet = reader, validation, alphabet
        self._plan, self._progress, self._resume, self._after_epoch = plan, progress, resume, after_epoch

    def patience_is_over(self) -> bool:
        """Whether early stopping has come."""
        waited = len(self._progress.history) - self._progress.best_epoch
        return self._plan.early_stopping and waited >= self._plan.patience

    def on_train_begin(self, logs=None):
        self._clock = time.perf_counter() - self._progress.seconds

    def on_epoch_begin(self, epoch, logs=None):
        title = f"Epoch {epoch + 1}/{self._progress.epochs_planned}"
        self._bar = tqdm(total=self.params["steps"], desc=title, unit="batch", leave=False, disable=None, delay=2)

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self._bar.close()
        progress = self._progress
        loss = float(logs[CTC])
        if not math.isfinite(loss):
            raise TrainingError(
                f"The training loss became {loss} in epoch {epoch + 1}. Lower LEARNING_RATE"
                f" (it is {self._plan.learning_rate:g}), for example to a third of that."
            )
        val_loss, val_cer = validate(self._reader, self._validation, self._alphabet)
        progress.seconds = time.perf_counter() - self._clock
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row = dict(
            zip(HISTORY_COLUMNS, (epoch + 1, loss, val_loss, val_cer, rate, round(progress.seconds, 1)), strict=True)
        )
        progress.history.append(row)
        score = val_cer + TIE * val_loss
        if score < progress.best_score or not self._plan.early_stopping:
            progress.best_score, progress.best_epoch = score, epoch + 1
            progress.best_weights = self.model.get_weights() if self._plan.early_stopping else None
        self._report(row)
        self._after_epoch(progress.history)
        if self.patience_is_over():
            self.model.stop_training = True
            print(f"No better reading for {self._plan.patience} epochs: stopping early.", flush=True)
        if self._resume:
            self._resume.write(self.model, dict(vars(progress)))

    def _report(self, row):
        progress = self._progress
        left = (progress.epochs_planned - row["epoch"]) * row["seconds"] / row["epoch"]
        kept = "  best so far" if progress.best_epoch == row["epoch"] and self._plan.early_stopping else ""
        print(
            f"epoch {row['epoch']:3d}/{progress.epochs_planned}  loss {row['loss']:8.3f}  validation loss"
            f" {row['val_loss']:8.3f}  CER {100 * row['val_cer']:6.2f} %  {duration(row['seconds'])} done,"
            f" at most {duration(left)} left{kept}",
            flush=True,
        )


def history_csv(history: Sequence[dict]) -> str:
    """The history as CSV text, columns HISTORY_COLUMNS."""
    lines = [",".join(HISTORY_COLUMNS), *(",".join(f"{row[c]:.6g}" for c in HISTORY_COLUMNS) for row in history)]
    return "\n".join(lines) + "\n"
