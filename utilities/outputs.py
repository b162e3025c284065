"""The files that a training run leaves in saved_models/: their names, and writing them."""

import datetime
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from utilities.charts import training_history_chart
from utilities.errors import UserError
from utilities.model import RecognizerSpec, add_ctc
from utilities.safe_files import refuse_existing, whole_file, write_text_whole
from utilities.saved_model import save_recognizer
from utilities.training import HISTORY_COLUMNS, Plan, Progress, history_csv

SAVED_MODELS = Path("saved_models")  # under the working directory


@dataclass(frozen=True)
class ModelFiles:
    """Paths of one trained model. `prediction` is the stem of the prediction model, `name` of all else."""

    name: str
    prediction_name: str
    model_format: str

    @property
    def full(self) -> Path:
        """The full model: with the CTC layer, for further training."""
        return SAVED_MODELS / f"{self.name}-full_model.{self.model_format}"

    @property
    def prediction(self) -> Path:
        """The prediction model."""
        return SAVED_MODELS / f"{self.prediction_name}.{self.model_format}"

    @property
    def history(self) -> Path:
        """The training history as CSV; the chart stands beside it as PNG."""
        return SAVED_MODELS / f"{self.name}-training_history.csv"

    @property
    def resume(self) -> Path:
        """The state of an interrupted run."""
        return SAVED_MODELS / f".{self.name}-interrupted.npz"

    @property
    def models(self) -> list[Path]:
        """Both model files."""
        return [self.full, self.prediction]

    @property
    def all(self) -> list[Path]:
        """Every file a finished run leaves."""
        return [*self.models, self.history, self.history.with_suffix(".png")]


def refuse_to_overwrite(files: Sequence[ModelFiles], overwrite: bool) -> None:
    """Stop before any work when results of that name exist. The history of an interrupted run is not a result."""
    name = files[0].name
    if not re.fullmatch(r"[^/\\\0.][^/\\\0]*", name):
        raise UserError(f"NAME {name!r} cannot be part of a file name. Use letters, digits, - and _.")
    if not overwrite:
        refuse_existing(
            [path for f in files for path in (f.models if f.resume.exists() else f.all)],
            "Choose another NAME, or add --overwrite to replace them.",
        )


def finished_before(files: ModelFiles) -> bool:
    """Whether a run has left all its files, and no interrupted run of the name is waiting."""
    return all(path.exists() for path in files.all) and not files.resume.exists()


def save_history(files: ModelFiles, history: Sequence[dict]) -> None:
    """Write the history's CSV and chart, whole."""
    write_text_whole(files.history, history_csv(history))
    columns = {c: [row[c] for row in history] for c in HISTORY_COLUMNS}
    with whole_file(files.history.with_suffix(".png")) as temporary:
        training_history_chart(columns).savefig(temporary)


def save_trained(files: ModelFiles, spec: RecognizerSpec, model: keras.Model, record: dict, progress: Progress) -> None:
    """Write both model files and the history."""
    save_history(files, progress.history)
    save_recognizer(files.prediction, spec, model, record)
    save_recognizer(files.full, spec, add_ctc(model), record)
    best = progress.best
    print(
        f"Saved {files.full} and {files.prediction}:"
        f" validation CER {100 * best['val_cer']:.2f} % (epoch {best['epoch']})."
    )


def training_record(data_record: dict, plan: Plan, progress: Progress, base: dict | None = None) -> dict:
    """The record kept in a model file: on what and how it was trained, with which versions, and what came out."""
    best = progress.best
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "data": data_record,
        "plan": asdict(plan) | {"epochs_planned": progress.epochs_planned},
        "result": {"epoch": best["epoch"], "val_loss": best["val_loss"], "val_cer": best["val_cer"]},
        "epochs_run": len(progress.history),
        "seconds": round(progress.seconds, 1),
        "versions": {"python": platform.python_version(), "keras": keras.__version__, "numpy": np.__version__},
        "backend": keras.config.backend(),
        "base": base,
    }
