import io
import os
import sys
import time
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError

from utilities import progress_bar
from utilities.errors import UserError
from utilities.locks import LockedError, this_process
from utilities.outcomes import Outcome
from utilities.search_space import Range, parse_values
from utilities.studies import OWNER, SILENT, Strategy, distribution_of, kept_in, sampler_for
from utilities.trials import TrialQueue

GRID = {"kernel_size": (3, 5), "learning_rate": (0.001, 0.002, 0.004)}
RANGES = {"kernel_size": (3, 5), "learning_rate": Range(1e-4, 1e-2, False, True)}


def strategy(method="grid", calls=8, prune=False, seed=2):
    return Strategy(method, seed, calls, random_starts=3, prune=prune)


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path}/search.db"


def opened(storage, space=GRID, chosen=None, resume=False, belongs_to=None):
    return TrialQueue.open(storage, "search", space, chosen or strategy(), belongs_to or {"seed": 2}, resume)


def outcome(trial):
    """A smooth made-up figure of the values."""
    cer = abs(trial.values["learning_rate"] - 0.003) * 100 + trial.values["kernel_size"] / 100
    return Outcome("complete", val_cer=cer, val_loss=1.0, best_epoch=1, epochs=1, seconds=1.0, cost=1.0)


def run_all(queue, most=1000):
    trials = []
    while len(trials) < most and (trial := queue.next()):
        queue.report(trial, 1, 0.9)
        queue.finish(trial, outcome(trial))
        trials.append(trial)
    return trials


def table(queue):
    return [(trial.ordinal, dict(trial.values), found.val_cer) for trial, found in queue.outcomes()]


def test_the_grid_is_every_combination_once_in_order(storage):
    queue = opened(storage)
    assert queue.total == 6
    values = [tuple(trial.values.values()) for trial in run_all(queue)]
    assert values == [(k, rate) for k in (3, 5) for rate in (0.001, 0.002, 0.004)]


def test_a_grid_that_takes_long_to_be_lined_up_shows_how_far_it_is(storage, monkeypatch):
    monkeypatch.setattr(progress_bar, "DELAY", 0)
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    opened(storage)
    assert "Lining up trials" in terminal.getvalue() and "/6" in terminal.getvalue()


@pytest.mark.parametrize(("method", "space"), [("grid", GRID), ("random", RANGES), ("bayes", RANGES)])
@pytest.mark.parametrize("stopped_after", [0, 1, 4])
def test_a_search_killed_at_any_moment_ends_with_the_same_table(tmp_path, method, space, stopped_after):
    whole, broken = f"sqlite:///{tmp_path}/whole.db", f"sqlite:///{tmp_path}/broken.db"
    unbroken = opened(whole, space, strategy(method))
    run_all(unbroken)
    first = opened(broken, space, strategy(method))
    run_all(first, stopped_after)
    running = first.next()  # and dies while it runs
    resumed = opened(broken, space, strategy(method), resume=True)
    again = resumed.next()
    assert (again.ordinal, again.values) == (running.ordinal, running.values) or method == "grid"
    resumed.report(again, 1, 0.9)
    resumed.finish(again, outcome(again))
    run_all(resumed)
    assert table(resumed) == table(unbroken)


def test_a_search_killed_while_it_asks_for_a_trial_loses_no_combination(storage):
    first = opened(storage)
    run_all(first, 1)
    optuna.load_study(study_name="search", storage=storage).ask()  # runs now, and has none of its values yet
    resumed = opened(storage, resume=True)
    run_all(resumed)
    unbroken = [(k, rate) for k in (3, 5) for rate in (0.001, 0.002, 0.004)]
    assert [tuple(values.values()) for _, values, _ in table(resumed)] == unbroken


def test_a_search_killed_while_it_lines_up_its_grid_loses_no_combination(storage, monkeypatch):
    enqueue, calls = optuna.Study.enqueue_trial, []

    def dies(study, *args, **kwargs):
        calls.append(args)
        if len(calls) > 2:
            raise KeyboardInterrupt
        enqueue(study, *args, **kwargs)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(optuna.Study, "enqueue_trial", dies)
        opened(storage)
    resumed = opened(storage, resume=True)
    run_all(resumed)
    assert [ordinal for ordinal, *_ in table(resumed)] == list(range(6))


