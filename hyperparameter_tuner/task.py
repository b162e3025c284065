"""Try combinations of the hyperparameter values that setup.cfg lists under [tune] (METHOD: grid, random or bayes).

Leaves in logs/hparam_tuning_grid/: runs for TensorBoard (tensorboard --logdir logs/hparam_tuning_grid), trials.csv,
best_hyperparameters.cfg for the trainer, and search.db, from which --resume goes on. The folder is emptied of an
earlier search first. See what the search taught with hyperparameter_tuner/visualize_search.ipynb.
"""

import argparse
import math
import os
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from utilities.command import leave, run_stage
from utilities.config import Config, load_config
from utilities.counts import number_of
from utilities.errors import UserError
from utilities.framework import start_framework
from utilities.gpu import VISIBLE, devices_for_workers
from utilities.hyperparameters import resolve


def parse_args(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setup", type=Path, help="the settings file")
    parser.add_argument("--resume", action="store_true", help="keep the finished trials of an interrupted search")
    return parser.parse_args(argv)


def run(config: Config, resume: bool) -> None:
    """Check and decode the images once, then run the trials."""
    architecture, tune = config.train.architecture, config.tune
    base = resolve(architecture, config.train.hyperparameters)
    devices, message = devices_for_workers(tune.workers)
    print(message)
    os.environ[VISIBLE] = "-1"  # the GPUs are the workers'
    start_framework(tune.seed, announce=False)

    from utilities.examination import preprocessing_of
    from utilities.locks import exclusive_lock
    from utilities.model import frame_counter
    from utilities.pretraining import length_for
    from utilities.safe_files import require_writable
    from utilities.search import LOGS, SearchFiles, belonging, run_search
    from utilities.studies import Strategy, has_study, kept_in
    from utilities.training_set import announce, training_set_for
    from utilities.trial_log import announce_search, remove_runs
    from utilities.trial_worker import WorkerJob
    from utilities.trials import TrialQueue

    require_writable(LOGS)
    how = preprocessing_of(config.project)
    data = training_set_for(config, tune.image_set, how, frame_counter(architecture, how.height, base))
    print(announce(data))
    drawn = math.ceil(length_for(len(data.training), tune.num_epochs)) if config.train.synthetic_words else 0
    strategy = Strategy(tune.method, tune.seed, tune.num_calls, tune.num_random_starts, tune.prune, drawn)
    storage = tune.storage or f"sqlite:///{LOGS}/search.db"
    # one of the user's is shared by searches: image sets are often called alike, such as `train`
    parent = f"{tune.image_set.resolve().parent.name}/" if tune.storage else ""
    study = f"handwriting {parent}{tune.image_set.name} {architecture}"
    with exclusive_lock(LOGS / ".lock"), kept_in(storage):
        files = SearchFiles(LOGS, architecture, asdict(base))
        if resume and not has_study(storage, study):
            _begin_instead_of_resuming(files.table, study)
        same, shared = belonging(config, data.record), bool(tune.storage)
        with closing(TrialQueue.open(storage, study, tune.space, strategy, same, resume, shared)) as queue:
            if not queue.outcomes():  # a new search, or one that was stopped while it began
                remove_runs(LOGS)
                files.remove()
            announce_search(LOGS, tune.space)
            length = number_of(tune.num_epochs, "epoch")
            print(f"{number_of(queue.total, 'trial')} of at most {length} (METHOD = {tune.method}).")
            marks = [f"[worker {n}]" if tune.workers > 1 else "" for n in range(1, tune.workers + 1)]
            jobs = [WorkerJob(config, LOGS, device, mark) for device, mark in zip(devices, marks, strict=True)]
            _, best = run_search(queue, files, jobs, tune.num_epochs)
    print(f"\nBest validation CER {100 * best.val_cer:.2f} %: {files.best}")
    print(f"See all trials with: tensorboard --logdir {LOGS}")


def _begin_instead_of_resuming(table: Path, study: str) -> None:
    """Say that there is nothing to resume. Raises UserError where the results of another search would be lost."""
    if table.exists():
        raise UserError(
            f"There is no interrupted search `{study}`, and {table} is of another one. Restore the image set and the"
            " ARCHITECTURE of that one to go on with it, or search without --resume: then its results are thrown away."
        )
    print("There is no interrupted search to resume: starting afresh.")


def main(argv=None) -> int:
    """Run the stage and return its exit status."""
    args = parse_args(argv)
    return run_stage(lambda: run(load_config(args.setup, "tune"), args.resume), resumable=True)


if __name__ == "__main__":
    leave(main())
