"""The names of the files that training and prediction leave."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utilities.errors import UserError
from utilities.locks import refuse_held
from utilities.safe_files import refuse_existing, require_writable

LONGEST_NAME = 150  # bytes of a NAME: file systems allow 255, and stages add to it
SAVED_MODELS = Path("saved_models")  # under the working directory, as is
PREDICTIONS = Path("test_set_predictions/predictions")
REVIEW = Path("test_set_predictions/review")  # lists for it
ANOTHER_NAME = "Choose another NAME, or add --overwrite to replace them."
PREDICTIONS_ENDING = "-predictions.csv"
ENSEMBLE = "ensemble"  # where a model's name would stand: all of them together


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
    def running_history(self) -> Path:
        """Where the history of a run stands while it goes on: not in the place of a finished model's."""
        return self.history.with_name(f".{self.history.name}") if self.full.exists() else self.history

    @property
    def resume(self) -> Path:
        """The state of an interrupted run."""
        return SAVED_MODELS / f".{self.name}-interrupted.npz"

    @property
    def lock(self) -> Path:
        """What keeps two runs of one name apart."""
        return SAVED_MODELS / f".{self.name}.lock"

    @property
    def models(self) -> list[Path]:
        """Both model files."""
        return [self.full, self.prediction]

    @property
    def all(self) -> list[Path]:
        """Every file a finished run leaves."""
        return [*self.models, self.history, self.history.with_suffix(".png")]


def require_name(name: str) -> None:
    """Raise UserError unless a NAME, as the user gave it, can be part of a file's name."""
    if not re.fullmatch(r"[^/\\.][^/\\]*", name) or not name.isprintable() or len(name.encode()) > LONGEST_NAME:
        raise UserError(
            f"NAME {name!r} cannot be part of a file name. Use letters, digits, - and _, at most {LONGEST_NAME}"
            " characters, fewer with accents."
        )


def refuse_to_overwrite(files: Sequence[ModelFiles], overwrite: bool, resume: bool) -> None:
    """Stop before any work when results of that name exist, cannot be written, or are in the making elsewhere.

    `files` are of the steps of one run, in their order. What a run that was interrupted has left is no result: with
    `resume` it goes on.
    """
    require_writable(SAVED_MODELS)
    for step in files:
        refuse_held(step.lock)
    if overwrite:
        return
    kept = any(f.resume.exists() for f in files)
    finished = [finished_before(f) for f in files]
    if not resume and (kept or (any(finished) and not all(finished))):
        replacing = " and replace the finished model" if any(f.full.exists() for f in files) else ""
        raise UserError(
            "An interrupted run of this name was kept. Add --resume to go on with it, or --overwrite to throw it away"
            f"{replacing}."
        )
    if not kept:
        if resume and not all(finished):
            results = [path for f, done in zip(files, finished, strict=True) for path in ([] if done else f.models)]
        else:
            results = [path for f in files for path in f.all]
        refuse_existing(results, ANOTHER_NAME)


def refuse_replacing_base(model: Path, first: ModelFiles) -> None:
    """Raise UserError where a transfer's first step would replace the model that it starts from.

    A run that was stopped in its second step could not go on without that model.
    """
    if model.resolve() in {path.resolve() for path in first.models}:
        raise UserError(
            f"MODEL {model} is what the first step of a transfer of this NAME writes: it would replace what it starts"
            " from. Choose another NAME; or, to go on with a run that was stopped, name the MODEL that it began with."
        )


def finished_before(files: ModelFiles) -> bool:
    """Whether a run has left all its files, and no interrupted run of the name is waiting."""
    return all(path.exists() for path in files.all) and not files.resume.exists()


def prediction_files(models: Sequence[Path]) -> dict[Path, Path]:
    """Model -> its predictions CSV; two models of one name would overwrite each other and are refused."""
    clashing = sorted(str(m) for m in models if sum(n.stem == m.stem for n in models) > 1)
    if clashing:
        raise UserError(
            f"These models would write the same CSV: {', '.join(clashing)}. Give one of them another file name."
        )
    return {model: _predictions(model.stem) for model in models}


def ensemble_file(models: Sequence[Path]) -> Path:
    """The predictions CSV of all models together; a single model, or one of the ensemble's name, is refused."""
    if len(models) < 2:
        raise UserError("--ensemble lets several models read together, and there is one. Name two MODELs or more.")
    clashing = [str(m) for m in models if m.stem == ENSEMBLE]
    if clashing:
        raise UserError(f"{clashing[0]} would write the same CSV as --ensemble. Give it another file name.")
    return _predictions(ENSEMBLE)


def _predictions(name: str) -> Path:
    return PREDICTIONS / f"{name}{PREDICTIONS_ENDING}"


def name_of(predictions: Path) -> str:
    """The model's name, or ENSEMBLE, of a predictions CSV."""
    return predictions.name.removesuffix(PREDICTIONS_ENDING)


def review_file(predictions: Path) -> Path:
    """The review list of a predictions CSV."""
    return REVIEW / f"{name_of(predictions)}-review.csv"
