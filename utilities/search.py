"""Trials of hyperparameters: run each, log it for TensorBoard's HParams, keep the table and the best values."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.hparams import api as hp

from utilities.config import format_hyperparameters
from utilities.errors import UserError
from utilities.hyperparameters import FIELDS, TUNED, Hyperparameters, as_settings, combination_name, parse_value
from utilities.safe_files import write_text_whole
from utilities.training import Progress, TrainingError, minutes

LOGS = Path("logs/hparam_tuning_grid")  # under the working directory; TensorBoard reads it
METRICS = {"val_cer": "validation CER", "val_loss": "validation loss"}
RESULT_COLUMNS = ("state", "val_cer", "val_loss", "best_epoch", "seconds", "reason")


@dataclass(frozen=True)
class TrialResult:
    """How one trial ended. `state` is `complete` or `failed`; a failed trial has a reason and no figures."""

    hyperparameters: Hyperparameters
    state: str
    val_cer: float | None = None
    val_loss: float | None = None
    best_epoch: int | None = None
    seconds: float = 0.0
    reason: str = ""


class TrialStore:
    """`trials.csv`, `best_hyperparameters.cfg` and the TensorBoard run folders under one log folder."""

    def __init__(self, folder: Path, architecture: str):
        self.folder, self._architecture = folder, architecture
        self.results: list[TrialResult] = []

    @property
    def table(self) -> Path:
        """The table of trials."""
        return self.folder / "trials.csv"

    @property
    def best_file(self) -> Path:
        """The best values, for the trainer's --hyperparameters."""
        return self.folder / "best_hyperparameters.cfg"

    @property
    def best(self) -> TrialResult | None:
        """The complete trial with the lowest validation CER, ties by validation loss."""
        complete = [r for r in self.results if r.state == "complete"]
        return min(complete, key=lambda r: (r.val_cer, r.val_loss), default=None)

    def empty(self) -> None:
        """Remove what an earlier search wrote, and nothing else."""
        for events in [*self.folder.glob("events.out.tfevents.*"), *self.folder.glob("*/events.out.tfevents.*")]:
            events.unlink()
        for folder in [p for p in self.folder.glob("*/") if not any(p.iterdir())]:
            folder.rmdir()
        self.table.unlink(missing_ok=True)
        self.best_file.unlink(missing_ok=True)

    def read(self) -> None:
        """Take up the complete trials of an interrupted search. Raises UserError for a table that is not one."""
        if not self.table.exists():
            print("There is no interrupted search to resume: starting afresh.", flush=True)
            return
        try:
            with self.table.open(encoding="utf-8", newline="") as file:
                results = [_from_row(row) for row in csv.DictReader(file)]
        except (KeyError, ValueError) as error:
            raise UserError(
                f"{self.table} is not a table of trials ({error}). Search again without --resume."
            ) from None
        self.results = [r for r in results if r.state == "complete"]

    def add(self, result: TrialResult) -> None:
        """Keep a finished trial: the table and the best values are rewritten whole."""
        self.results.append(result)
        text = io.StringIO()
        names = [field.key for field in FIELDS.values()]
        writer = csv.DictWriter(text, [*names, *RESULT_COLUMNS], lineterminator="\n")
        writer.writeheader()
        for r in self.results:
            figures = {c: getattr(r, c) for c in RESULT_COLUMNS}
            writer.writerow(as_settings(r.hyperparameters) | {c: "" if v is None else v for c, v in figures.items()})
        write_text_whole(self.table, text.getvalue())
        if self.best:
            score = f"validation CER {100 * self.best.val_cer:.2f} %, the best of {len(self.results)} trials"
            notes = [score, "python one_model_trainer/task.py setup.cfg NAME --hyperparameters FILE uses these values"]
            write_text_whole(
                self.best_file, format_hyperparameters(self._architecture, self.best.hyperparameters, notes)
            )


def _from_row(row: Mapping[str, str]) -> TrialResult:
    values = {name: parse_value(name, row[field.key]) for name, field in FIELDS.items()}
    cer, loss, epoch = (row[c] for c in ("val_cer", "val_loss", "best_epoch"))
    return TrialResult(
        Hyperparameters(**values),
        row["state"],
        float(cer) if cer else None,
        float(loss) if loss else None,
        int(epoch) if epoch else None,
        float(row["seconds"]),
        row["reason"],
    )


def announce_to_tensorboard(folder: Path, trials: Sequence[Hyperparameters]) -> None:
    """Write the HParams dashboard's columns: the values tried of each hyperparameter, and the metrics."""
    domains = {name: sorted({getattr(t, name) for t in trials}) for name in TUNED}
    with tf.summary.create_file_writer(str(folder)).as_default():
        hp.hparams_config(
            hparams=[hp.HParam(FIELDS[name].key, hp.Discrete(values)) for name, values in domains.items()],
            metrics=[hp.Metric(tag, display_name=title) for tag, title in METRICS.items()],
        )


def run_trials(
    trials: Sequence[Hyperparameters],
    store: TrialStore,
    train_one: Callable[[Hyperparameters, Callable[[list[dict]], None]], Progress],
) -> TrialResult:
    """Run every trial that the store does not hold yet, and return the best.

    `train_one` trains with the given values, calling back with the history after each epoch. A trial that fails is
    kept with its reason and the search goes on. Raises UserError when every trial failed.
    """
    done = {r.hyperparameters for r in store.results}
    waiting = [t for t in trials if t not in done]
    spent = []
    for number, hyperparameters in enumerate(waiting, start=len(trials) - len(waiting) + 1):
        left = f", about {minutes(sum(spent) / len(spent) * (len(trials) - number + 1))} left" if spent else ""
        print(f"\nTrial {number} of {len(trials)}{left}: {combination_name(hyperparameters)}", flush=True)
        result = _run_trial(hyperparameters, store.folder, train_one)
        spent.append(result.seconds)
        store.add(result)
    if store.best is None:
        reasons = sorted({r.reason for r in store.results})
        raise UserError(
            "Every trial failed:\n" + "\n".join(f"  {r}" for r in reasons) + f"\nThe table is {store.table}."
        )
    return store.best


def _run_trial(hyperparameters: Hyperparameters, folder: Path, train_one: Callable) -> TrialResult:
    name = combination_name(hyperparameters)
    for events in (folder / name).glob("events.out.tfevents.*"):  # of an interrupted trial
        events.unlink()
    writer = tf.summary.create_file_writer(str(folder / name))

    def log(history: list[dict]) -> None:
        row = history[-1]
        with writer.as_default(step=row["epoch"]):
            for tag in ("loss", *METRICS, "learning_rate"):
                tf.summary.scalar(tag, row[tag])
        writer.flush()

    try:
        with writer.as_default():
            hp.hparams({FIELDS[n].key: getattr(hyperparameters, n) for n in TUNED}, trial_id=name)
        progress = train_one(hyperparameters, log)
    except (TrainingError, MemoryError, tf.errors.ResourceExhaustedError) as error:
        reason = str(error).splitlines()[0] if str(error) else "out of memory"
        print(f"This trial failed and is left out: {reason}", flush=True)
        return TrialResult(hyperparameters, "failed", reason=reason)
    finally:
        writer.close()
    best = progress.best
    return TrialResult(
        hyperparameters, "complete", best["val_cer"], best["val_loss"], best["epoch"], round(progress.seconds, 1)
    )
