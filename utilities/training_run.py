"""A training run as the trainer and the transfer do it: from prepared images to calibrated models in their files."""

import keras

from utilities.calibration import calibrations
from utilities.full_model import reader_of
from utilities.model import RecognizerSpec, frame_counter
from utilities.model_files import ModelFiles
from utilities.outputs import HistoryKeeper, save_trained, training_record
from utilities.resume import ResumePoint
from utilities.safe_files import exclusive_lock
from utilities.saved_model import describe_spec
from utilities.training import Plan, train
from utilities.training_set import TrainingSet


def train_and_save(
    spec: RecognizerSpec,
    full: keras.Model,
    data: TrainingSet,
    plan: Plan,
    files: ModelFiles,
    batch_size: int,
    resume: bool,
    overwrite: bool,
    base: dict | None = None,
) -> dict:
    """Train a full model in place, calibrate it, leave its files, and return the training record in them.

    `resume` goes on with a run of the same name, settings and images that was interrupted, `overwrite` throws it away.
    `base` is the training record of the model that this one is transferred from. Raises ResumeError, TrainingError, and
    LockedError while another process trains under this name.
    """
    with exclusive_lock(files.lock):
        origin = (base or {}).get("date") or (base or {}).get("origin")  # tells one base model from another
        belongs_to = describe_spec(spec) | data.record | vars(plan) | {"batch_size": batch_size, "base": origin}
        point = ResumePoint.open(files.resume, belongs_to, resume, overwrite)
        reader = reader_of(full)
        batches = data.batches(spec.alphabet, frame_counter(spec), batch_size, plan.seed)
        progress = train(full, reader, batches, spec.alphabet, plan, point, HistoryKeeper(files))
        sure = calibrations(reader, batches[1], spec.alphabet, data.record)
        record = training_record(data.record, plan, progress, sure, base)
        save_trained(files, spec, full, record, progress)
        point.discard()
    return record
