"""What a search taught, from its trials.csv: best so far, importance of each hyperparameter, whether to go on."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd

from utilities.counts import number_of
from utilities.errors import UserError
from utilities.hyperparameters import FIELDS, TUNED
from utilities.metrics import reads_nothing
from utilities.outcomes import NUMBERS, PLAN, RANKED_BY, TEXTS, TUNED_KEYS

LAST_SHARE = 1 / 3  # of the trials: when they bring nothing, more of the same will hardly bring more
WORTHWHILE = 0.02  # share of the best CER: a gain below this is within what the seed changes
FEW = 4  # complete trials, below which nothing can be said
MANY_VALUES = 8  # of a hyperparameter: more are of a range, in which each trial has its own
FEW_OF_RANGES = 40  # complete trials, below which importances of ranges are mostly chance


def load_trials(table: Path) -> pd.DataFrame:
    """The rows of trials.csv: numbers as float64 (NaN where empty), state and reason as text.

    Its `attrs` have "method" and "planned" (trials) where the tuner has left PLAN beside the table.
    Raises UserError when there is no such table, or none of trials.
    """
    if not table.is_file():
        raise UserError(
            f"There is no table of trials {table.absolute()}. `python hyperparameter_tuner/task.py setup.cfg` makes it."
        )
    with table.open(encoding="utf-8", newline="") as file:
        frame = pd.DataFrame(list(csv.DictReader(file)), dtype=object)
    missing = [column for column in (*NUMBERS, *TEXTS) if column not in frame]
    if missing and len(frame):
        raise UserError(f"{table} is not a table of trials: it lacks {', '.join(missing)}.")
    if frame.empty:
        raise UserError(f"{table} holds no finished trial yet. Wait for the first, then run this again.")
    for column in NUMBERS:
        frame[column] = pd.to_numeric(frame[column].replace("", np.nan)).astype(float)
    plan = table.with_name(PLAN)
    frame.attrs = json.loads(plan.read_text(encoding="utf-8")) if plan.is_file() else {}
    return frame


def complete(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that ran to their end."""
    return trials[trials["state"] == "complete"]


def ranked(trials: pd.DataFrame) -> pd.DataFrame:
    """The complete trials, the best first."""
    return complete(trials).sort_values(list(RANKED_BY))


def tried(trials: pd.DataFrame) -> list[str]:
    """The hyperparameters of which more than one value was tried."""
    return [key for key in TUNED_KEYS if trials[key].nunique() > 1]


def best_so_far(trials: pd.DataFrame) -> pd.DataFrame:
    """After each trial: `trial`, `hours` of training spent, its own CER % (NaN if it failed), and the best yet."""
    cer = 100 * trials["val_cer"].where(trials["state"] == "complete")
    return pd.DataFrame(
        {
            "trial": trials["trial"],
            "hours": trials["seconds"].fillna(0).cumsum() / 3600,
            "CER %": cer,
            "best CER %": cer.cummin().ffill(),
        }
    )


def importances(trials: pd.DataFrame) -> pd.Series:
    """How much each tried hyperparameter matters, the largest first; the series' name says in which sense.

    Of a few values each: the share of the differences in CER that lies between the means of its values (the main
    effect of an analysis of variance). Of ranges: how much the best trials agree on it (PED-ANOVA, Watanabe et al.
    2023, in Optuna). Empty with too few trials, where none reads yet, or nothing differs; and where a setting explains
    all of it whatever it does: one of which each trial has its own value, or a range that alone was searched.
    """
    done = complete(trials)
    keys = tried(done)
    of_ranges = any(done[key].nunique() > MANY_VALUES for key in keys)
    few = len(done) < (FEW_OF_RANGES if of_ranges else FEW)
    explains_all = len(keys) < 2 if of_ranges else any(done[key].nunique() == len(done) for key in keys)
    if few or not keys or explains_all or done["val_cer"].nunique() < 2 or reads_nothing(done["val_cer"].min()):
        return pd.Series(dtype=float)
    found = _agreement_of_the_best(done, keys) if of_ranges else _main_effects(done, keys)
    return found.sort_values(ascending=False)


