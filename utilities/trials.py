"""Which trial comes next, and what became of the others: an Optuna study, asked and told, durable at every step."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict

import optuna
from optuna.trial import FrozenTrial, TrialState

from utilities.errors import UserError, differences
from utilities.outcomes import RANKED_BY, Outcome, Trial
from utilities.progress_bar import progress_bar
from utilities.search_space import SearchSpace, number_of_combinations
from utilities.studies import Strategy, distribution_of, leave_study, open_study, own_study, sampler_for

ORDINAL, VALUES, RESULT = "ordinal", "values", "result"  # user attributes of trials
BELONGS_TO = "belongs_to"  # ... of the study
MOST_REPEATS = 20  # times that a sampler may propose what was tried before, until the next untried one is taken


class TrialQueue:
    """Hands out trials and keeps what they report; a process that dies at any moment loses the running trials only.

    In the study a trial that failed has a result; one that failed without was interrupted, and stands again behind.
    """

    def __init__(self, study: optuna.Study, space: SearchSpace, strategy: Strategy):
        self._study, self._space, self._strategy = study, space, strategy
        self._distributions = {name: distribution_of(values) for name, values in space.items()}
        self._running: dict[int, optuna.Trial] = {}
        self.goes_on = False  # whether an earlier search does
        combinations = number_of_combinations(space)
        self.total = combinations if strategy.method == "grid" else min(strategy.calls, combinations or strategy.calls)

    @property
    def method(self) -> str:
        """How trials are chosen: grid, random or bayes."""
        return self._strategy.method

    @classmethod
    def open(
        cls,
        storage: str,
        name: str,
        space: SearchSpace,
        strategy: Strategy,
        belongs_to: Mapping,
        resume: bool,
        shared: bool = True,
    ) -> "TrialQueue":
        """The queue of a new search, or, with `resume`, of the one that this storage holds under this name.

        `belongs_to`: JSON-ready values that must not have changed. `shared`: see `open_study`. Raises UserError when
        the storage cannot be used, another process searches there, or the kept search had other settings.
        """
        study = open_study(storage, name, strategy, resume, shared)
        queue = cls(study, space, strategy)
        kept = study.user_attrs.get(BELONGS_TO)
        if kept is None:
            study.set_user_attr(BELONGS_TO, dict(belongs_to))
        elif changed := differences(kept, belongs_to):
            raise UserError(
                "The interrupted search had other settings:\n"
                + "\n".join(changed)
                + "\nRestore them to go on, or search afresh without --resume."
            )
        queue.goes_on = kept is not None
        for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            if RESULT in trial.user_attrs:  # the process died between the two writes of `finish`
                queue._tell(trial.number, Outcome(**trial.user_attrs[RESULT]))
            else:
                queue._ask_again(
                    trial.number, trial.user_attrs.get(VALUES, trial.params), trial.user_attrs.get(ORDINAL)
                )
        queue._enqueue_grid()
        return queue

    def _enqueue_grid(self) -> None:
        """Line up what of the grid is not in the study: all of it, or what a process that died left out."""
        if self._strategy.method != "grid":
            return
        present = self._ordinals()
        combinations = enumerate(itertools.product(*self._space.values()))
        # each is a transaction of the storage: a hundredth of a second and more
        for ordinal, values in progress_bar("Lining up trials", "trial", self.total, combinations, stays=False):
            if ordinal not in present:
                self._enqueue(ordinal, dict(zip(self._space, values, strict=True)))

    def _enqueue(self, ordinal: int, values: dict[str, object]) -> None:
        """Line up a trial. Its values are kept beside it: asking writes them one by one, and can be cut short."""
        self._study.enqueue_trial(values, {ORDINAL: ordinal, VALUES: values})

    def _ask_again(self, number: int, values: Mapping[str, object], ordinal: int | None) -> None:
        if ordinal is not None and ordinal not in self._waiting():  # None: died while it asked for a trial
            self._enqueue(ordinal, dict(values))
        self._study.tell(number, state=TrialState.FAIL)

    def next(self) -> Trial | None:
        """The next trial to run, or None when all have been handed out."""
        waiting, taken = self._waiting(), self._ordinals()
        ordinal = waiting[0] if waiting else next(n for n in itertools.count() if n not in taken)
        if ordinal >= self.total:
            return None
        tried = [] if waiting else [t.params for t in self._valid()]
        for attempt in range(MOST_REPEATS + 1):
            if attempt == MOST_REPEATS and not self._enqueue_untried(ordinal, tried):
                return None
            self._study.sampler = sampler_for(self._strategy, ordinal, attempt)
            asked = self._study.ask(self._distributions)
            if asked.params not in tried:
                break
            self._study.tell(asked, state=TrialState.FAIL)  # the same values from the same seed: nothing to learn
        asked.set_user_attr(ORDINAL, ordinal)
        self._running[ordinal] = asked
        return Trial(ordinal, dict(asked.params))

    def _enqueue_untried(self, ordinal: int, tried: list[dict]) -> bool:
        """Line up the first combination that was not tried; False when there is none, or no end of them."""
        if number_of_combinations(self._space) is None:
            return False
        for values in itertools.product(*self._space.values()):
            combination = dict(zip(self._space, values, strict=True))
            if combination not in tried:
                self._enqueue(ordinal, combination)
                return True
        return False

    def report(self, trial: Trial, epoch: int, val_cer: float) -> bool:
        """Keep an epoch's figure; True when the trial is hopeless and should stop."""
        own_study(self._study)
        running = self._running[trial.ordinal]
        running.report(val_cer, epoch)
        return self._strategy.prune and running.should_prune()

    def finish(self, trial: Trial, outcome: Outcome) -> None:
        """Keep what became of a trial."""
        running = self._running.pop(trial.ordinal)
        running.set_user_attr(RESULT, asdict(outcome))
        self._tell(running, outcome)

    def _tell(self, trial: optuna.Trial | int, outcome: Outcome) -> None:
        if outcome.state == "complete":
            self._study.tell(trial, outcome.val_cer)
        else:
            self._study.tell(trial, state=TrialState.PRUNED if outcome.state == "pruned" else TrialState.FAIL)

    def close(self) -> None:
        """Let another process go on with the search."""
        leave_study(self._study)

    def outcomes(self) -> list[tuple[Trial, Outcome]]:
        """Every finished trial with its outcome, in the order of ordinals."""
        finished = [t for t in self._valid() if t.state.is_finished()]
        found = [(Trial(t.user_attrs[ORDINAL], t.params), Outcome(**t.user_attrs[RESULT])) for t in finished]
        return sorted(found, key=lambda pair: pair[0].ordinal)

    def best(self) -> tuple[Trial, Outcome] | None:
        """The complete trial that comes first by RANKED_BY."""
        complete = [pair for pair in self.outcomes() if pair[1].state == "complete"]
        return min(complete, key=lambda pair: [getattr(pair[1], name) for name in RANKED_BY], default=None)

    def _valid(self) -> list[FrozenTrial]:
        """Trials that wait, run, or ended with a result."""
        trials = self._study.get_trials(deepcopy=False)
        return [t for t in trials if ORDINAL in t.user_attrs and (not t.state.is_finished() or RESULT in t.user_attrs)]

    def _waiting(self) -> list[int]:
        """Ordinals of the trials that are lined up, the next one first."""
        waiting = self._study.get_trials(deepcopy=False, states=[TrialState.WAITING])
        return [t.user_attrs[ORDINAL] for t in waiting]

    def _ordinals(self) -> set[int]:
        return {t.user_attrs[ORDINAL] for t in self._valid()}
