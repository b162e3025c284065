"""How Optuna is asked: the study that keeps a search, the sampler that proposes, what may be proposed."""

from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sqlalchemy.exc import SQLAlchemyError

from utilities.errors import UserError
from utilities.search_space import Range, Values

WARM_UP_EPOCHS = 3  # before a trial may be called hopeless: CTC reads nothing at first, whatever the values


@dataclass(frozen=True)
class Strategy:
    """How values are chosen; `calls` and `random_starts` are of the methods random and bayes."""

    method: str  # grid, random or bayes
    seed: int
    calls: int
    random_starts: int
    prune: bool


def open_study(storage: str, name: str, strategy: Strategy, resume: bool) -> optuna.Study:
    """The study of that name, made anew unless `resume`. Raises UserError when the storage cannot be used."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=strategy.random_starts, n_warmup_steps=WARM_UP_EPOCHS)
    try:
        database = optuna.storages.get_storage(storage)
        if not resume and name in optuna.study.get_all_study_names(database):
            print(f"The search `{name}` of before is thrown away.", flush=True)
            optuna.delete_study(study_name=name, storage=database)
        return optuna.create_study(study_name=name, storage=database, pruner=pruner, load_if_exists=True)
    except (SQLAlchemyError, ImportError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"[tune] STORAGE = {storage}: it cannot be used ({reason}). Correct the address, or leave STORAGE empty to"
            " keep the search in the log folder; if it is empty already, delete that file and search without --resume."
        ) from None


def sampler_for(strategy: Strategy, ordinal: int, attempt: int) -> optuna.samplers.BaseSampler:
    """A sampler whose random numbers follow from seed and ordinal: a resumed search goes on as an unbroken one."""
    seed = int(np.random.SeedSequence((strategy.seed, ordinal, attempt)).generate_state(1)[0])
    if strategy.method == "bayes":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=strategy.random_starts)
    return optuna.samplers.RandomSampler(seed=seed)


def distribution_of(values: Values) -> BaseDistribution:
    """What Optuna may propose of one hyperparameter."""
    if not isinstance(values, Range):
        return CategoricalDistribution(values)
    kind = IntDistribution if values.whole else FloatDistribution
    return kind(values.low, values.high, log=values.logarithmic)
