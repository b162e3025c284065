"""How Optuna is asked: the study that keeps a search, the sampler that proposes, what may be proposed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from utilities.errors import UserError
from utilities.locks import refuse_living_owner, this_process
from utilities.search_space import Range, Values

OWNER = "owner"  # user attribute of a study: the process that searches, and when it last said that it does
SILENT = 6 * 3600  # seconds after which the owner on another computer, of whom no more can be known, has ended
WARM_UP_EPOCHS = (
    3  # of the user's words before a trial may be hopeless: CTC reads nothing at first, whatever the values
)


@dataclass(frozen=True)
class Strategy:
    """How values are chosen; `calls` and `random_starts` are of the methods random and bayes.

    `drawn_epochs`: how many of a trial's epochs show words drawn by the computer, before it can be judged.
    """

    method: str  # grid, random or bayes
    seed: int
    calls: int
    random_starts: int
    prune: bool
    drawn_epochs: int = 0


def open_study(storage: str, name: str, strategy: Strategy, resume: bool, shared: bool = True) -> optuna.Study:
    """The study of that name, made anew unless `resume`.

    A storage that is not `shared` by several searches then holds no other. Raises UserError when the storage cannot be
    used, LockedError when another process works on the study.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warm_up = strategy.drawn_epochs + WARM_UP_EPOCHS
    pruner = optuna.pruners.MedianPruner(n_startup_trials=strategy.random_starts, n_warmup_steps=warm_up)
    with _usable(storage):
        database = optuna.storages.get_storage(storage)
        if shared:  # else the lock file in its folder does
            _refuse_living_search(database, storage, name)
        for before in () if resume else optuna.study.get_all_study_names(database):
            if before == name or not shared:
                print(f"The search `{before}` of before is thrown away.")
                optuna.delete_study(study_name=before, storage=database)
        study = optuna.create_study(study_name=name, storage=database, pruner=pruner, load_if_exists=True)
        own_study(study)
        return study


def own_study(study: optuna.Study) -> None:
    """Say to all that this process works on the study."""
    study.set_user_attr(OWNER, this_process() | {"seen": time.time()})


def _refuse_living_search(database: optuna.storages.BaseStorage, storage: str, name: str) -> None:
    """Raise LockedError where another process works on the study of that name."""
    if name not in optuna.study.get_all_study_names(database):
        return
    owner = optuna.load_study(study_name=name, storage=database).user_attrs.get(OWNER)
    me = this_process()
    if not owner or me.items() <= owner.items():
        return
    if owner["host"] == me["host"] or time.time() - owner["seen"] < SILENT:
        free = f"name another [tune] STORAGE, or try again {SILENT // 3600} hours after its last epoch,"
        refuse_living_owner(owner, f"the search `{name}` in {storage}", free)


def leave_study(study: optuna.Study) -> None:
    """Let another process, maybe on another computer, go on with the study."""
    study.set_user_attr(OWNER, None)


@contextmanager
def _usable(storage: str) -> Iterator[None]:
    """Say what is wrong with a storage. Raises UserError."""
    try:
        yield
    except (StorageInternalError, SQLAlchemyError, ImportError, OSError, ValueError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise UserError(
            f"[tune] STORAGE = {storage}: it cannot be used ({reason}). Correct the address, or leave STORAGE empty to"
            " keep the search in the log folder; if it is empty already, delete that file and search without --resume."
        ) from None


@contextmanager
def kept_in(storage: str) -> Iterator[None]:
    """Say what became of a search whose storage fails while it goes on. Raises UserError."""
    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise UserError(
            f"The search cannot be kept in {storage} any more ({reason}). See that its disk is not full, or its server"
            " there, and run the command again with --resume: trials that have ended are not lost."
        ) from error


def has_study(storage: str, name: str) -> bool:
    """Whether a storage holds a search of that name. Raises UserError when it cannot be used."""
    with _usable(storage):
        return name in optuna.study.get_all_study_names(optuna.storages.get_storage(storage))


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