def test_bayes_searches_where_it_is_good(storage):
    queue = opened(storage, RANGES, strategy("bayes", calls=25))
    rates = [trial.values["learning_rate"] for trial in run_all(queue)]
    assert len(rates) == 25
    near = [0.001 < rate < 0.008 for rate in rates]
    assert sum(near[12:]) > 10  # at random, 12 of 26 parts of the logarithmic range


def test_values_are_never_tried_twice_and_a_small_space_is_searched_whole(storage):
    queue = opened(storage, GRID, strategy("bayes", calls=50))
    assert queue.total == 6
    values = [tuple(trial.values.values()) for trial in run_all(queue)]
    assert len(set(values)) == len(values) == 6


def test_random_values_follow_from_the_seed_and_bayes_begins_with_some():
    def drawn(method, seed=2, before=0):
        study, values = optuna.create_study(), distribution_of(RANGES["learning_rate"])
        for rate in (1e-4, 2e-3, 1e-2)[:before]:
            study.add_trial(optuna.create_trial(params={"r": rate}, distributions={"r": values}, value=rate))
        study.sampler = sampler_for(strategy(method, seed=seed), 7, 0)
        return study.ask({"r": values}).params["r"]

    assert drawn("random") == drawn("random") != drawn("random", seed=3)
    assert drawn("bayes", before=2) == drawn("random") != drawn("bayes", before=3)
    assert np.median([drawn("random", seed=seed) for seed in range(40)]) < 3e-3  # rates differ by their ratio


def test_hopeless_trials_are_told_to_stop_unless_pruning_is_off(tmp_path):
    for prune in (True, False):
        queue = opened(f"sqlite:///{tmp_path}/{prune}.db", chosen=strategy(prune=prune))
        for number in range(3):  # worse and worse, but the first are not judged
            trial = queue.next()
            for epoch in range(1, 8):
                assert not queue.report(trial, epoch, 0.5 / epoch + number / 100)
            queue.finish(trial, outcome(trial))
        bad = queue.next()
        stops = [queue.report(bad, epoch, 0.95) for epoch in range(1, 8)]
        assert not any(stops[:2])
        assert any(stops) == prune


def test_a_trial_is_not_hopeless_while_it_sees_drawn_words_only(tmp_path):
    def stopped(drawn_epochs):
        chosen = Strategy("random", 2, 8, random_starts=3, prune=True, drawn_epochs=drawn_epochs)
        queue = opened(f"sqlite:///{tmp_path}/{drawn_epochs}.db", RANGES, chosen)
        for _ in range(4):
            trial = queue.next()
            for epoch in range(1, 12):
                queue.report(trial, epoch, 0.5)
            queue.finish(trial, outcome(trial))
        trial = queue.next()
        return next(epoch for epoch in range(1, 12) if queue.report(trial, epoch, 0.9))

    assert stopped(6) == stopped(0) + 6


def test_a_search_of_another_name_is_thrown_away_from_a_storage_that_is_not_shared(storage):
    chosen = (GRID, strategy(), {"seed": 2}, False)
    run_all(TrialQueue.open(storage, "other", *chosen))
    TrialQueue.open(storage, "search", *chosen)  # they share it
    assert TrialQueue.open(storage, "other", *chosen[:3], True).goes_on
    assert not TrialQueue.open(storage, "search", *chosen, shared=False).goes_on
    assert not TrialQueue.open(storage, "other", *chosen[:3], True).goes_on


def test_a_storage_that_fails_while_the_search_goes_on_says_so(storage):
    with pytest.raises(UserError, match=r"cannot be kept in .*disk I/O error.*--resume"), kept_in(storage):
        try:
            raise OperationalError("update", {}, Exception("disk I/O error"))
        except OperationalError as error:
            raise StorageInternalError("typically invalid data") from error


