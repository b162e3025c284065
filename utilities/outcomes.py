"""A trial of a search, how it ended, and the table of them: names that need neither Optuna nor a framework."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from utilities.hyperparameters import FIELDS, TUNED

RANKED_BY = ("val_cer", "cost", "val_loss")  # of trials with equal CERs the cheaper prediction, then the lower loss
PLAN = "search.json"  # beside the table: METHOD, and how many trials there are to be


@dataclass(frozen=True)
class Outcome:
    """How a trial ended. `state`: complete, pruned (stopped as hopeless) or failed (with a reason, without figures).

    `cost`: multiplications and additions of one prediction, in millions. `memory`: peak of the process, in MB.
    """

    state: str
    val_cer: float | None = None
    val_loss: float | None = None
    best_epoch: int | None = None
    epochs: int = 0
    seconds: float = 0.0
    memory: float | None = None
    cost: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Trial:
    """A choice of values to train with. `ordinal` counts from 0 and stays when the trial has to be run again."""

    ordinal: int
    values: Mapping[str, object]


OUTCOME_COLUMNS = tuple(field.name for field in fields(Outcome))
COLUMNS = ("trial", *(field.key for field in FIELDS.values()), *OUTCOME_COLUMNS)  # of trials.csv
TEXTS = ("state", "reason")  # of these
TUNED_KEYS = tuple(FIELDS[name].key for name in TUNED)
NUMBERS = ("trial", *TUNED_KEYS, *(name for name in OUTCOME_COLUMNS if name not in TEXTS))