def _main_effects(done: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Of values that were not all tried together the shares overlap; they are never more than all."""
    cers = done["val_cer"]
    found = pd.Series({key: cers.groupby(done[key]).transform("mean").var(ddof=0) for key in keys}) / cers.var(ddof=0)
    return (found / max(1.0, found.sum())).rename("share of the differences explained")


def _agreement_of_the_best(done: pd.DataFrame, keys: list[str]) -> pd.Series:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study, distributions = optuna.create_study(), {key: _distribution(done[key]) for key in keys}
    for row in done.to_dict("records"):
        values = {key: row[key] for key in keys}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=row["val_cer"]))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return pd.Series(found, dtype=float, name="agreement of the best tenth of the trials")


def _distribution(values: pd.Series):
    """What Optuna takes these values for: choices where they are few, else a range."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if values.nunique() <= MANY_VALUES:
        return CategoricalDistribution(sorted(values.unique()))
    return FloatDistribution(values.min(), values.max(), log=is_logarithmic(values.name))


def is_logarithmic(key: str) -> bool:
    """Whether a tuned hyperparameter's values differ by their ratio."""
    return FIELDS[TUNED[TUNED_KEYS.index(key)]].logarithmic


def best_table(trials: pd.DataFrame, n: int = 10) -> pd.DataFrame:
    """The n best complete trials: what differs among all trials, and the figures."""
    done = ranked(trials).head(n)
    shown = done[["trial", *tried(trials), "val_cer", "val_loss", "best_epoch", "seconds", "cost"]].copy()
    shown["val_cer"] = (100 * shown["val_cer"]).round(2)
    names = {"val_cer": "CER %", "cost": "cost (million operations)"}
    return shown.round({"seconds": 0}).rename(columns=names).convert_dtypes().set_index("trial")  # 64 units, not 64.0


def states(trials: pd.DataFrame) -> pd.DataFrame:
    """How many trials ended in which state, and for what reasons."""
    grouped = trials.groupby("state")["reason"]
    return pd.DataFrame({"trials": grouped.size(), "reasons": grouped.agg(lambda r: "; ".join(sorted(set(r) - {""})))})


def edges(trials: pd.DataFrame) -> list[str]:
    """`KEY = value (the lowest)` of each tried hyperparameter whose best value is the lowest or the highest that was
    tried, unless no value beyond it is allowed.
    """
    best, found = ranked(trials).iloc[0], []
    for key in tried(trials):
        allowed = FIELDS[TUNED[TUNED_KEYS.index(key)]].is_allowed
        low, high = trials[key].min(), trials[key].max()
        for which, edge, beyond in (("lowest", low, low / 2 if low else -1), ("highest", high, 1.05 * high)):
            if best[key] == edge and allowed(beyond):
                found.append(f"{key} = {best[key]:g} (the {which})")
    return found


def advice(trials: pd.DataFrame) -> str:
    """In a sentence or two, whether more trials are worth their time."""
    done = complete(trials)
    if said := nothing_learnt(done["val_cer"].min() if len(done) else 0.0):
        return said
    if len(done) < FEW:
        found = number_of(len(done), "trial is", "trials are")
        return f"Only {found} complete: too few to say what more of them would bring."
    course = best_so_far(done)["best CER %"].to_numpy()
    at_edge = edges(trials)
    if _is_grid(trials):  # in which the last trials are no better chosen than the first
        return _advice_on_grid(trials, course[-1], at_edge)
    late = max(1, round(LAST_SHARE * len(course)))
    before, best = course[-late - 1], course[-1]
    if best < before * (1 - WORTHWHILE):
        return (
            f"The last {late} of {len(done)} trials still brought the CER from {before:.2f} to {best:.2f} %:"
            " more trials are worth it."
        )
    text = f"The last {late} of {len(done)} trials brought nothing beyond chance (best CER {best:.2f} %)"
    if at_edge:
        return f"{text}, but the best value is the outermost tried: {', '.join(at_edge)}. Try values beyond it."
    return f"{text}: more trials among these values are hardly worth it."


def nothing_learnt(best: float) -> str:
    """What is to be said where the best trial has so high a CER (a fraction) that it does not read; else ""."""
    if not reads_nothing(best):
        return ""
    return (
        f"Even the best trial reads {100 * best:.0f} % of the characters wrong: nothing can be said of its values yet."
        " Raise NUM_EPOCHS under [tune] in setup.cfg."
    )


def _is_grid(trials: pd.DataFrame) -> bool:
    """Whether every combination is to be tried, or has been."""
    keys = tried(trials)
    all_tried = len(keys) > 1 and len(trials) == trials[keys].nunique().prod()
    return trials.attrs.get("method") == "grid" or all_tried


def _advice_on_grid(trials: pd.DataFrame, best: float, at_edge: list[str]) -> str:
    planned, failed = trials.attrs.get("planned", len(trials)), int((trials["state"] == "failed").sum())
    if len(trials) < planned:
        text = (
            f"Still to be tried: {planned - len(trials):,} of {number_of(planned, 'combination')} (best CER so far"
            f" {best:.2f} %)."
        )
        return f"{text} Let the search end first."
    text = f"Every combination of these values was tried (best CER {best:.2f} %)."
    text += f" Of these {failed:,} failed: see the reasons in the table." if failed else ""
    return f"{text} The best has the outermost of {', '.join(at_edge)}: try values beyond it." if at_edge else text
