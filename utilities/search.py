"""A hyperparameter search: trials from the queue to the workers, and its files, rewritten after every trial."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from utilities.config import Config, format_hyperparameters
from utilities.counts import number_of
from utilities.durations import duration
from utilities.errors import UserError
from utilities.hyperparameters import FIELDS, Hyperparameters, as_settings, combination_name, resolve
from utilities.optimizer import OPTIMIZER
from utilities.outcomes import COLUMNS, OUTCOME_COLUMNS, PLAN, Outcome, Trial
from utilities.safe_files import write_csv_whole, write_text_whole
from utilities.search_summary import nothing_learnt
from utilities.training_set import identity
from utilities.trial_worker import serve
from utilities.trials import TrialQueue
from utilities.workers import Died, Ended, Epoch, Started, run_in_workers

LOGS = Path("logs/hparam_tuning_grid")  # under the working directory; TensorBoard reads it


def belonging(config: Config, data_record: dict) -> dict:
    """What must be the same when a search is resumed, JSON-ready."""
    tune, train, project = config.tune, config.train, config.project
    return {
        "architecture": train.architecture,
        "[train]": {FIELDS[name].key: str(v) for name, v in train.hyperparameters.items() if name not in tune.space},
        "[tune]": {FIELDS[name].key: str(values) for name, values in tune.space.items()},
        "METHOD": tune.method,
        "NUM_EPOCHS": tune.num_epochs,
        "SEED": tune.seed,
        "PRUNE": tune.prune,
        "NUM_RANDOM_STARTS": tune.num_random_starts,  # bayes and PRUNE begin after so many
        "EARLY_STOPPING": train.early_stopping,
        "SYNTHETIC_WORDS": train.synthetic_words,
        "ALPHABET": project.alphabet,
        "optimizer": OPTIMIZER,
        "canvas": [project.img_height, project.img_width],
        **identity(data_record),
    }


class SearchFiles:
    """`trials.csv` and `best_hyperparameters.cfg` in the log folder, for trials over some base values."""

    def __init__(self, folder: Path, architecture: str, base: dict):
        self.folder, self._architecture, self._base = folder, architecture, base
        self.table, self.best = folder / "trials.csv", folder / "best_hyperparameters.cfg"
        self.plan = folder / PLAN  # for `search_summary`

    def hyperparameters(self, trial: Trial) -> Hyperparameters:
        """All values of a trial: its own over the base."""
        return resolve(self._architecture, self._base, trial.values)

    def write(self, queue: TrialQueue) -> None:
        """Rewrite all files, each whole."""
        outcomes, best = queue.outcomes(), queue.best()
        rows = [COLUMNS]
        for trial, outcome in outcomes:
            figures = {name: getattr(outcome, name) for name in OUTCOME_COLUMNS}
            given = {name: "" if value is None else value for name, value in figures.items()}
            row = {"trial": trial.ordinal + 1} | as_settings(self.hyperparameters(trial)) | given
            rows.append([row.get(column, "") for column in COLUMNS])
        write_text_whole(self.plan, json.dumps({"method": queue.method, "planned": queue.total}))
        write_csv_whole(self.table, rows)
        if best:
            score = f"validation CER {100 * best[1].val_cer:.2f} %, the best of {number_of(len(outcomes), 'trial')}"
            notes = [score, "python one_model_trainer/task.py setup.cfg NAME --hyperparameters FILE uses these values"]
            settings = format_hyperparameters(self._architecture, self.hyperparameters(best[0]), notes)
            write_text_whole(self.best, settings)

    def remove(self) -> None:
        """Remove all files."""
        for path in (self.table, self.best, self.plan):
            path.unlink(missing_ok=True)


def run_search(
    queue: TrialQueue, files: SearchFiles, jobs: Sequence[object], epochs: int, target: Callable = serve
) -> tuple[Trial, Outcome]:
    """Run every trial that is left, `len(jobs)` at a time, and return the best.

    Each trial has at most `epochs` epochs, from which the time left is estimated. A trial that fails is kept with its
    reason and the search goes on. Raises UserError when every trial failed.
    """
    left = TimeLeft(queue.total, epochs, len(jobs), done=len(queue.outcomes()))
    files.write(queue)
    for event in run_in_workers(queue.next, target, jobs):
        number = f"Trial {event.trial.ordinal + 1} of {queue.total}"
        if isinstance(event, Started):
            print(f"\n{number}: {combination_name(files.hyperparameters(event.trial))}{left}")
        elif isinstance(event, Epoch):
            hopeless = queue.report(event.trial, event.row["epoch"], event.row["val_cer"])
            event.answer(hopeless and event.row["epoch"] < epochs)  # at its end there is nothing to save
            if left.heard_of(event.row):
                print(f"{number_of(queue.total, 'trial')} of this length{left}")
        elif isinstance(event, Died):
            print(f"{number}: its process is gone; it will be run again.")
        elif isinstance(event, Ended):
            queue.finish(event.trial, event.outcome)
            files.write(queue)
            left.ended(event.outcome)
            print(f"{number}: {_told(event.outcome)}")
    best = queue.best()
    if best is None:
        reasons = sorted({outcome.reason for _, outcome in queue.outcomes()})
        raise UserError(
            "Every trial failed:\n" + "\n".join(f"  {r}" for r in reasons) + f"\nThe table is {files.table}."
        )
    if said := nothing_learnt(best[1].val_cer):
        print(f"WARNING: {said}")
    return best


def _told(outcome: Outcome) -> str:
    if outcome.state == "failed":
        return f"failed and is left out: {outcome.reason}"
    end = f", stopped as {outcome.reason}" if outcome.state == "pruned" else ""
    return f"validation CER {100 * outcome.val_cer:.2f} % in epoch {outcome.best_epoch}{end}"


class TimeLeft:
    """An estimate of the time left: from the first epoch on, and from finished trials as soon as there are some."""

    def __init__(self, total: int, epochs: int, workers: int, done: int):
        self._trials_left, self._epochs, self._workers = total - done, epochs, workers
        self._spent: list[float] = []
        self._an_epoch: float | None = None
        self._done = 0.0  # seconds of the running trials, until the first has ended

    def heard_of(self, row: dict) -> bool:
        """Take in an epoch of a running trial; True when it makes the first estimate."""
        if self._an_epoch is not None:
            return False
        self._an_epoch, self._done = row["seconds"] / row["epoch"], row["seconds"]
        return True

    def ended(self, outcome: Outcome) -> None:
        """Take in a finished trial."""
        self._trials_left -= 1
        if outcome.state != "failed":
            self._spent.append(outcome.seconds)

    def __str__(self):
        if self._spent:
            a_trial, done = sum(self._spent) / len(self._spent), 0.0
        elif self._an_epoch:
            a_trial, done = self._an_epoch * self._epochs, self._done
        else:
            return ""
        return f", about {duration(max(0.0, a_trial * self._trials_left / self._workers - done))} left"
