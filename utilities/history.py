"""How a training went: a row for each epoch, which of them counts, and the rows as CSV text."""

from collections.abc import Mapping, Sequence

from utilities.metrics import reads_nothing

HISTORY_COLUMNS = ("epoch", "loss", "val_loss", "val_cer", "learning_rate", "seconds")


def kept_of(history: Sequence[Mapping], early_stopping: bool) -> Mapping:
    """The row of the epoch whose weights are kept: the best with early stopping, else the last."""
    return best_of(history) if early_stopping else history[-1]


def best_of(history: Sequence[Mapping]) -> Mapping:
    """The row of the epoch that read best; of equal CERs the loss decides, and while nothing is learnt yet.

    Then an epoch of stray letters may have a lower CER than the many after it that read nothing, but learn to.
    """

    def key(row):
        return 1.0 if reads_nothing(row["val_cer"]) else row["val_cer"], row["val_loss"]

    return min(history, key=key)


def history_csv(history: Sequence[dict]) -> str:
    """The history as CSV text, columns HISTORY_COLUMNS."""
    lines = [",".join(HISTORY_COLUMNS), *(",".join(f"{row[c]:.6g}" for c in HISTORY_COLUMNS) for row in history)]
    return "\n".join(lines) + "\n"
