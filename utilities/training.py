"""Compile, fit, watch and resume: the one training loop of tuner, trainer and transfer."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np

from utilities.alphabet import Alphabet
from utilities.batches import WordBatches
from utilities.budget import epochs_that_fit, part_size, parts_that_fit
from utilities.counts import number_of
from utilities.durations import duration
from utilities.errors import UserError
from utilities.full_model import CTC
from utilities.history import HISTORY_COLUMNS, kept_of
from utilities.optimizer import compile_full_model
from utilities.plan import Plan
from utilities.pretraining import Pretraining
from utilities.progress_bar import progress_bar
from utilities.resume import ResumePoint
from utilities.splicing import Splicer, cuts_of_words, share_spliced
from utilities.validation import validate


class TrainingError(UserError):
    """Training cannot go on; the text says why and what to change."""


@dataclass
class Progress:
    """Where a training run stands; with the weights, all that a resumed run needs."""

    epochs_planned: int = 0
    parts: int = 1  # of a batch, where a whole one does not fit the memory
    history: list[dict] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: list[np.ndarray] | None = None
    seconds: float = 0.0
    synthetic: int = 0  # words drawn by the computer that came first
    cuts: list[list[int]] | None = None  # of the training words, once they are put together anew (see `splicing`)

    @property
    def best(self) -> dict:
        """The history row whose weights were kept."""
        return self.history[self.best_epoch - 1]


def train(
    full: keras.Model,
    network: keras.Model,
    batches: tuple[WordBatches, WordBatches],
    alphabet: Alphabet,
    plan: Plan,
    resume: ResumePoint | None = None,
    after_epoch: Callable[[list[dict]], None] = lambda history: None,
) -> Progress:
    """Train a full model in place and leave the weights to keep in it.

    `network` is its `prediction_model_of`, with which a caller goes on to read: a second one would be traced again.
    `batches`: training and validation. `after_epoch` gets the history so far (rows with keys HISTORY_COLUMNS). With
    `resume`, the state is kept after epochs and an interrupted run goes on from there to the same result.
    Raises TrainingError when the loss stops being a number.
    """
    saved = resume.read() if resume else None
    progress = Progress()
    if saved:
        vars(progress).update(saved.progress)
    else:
        _seed_dropout(full, plan.seed)
        _fit_to_the_machine(progress, full, network, batches, plan)
    training, validation = _in_parts(batches[0], progress.parts), batches[1]
    compile_full_model(full, plan.learning_rate, progress.epochs_planned * len(training), progress.parts)
    if saved:
        saved.restore(full)
    done = len(progress.history)
    watch = _Watch(network, (training, validation), alphabet, plan, progress, resume, after_epoch)
    if done < progress.epochs_planned and not watch.patience_is_over():
        training.plan(progress.epochs_planned)
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


def _fit_to_the_machine(
    progress: Progress, full: keras.Model, network: keras.Model, batches: tuple[WordBatches, WordBatches], plan: Plan
) -> None:
    """Plan as many parts of a batch as the memory makes necessary, and as many epochs as the minutes allow."""
    training, validation = batches
    progress.epochs_planned, progress.parts = plan.epochs, parts_that_fit(full, training)
    if plan.max_minutes:
        parted = _in_parts(training, progress.parts), validation
        fits, an_epoch = epochs_that_fit(full, network, parted, plan.max_minutes, progress.parts)
        progress.epochs_planned = min(plan.epochs, fits)
        print(_what_fits(plan, progress.epochs_planned, an_epoch))


def _in_parts(training: WordBatches, parts: int) -> WordBatches:
    """The batches in so many parts each."""
    return training.with_batch_size(part_size(training.batch_size, parts))


def _what_fits(plan: Plan, epochs: int, an_epoch: float) -> str:
    """How long so many epochs of `an_epoch` seconds will take, as a sentence, and whether MAX_MINUTES limits them."""
    pace = f"About {an_epoch:.0f} s" if an_epoch >= 1 else "Less than 1 s"
    said, seconds, limit = f"{pace} an epoch: {number_of(epochs, 'epoch')} in", epochs * an_epoch, 60 * plan.max_minutes
    if epochs < plan.epochs and seconds <= limit:
        return f"{said} {duration(limit)} (MAX_MINUTES)."
    return f"{said} about {duration(seconds)}, {'less' if seconds <= limit else 'more'} than MAX_MINUTES."


def _seed_dropout(full: keras.Model, seed: int) -> None:
    """Let what dropout draws follow from the seed, whatever the model did before, maybe in another process."""
    states = [v for v in full.variables if v.path.endswith("seed_generator_state")]
    for number, state in enumerate(states):
        state.assign([seed, number])


class _Watch(keras.callbacks.Callback):
    """After each epoch: validate, report, remember the best weights, keep the state, stop when nothing improves."""

    def __init__(self, network, batches, alphabet, plan, progress, resume, after_epoch):
        super().__init__()
        self._network, (self._training, self._validation), self._alphabet = network, batches, alphabet
        self._plan, self._progress, self._resume, self._after_epoch = plan, progress, resume, after_epoch
        chosen = (plan.synthetic_words, progress.epochs_planned, plan.seed)
        self._pretraining = Pretraining(self._training, alphabet, *chosen)
        progress.synthetic = self._pretraining.words

    def patience_is_over(self) -> bool:
        """Whether early stopping has come."""
        waited = len(self._progress.history) - max(self._progress.best_epoch, self._pretraining.epochs)
        return self._plan.early_stopping and waited >= self._plan.patience

    def on_train_begin(self, logs=None):
        if first := self._pretraining.epochs_alone:
            epochs = "epoch shows" if first == 1 else f"{first} epochs show"
            print(f"The first {epochs} words drawn by the computer, not yet yours.")
        self._clock = time.perf_counter() - self._progress.seconds

    def on_epoch_begin(self, epoch, logs=None):
        self._choose_words(epoch, self._progress.epochs_planned)
        title = f"Epoch {epoch + 1}/{self._progress.epochs_planned}"
        self._bar = progress_bar(title, "batch", self.params["steps"], stays=False)

    def _choose_words(self, epoch: int, epochs: int) -> None:
        """Show synthetic words in place of some of the training words, or put some of these together with others."""
        training, first = self._training, self._pretraining
        if epoch < first.epochs:
            training.splice_with(first.substitutes(epoch))
            return
        share = share_spliced(epoch, epochs, first.epochs)
        training.splice_with(self._splicer(share) if share and training.may_vary else None)

    def _splicer(self, share: float) -> Splicer:
        """What puts this share of the training words together with others."""
        progress, training = self._progress, self._training
        if progress.cuts is None:
            progress.cuts = cuts_of_words(self._network, training)
            print(
                f"From here on up to {100 * share:.0f} % of the words are put together from parts of two, so the"
                " training loss rises."
            )
        return Splicer(training.words, progress.cuts, share)

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self._bar.close()
        progress = self._progress
        loss = float(logs.get(CTC, logs["loss"]))  # on JAX the loss of the shortcut is in it
        if not math.isfinite(loss):
            raise TrainingError(
                f"The training loss became {loss} in epoch {epoch + 1}. Lower {self._plan.rate_key}"
                f" (it is {self._plan.learning_rate:g}), for example to a third of that."
            )
        val_loss, val_cer = validate(self._network, self._validation, self._alphabet)
        progress.seconds = time.perf_counter() - self._clock
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row = dict(
            zip(HISTORY_COLUMNS, (epoch + 1, loss, val_loss, val_cer, rate, round(progress.seconds, 1)), strict=True)
        )
        progress.history.append(row)
        if kept_of(progress.history, self._plan.early_stopping) is row:
            progress.best_epoch = row["epoch"]
            progress.best_weights = self.model.get_weights() if self._plan.early_stopping else None
        self._report(row)
        self._after_epoch(progress.history)
        if self.patience_is_over():
            self.model.stop_training = True
            print(f"No better reading for {number_of(self._plan.patience, 'epoch')}: stopping early.")
        if self._resume:
            self._resume.write(self.model, dict(vars(progress)))

    def _report(self, row):
        progress = self._progress
        left = (progress.epochs_planned - row["epoch"]) * row["seconds"] / row["epoch"]
        kept = "  best so far" if progress.best_epoch == row["epoch"] and self._plan.early_stopping else ""
        print(
            f"epoch {row['epoch']:3d}/{progress.epochs_planned}  loss {row['loss']:8.3f}  validation loss"
            f" {row['val_loss']:8.3f}  CER {100 * row['val_cer']:6.2f} %  {duration(row['seconds'])} done,"
            f" at most {duration(left)} left{kept}"
        )
