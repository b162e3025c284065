"""A training run as the trainer and the transfer do it: from prepared images to calibrated models in their files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import keras

from utilities.batches import WordBatches
from utilities.calibration import calibrations
from utilities.full_model import prediction_model_of
from utilities.locks import exclusive_lock
from utilities.model import FrameCounter, RecognizerSpec
from utilities.model_files import ANOTHER_NAME, ModelFiles
from utilities.optimizer import OPTIMIZER
from utilities.outputs import HistoryKeeper, save_trained, training_record, warn_of_nothing_learnt
from utilities.plan import Plan
from utilities.resume import ResumePoint
from utilities.safe_files import refuse_existing
from utilities.saved_model import describe_spec, load_recognizer
from utilities.training import Progress, train
from utilities.training_set import TrainingSet, identity

BELONGS_TO = "belongs_to"  # in a training record: what the run belonged to, for the next step of a transfer


class TrainingRun:
    """One training of a full model in place, and the record of it; `network` is its `prediction_model_of`.

    Batches are of the size that the spec has; the run's own `spec` has the plan's learning rate as well.
    """

    def __init__(self, spec: RecognizerSpec, full: keras.Model, network: keras.Model, data: TrainingSet, plan: Plan):
        self.spec = replace(spec, hyperparameters=replace(spec.hyperparameters, learning_rate=plan.learning_rate))
        self._full, self._network, self._data, self._plan = full, network, data, plan

    @cached_property
    def batches(self) -> tuple[WordBatches, WordBatches]:
        """What it trains and validates on."""
        size = self.spec.hyperparameters.batch_size
        return self._data.batches(self.spec.alphabet, FrameCounter(self._network), size, self._plan.seed)

    def train(self, resume: ResumePoint | None, after_epoch: Callable[[list[dict]], None]) -> Progress:
        """Train the model; `resume`, `after_epoch` and errors are those of `training.train`."""
        return train(self._full, self._network, self.batches, self.spec.alphabet, self._plan, resume, after_epoch)

    def record(self, progress: Progress, base: dict | None) -> dict:
        """The training record of the model as it is now, calibrated; `base`: that of the model before a transfer."""
        sure = calibrations(self._network, self.batches[1], self.spec.alphabet, self._data.record)
        return training_record(self._data.record, self._plan, progress, sure, base)

    def belongs_to(self, base: Mapping | None) -> dict[str, object]:
        """What must be the same for it to go on after an interruption."""
        origin = (base or {}).get("date") or (base or {}).get("origin")  # tells one base model from another
        return {
            **describe_spec(self.spec),
            **identity(self._data.record),
            **vars(self._plan),
            "alphabet": "".join(self.spec.alphabet.characters),
            "batch_size": self.spec.hyperparameters.batch_size,
            "optimizer": OPTIMIZER,
            "base": origin,
        }


@dataclass(frozen=True)
class Step:
    """Where a training leaves its files, how it begins, and which step it is where there are two.

    `resume` goes on with a run of the same name, settings and images that was interrupted, `overwrite` throws it away;
    of one that has `finished`, as a transfer's first step may have before its second was stopped, it takes the weights.
    Of two steps the first one `goes_on`: its state is kept until the second, which has it `before`, has its own, and
    nothing is trained twice.
    """

    files: ModelFiles
    resume: bool
    overwrite: bool
    finished: bool = False
    before: ModelFiles | None = None
    goes_on: bool = False


def train_and_save(
    spec: RecognizerSpec, full: keras.Model, data: TrainingSet, plan: Plan, step: Step, base: dict | None = None
) -> dict:
    """Train a full model in place, calibrate it, leave its files, and return the training record in them.

    `base` is the training record of the model that this one is transferred from. Raises ResumeError, TrainingError,
    LockedError while another process trains under this name, and OutputExistsError where one has meanwhile.
    """
    files, before = step.files, step.before
    run = TrainingRun(spec, full, prediction_model_of(full), data, plan)
    with exclusive_lock(files.lock):
        replaces = before.resume if before else None
        resume = step.resume and not step.finished
        point = ResumePoint.open(files.resume, run.belongs_to(base), resume, step.overwrite, replaces)
        if step.finished:
            return _taken_up(full, files, point)
        goes_on_with = (step.resume and before) or files.resume.exists()
        if not step.overwrite and not goes_on_with:  # another run may have ended since
            refuse_existing(files.models, ANOTHER_NAME)
        progress = run.train(point, HistoryKeeper(files))
        record = run.record(progress, base) | {BELONGS_TO: point.belongs_to}
        save_trained(files, run.spec, full, record, progress)
        if step.goes_on:
            return record
        if before:
            before.resume.unlink(missing_ok=True)
        warn_of_nothing_learnt(progress)
        point.discard()
    return record


def forget_interrupted(files: ModelFiles) -> None:
    """Throw away what an interrupted run of this name has left. Raises LockedError where it is going on."""
    with exclusive_lock(files.lock):
        files.resume.unlink(missing_ok=True)


def _taken_up(full: keras.Model, files: ModelFiles, point: ResumePoint) -> dict:
    """Give the model the weights of a step that had ended before its run was interrupted; returns its record.

    Raises ResumeError when that step was another run's.
    """
    finished = load_recognizer(files.full)
    point.require_same(finished.record.get(BELONGS_TO, {}))
    full.set_weights(finished.full_model.get_weights())
    print(f"Finished before, taken from {files.full}.")
    return finished.record