def test_failures_are_kept_with_their_reason_and_never_the_best(storage):
    queue = opened(storage)
    trial = queue.next()
    queue.finish(trial, Outcome("failed", reason="out of memory"))
    assert queue.best() is None
    run_all(queue)
    assert queue.outcomes()[0][1].reason == "out of memory"
    assert len(queue.outcomes()) == 6
    assert opened(storage, resume=True).next() is None


def test_ties_go_to_the_cheaper_prediction(storage):
    queue = opened(storage)
    for cost in (3.0, 1.0, 2.0):
        queue.finish(queue.next(), Outcome("complete", 0.1, 1.0, 1, 1, 1.0, cost=cost))
    assert queue.best()[1].cost == 1.0


def test_a_new_search_forgets_the_last_and_other_settings_are_not_resumed(storage):
    run_all(opened(storage))
    with pytest.raises(UserError, match=r"seed: was 2, now 3"):
        opened(storage, resume=True, belongs_to={"seed": 3})
    assert opened(storage).outcomes() == []


def test_a_storage_that_cannot_be_reached_says_so():
    with pytest.raises(UserError, match="STORAGE = nonsense"):
        opened("nonsense")
    with pytest.raises(UserError, match=r"STORAGE = sqlite:////no/such/folder"):
        opened("sqlite:////no/such/folder/x.db")


def test_lists_and_ranges_are_read():
    assert parse_values("dropout", "0.1, 0.2, 0.10") == (0.1, 0.2)
    assert parse_values("learning_rate", "0.001 .. 0.01") == Range(0.001, 0.01, False, True)
    assert parse_values("kernel_size", "3..7") == Range(3, 7, True, False)
    for text in ("3..x", "7..3", "0..3", "3, 0", "", "3..4..5"):
        with pytest.raises(ValueError):
            parse_values("kernel_size", text)


@pytest.mark.parametrize(("method", "space"), [("grid", GRID), ("bayes", RANGES)])
@pytest.mark.parametrize("state", ["complete", "pruned", "failed"])
def test_a_trial_that_had_ended_when_its_search_was_killed_counts_once(storage, method, space, state, monkeypatch):
    first = opened(storage, space, strategy(method))
    run_all(first, 1)
    trial = first.next()

    def killed(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "tell", killed)
        with pytest.raises(KeyboardInterrupt):
            first.finish(trial, replace(outcome(trial), state=state))
    resumed = opened(storage, space, strategy(method), resume=True)
    run_all(resumed)
    assert [found.ordinal for found, _ in resumed.outcomes()] == list(range(resumed.total))
    assert resumed.outcomes()[1][1].state == state
    ends = {trial.state.name for trial in optuna.load_study(study_name="search", storage=storage).trials}
    assert ("PRUNED" in ends) == (state == "pruned")  # of which the sampler learns, too


def test_a_search_that_another_process_works_on_is_left_alone(storage):
    opened(storage)
    study = optuna.load_study(study_name="search", storage=storage)
    parent = this_process() | {"pid": os.getppid(), "started": None, "seen": time.time()}
    study.set_user_attr(OWNER, parent)
    for resume in (True, False):
        with pytest.raises(LockedError, match=f"Process {os.getppid()} on this computer holds the search `search` in"):
            opened(storage, resume=resume)
    study.set_user_attr(OWNER, parent | {"host": "elsewhere"})
    with pytest.raises(LockedError, match=r"name another \[tune\] STORAGE, or try again 6 hours after its last epoch"):
        opened(storage, resume=True)
    study.set_user_attr(OWNER, parent | {"host": "elsewhere", "seen": time.time() - SILENT})
    assert opened(storage, resume=True).goes_on
    study.set_user_attr(OWNER, parent | {"pid": 2**22 + 1})  # more than there can be: it has ended
    queue = opened(storage, resume=True)
    assert queue.goes_on
    study.set_user_attr(OWNER, this_process() | {"seen": 0.0})
    queue.report(queue.next(), 1, 0.5)
    seen = optuna.load_study(study_name="search", storage=storage).user_attrs[OWNER]["seen"]
    assert time.time() - seen < 60  # so that no other takes it over
    queue.close()
    assert optuna.load_study(study_name="search", storage=storage).user_attrs[OWNER] is None
