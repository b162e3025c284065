"""Writing the files that a training run leaves."""

import time
from collections.abc import Sequence
from pathlib import Path

import keras

from utilities.full_model import prediction_model_of
from utilities.history import history_csv
from utilities.metrics import reads_nothing
from utilities.model import RecognizerSpec
from utilities.model_files import ModelFiles
from utilities.safe_files import whole_file, write_text_whole
from utilities.saved_model import save_recognizer
from utilities.training import Progress
from utilities.training_chart import training_history_chart

CHART_SHARE = 0.05  # of a run's time that drawing may take: a chart takes as long as some words' training


def save_history(path: Path, history: Sequence[dict]) -> None:
    """Write a history's CSV and, beside it, its chart, whole."""
    write_text_whole(path, history_csv(history))
    with whole_file(path.with_suffix(".png")) as temporary:
        training_history_chart(history).savefig(temporary)


class HistoryKeeper:
    """Writes the history while a run goes on: the CSV after every epoch, the chart as often as CHART_SHARE allows."""

    def __init__(self, files: ModelFiles):
        self._path, self._next_chart = files.running_history, 0.0

    def __call__(self, history: Sequence[dict]) -> None:
        began = time.monotonic()
        if began < self._next_chart:
            write_text_whole(self._path, history_csv(history))
            return
        save_history(self._path, history)
        now = time.monotonic()
        self._next_chart = now + (now - began) / CHART_SHARE


def save_trained(files: ModelFiles, spec: RecognizerSpec, full: keras.Model, record: dict, progress: Progress) -> None:
    """Write both files of a full model, and the history."""
    running = files.running_history
    save_recognizer(files.prediction, spec, prediction_model_of(full), record)
    save_recognizer(files.full, spec, full, record)
    save_history(files.history, progress.history)
    if running != files.history:
        for path in (running, running.with_suffix(".png")):
            path.unlink(missing_ok=True)
    best = progress.best
    print(
        f"Saved {files.full} and {files.prediction}:"
        f" validation CER {100 * best['val_cer']:.2f} % (epoch {best['epoch']})."
    )


def warn_of_nothing_learnt(progress: Progress) -> None:
    """Say so where the model that was kept reads nothing yet."""
    if reads_nothing(progress.best["val_cer"]):
        print(
            "WARNING: this model reads nothing yet. Give it more epochs or minutes, more words, or start from another."
        )
