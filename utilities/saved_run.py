"""A training run that leaves its files, as trainer and transfer do it: one at a time, and resumed if it was stopped."""

from dataclasses import dataclass

import keras

from utilities.full_model import prediction_model_of
from utilities.locks import exclusive_lock
from utilities.model import RecognizerSpec
from utilities.model_files import ANOTHER_NAME, ModelFiles
from utilities.outputs import HistoryKeeper, save_trained, warn_of_nothing_learnt
from utilities.plan import Plan
from utilities.resume import ResumePoint
from utilities.safe_files import refuse_existing
from utilities.saved_model import load_recognizer
from utilities.training_run import TrainingRun
from utilities.training_set import TrainingSet

BELONGS_TO = "belongs_to"  # in a training record: what the run belonged to, for the next step of a transfer


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
        progress = run.train(HistoryKeeper(files), point)
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
