"""What TensorBoard shows of a search: the HParams dashboard's columns, and a run for each trial."""

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.hparams import api as hp

from utilities.hyperparameters import FIELDS, TUNED, Hyperparameters, combination_name
from utilities.search_space import Range, SearchSpace, Values

# of the weights that are kept, which are not the last ones with EARLY_STOPPING: what the dashboard ranks trials by
METRICS = {"kept/val_cer": "validation CER", "kept/val_loss": "validation loss"}
SCALARS = ("loss", "val_cer", "val_loss", "learning_rate")
EVENTS = "events.out.tfevents.*"


def announce_search(folder: Path, space: SearchSpace) -> None:
    """Write the dashboard's columns: what may be tried of each hyperparameter, and the metrics."""
    with tf.summary.create_file_writer(str(folder)).as_default():
        hp.hparams_config(
            hparams=[hp.HParam(FIELDS[name].key, _domain(space[name])) for name in TUNED],
            metrics=[hp.Metric(tag, display_name=title) for tag, title in METRICS.items()],
        )


def _domain(values: Values) -> hp.Discrete | hp.IntInterval | hp.RealInterval:
    if not isinstance(values, Range):
        return hp.Discrete(sorted(values))
    return (hp.IntInterval if values.whole else hp.RealInterval)(values.low, values.high)


def remove_runs(folder: Path) -> None:
    """Remove the event files of an earlier search, and their folders where nothing else is in them."""
    for events in [*folder.glob(EVENTS), *folder.glob(f"*/{EVENTS}")]:
        events.unlink()
    for run in [p for p in folder.glob("*/") if not any(p.iterdir())]:
        run.rmdir()


class TrialLog:
    """The run of one trial, in a folder named by its values; a run of the same values is replaced."""

    def __init__(self, folder: Path, hyperparameters: Hyperparameters):
        name = combination_name(hyperparameters)
        for events in (folder / name).glob(EVENTS):  # of an interrupted trial
            events.unlink()
        self._writer = tf.summary.create_file_writer(str(folder / name))
        with self._writer.as_default():
            hp.hparams({FIELDS[n].key: getattr(hyperparameters, n) for n in TUNED}, trial_id=name)

    def add(self, row: Mapping, kept: Mapping) -> None:
        """Log a row of the training history, and the one whose weights would be kept by now."""
        with self._writer.as_default(step=row["epoch"]):
            for tag in SCALARS:
                tf.summary.scalar(tag, row[tag])
            for tag in METRICS:
                tf.summary.scalar(tag, kept[tag.removeprefix("kept/")])
        self._writer.flush()

    def close(self) -> None:
        """End the run."""
        self._writer.close()
