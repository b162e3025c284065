"""A training run as the trainer and the transfer do it: from prepared images to calibrated models in their files."""

from collections.abc import Mapping
from dataclasses import replace

import keras

from utilities.calibration import calibrations
from utilities.full_model import prediction_model_of
from utilities.locks import exclusive_lock
from utilities.model import RecognizerSpec, frame_counter
from utilities.model_files import ANOTHER_NAME, ModelFiles
from utilities.optimizer import OPTIMIZER
from utilities.outputs import HistoryKeeper, save_trained, training_record, warn_of_nothing_learnt
from utilities.plan import Plan
from utilities.resume import ResumePoint
from utilities.safe_files import refuse_existing
from utilities.saved_model import describe_spec, load_recognizer
from utilities.training import train
from utilities.training_set import TrainingSet, identity

BELONGS_TO = "belongs_to"  # in a training record: what the run belonged to, for the next step of a transfer


def train_and_save(
    spec: RecognizerSpec,
    full: keras.Model,
    data: TrainingSet,
    plan: Plan,
    files: ModelFiles,
    *,
    batch_size: int,
    resume: bool,
    overwrite: bool,
    base: dict | None = None,
    finished: bool = False,
    before: ModelFiles | None = None,
    goes_on: bool = False,
) -> dict:
    """Train a full model in place, calibrate it, leave its files, and return the training record in them.

    `resume` goes on with a run of the same name, settings and images that was interrupted, `overwrite` throws it away;
    of one that has `finished`, as a transfer's first step may have before its second was stopped, it takes the weights.
    `base` is the training record of the model that this one is transferred from. Of a run of two steps the first one
    `goes_on`: its state is kept until the second, which has it `before`, has its own, and nothing is trained twice.
    Raises ResumeError, TrainingError, LockedError while another process trains under this name, and OutputExistsError
    where one has meanwhile.
    """
    used = {"batch_size": batch_size, "learning_rate": plan.learning_rate}
    spec = replace(spec, hyperparameters=replace(spec.hyperparameters, **used))
    with exclusive_lock(files.lock):
        belongs_to = _belongs_to(spec, data.record, plan, batch_size, base)
        replaces = before.resume if before else None
        point = ResumePoint.open(files.resume, belongs_to, resume and not finished, overwrite, replaces)
        if finished:
            return _taken_up(full, files, point)
        if not overwrite and not (resume and before) and not files.resume.exists():  # another run may have ended since
            refuse_existing(files.models, ANOTHER_NAME)
        network = prediction_model_of(full)
        batches = data.batches(spec.alphabet, frame_counter(spec), batch_size, plan.seed)
        progress = train(full, network, batches, spec.alphabet, plan, point, HistoryKeeper(files))
        sure = calibrations(network, batches[1], spec.alphabet, data.record)
        record = training_record(data.record, plan, progress, sure, base) | {BELONGS_TO: point.belongs_to}
        save_trained(files, spec, full, record, progress)
        if goes_on:
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


def _belongs_to(
    spec: RecognizerSpec, data_record: Mapping, plan: Plan, batch_size: int, base: Mapping | None
) -> dict[str, object]:
    """What must be the same for a run to go on."""
    origin = (base or {}).get("date") or (base or {}).get("origin")  # tells one base model from another
    return {
        **describe_spec(spec),
        **identity(data_record),
        **vars(plan),
        "alphabet": "".join(spec.alphabet.characters),
        "batch_size": batch_size,
        "optimizer": OPTIMIZER,
        "base": origin,
    }


def _taken_up(full: keras.Model, files: ModelFiles, point: ResumePoint) -> dict:
    """Give the model the weights of a step that had ended before its run was interrupted; returns its record.

    Raises ResumeError when that step was another run's.
    """
    finished = load_recognizer(files.full)
    point.require_same(finished.record.get(BELONGS_TO, {}))
    full.set_weights(finished.full_model.get_weights())
    print(f"Finished before, taken from {files.full}.")
    return finished.record
