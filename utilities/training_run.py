"""A training run: a model on prepared images by a plan, and the record of what came of it."""

import datetime
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cached_property

import keras
import numpy as np

from utilities.batches import WordBatches
from utilities.calibration import Calibration, calibrations
from utilities.model import FrameCounter, RecognizerSpec
from utilities.optimizer import OPTIMIZER
from utilities.plan import Plan
from utilities.products import training_products
from utilities.resume import ResumePoint
from utilities.saved_model import describe_spec
from utilities.training import Progress, train
from utilities.training_set import TrainingSet, identity


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

    def train(self, after_epoch: Callable[[list[dict]], None], resume: ResumePoint | None = None) -> Progress:
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


def training_record(
    data_record: dict,
    plan: Plan,
    progress: Progress,
    calibrations: Mapping[str, Calibration],
    base: dict | None = None,
) -> dict:
    """The record kept in a model file: on what and how it was trained, with which versions, and what came out."""
    best = progress.best
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "data": data_record,
        "plan": asdict(plan) | {"epochs_planned": progress.epochs_planned, "parts": progress.parts},
        "result": {"epoch": best["epoch"], "val_loss": best["val_loss"], "val_cer": best["val_cer"]},
        **{name: asdict(calibration) for name, calibration in calibrations.items()},
        "epochs_run": len(progress.history),
        "synthetic_words": progress.synthetic,
        "seconds": round(progress.seconds, 1),
        "versions": {"python": platform.python_version(), "keras": keras.__version__, "numpy": np.__version__},
        "backend": keras.config.backend(),
        "training_products": training_products(),
        "base": base,
    }
