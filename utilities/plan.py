"""How long, how fast and in which batches to train: what the settings say of one training."""

from dataclasses import dataclass, replace

from utilities.config import Train, Transfer, Tune
from utilities.hyperparameters import Hyperparameters

HEAD_SHARE = 0.1  # of a transfer's MAX_MINUTES for retraining the head, at most; fine-tuning gets the rest


@dataclass(frozen=True)
class Plan:
    """How to train. `max_minutes` and `epochs`: whichever is first. `synthetic_words`: to learn first, at most."""

    epochs: int
    learning_rate: float
    seed: int
    early_stopping: bool
    patience: int
    max_minutes: float | None = None
    synthetic_words: int = 0
    rate_key: str = "LEARNING_RATE"  # where the settings say how fast

    @classmethod
    def of(
        cls, train: Train, epochs: int, learning_rate: float, max_minutes: float | None, rate_key: str = rate_key
    ) -> "Plan":
        """A plan with the seed, the early stopping and the synthetic words of the [train] section."""
        stopping = train.early_stopping, train.patience
        return cls(epochs, learning_rate, train.seed, *stopping, max_minutes, train.synthetic_words, rate_key)


def trial_plan(train: Train, tune: Tune, learning_rate: float) -> Plan:
    """How a trial of the tuner trains: whatever the patience is, to its end."""
    plan = Plan.of(train, tune.num_epochs, learning_rate, None)
    return replace(plan, seed=tune.seed, patience=tune.num_epochs)


def transfer_batch_size(train: Train, base: Hyperparameters) -> int:
    """Images a step of a transfer: what [train] says, else what the base model was trained with."""
    return train.hyperparameters.get("batch_size", base.batch_size)


def head_plan(train: Train, transfer: Transfer) -> Plan:
    """How a transfer retrains the head: in HEAD_SHARE of its MAX_MINUTES at most."""
    minutes = HEAD_SHARE * transfer.max_minutes if transfer.max_minutes else None
    rate = transfer.retraining_learning_rate
    return Plan.of(train, transfer.retraining_epochs, rate, minutes, "RETRAINING_LEARNING_RATE")


def fine_tuning_plan(train: Train, transfer: Transfer, head_seconds: float) -> Plan:
    """How a transfer trains all layers afterwards: in what the head has left of MAX_MINUTES."""
    minutes = transfer.max_minutes
    if minutes:
        minutes -= min(head_seconds / 60, head_plan(train, transfer).max_minutes)
    rate = transfer.fine_tuning_learning_rate
    return Plan.of(train, transfer.fine_tuning_epochs, rate, minutes, "FINE_TUNING_LEARNING_RATE")
