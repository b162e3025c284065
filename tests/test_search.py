import csv

import pytest

from utilities.errors import UserError
from utilities.hyperparameters import resolve
from utilities.search import TrialStore, announce_to_tensorboard, run_trials
from utilities.training import Progress, TrainingError

TRIALS = [resolve("compact", {"learning_rate": rate}) for rate in (0.001, 0.002, 0.004)]
CERS = {0.001: 0.5, 0.002: 0.2, 0.004: 0.2}
LOSSES = {0.001: 9.0, 0.002: 4.0, 0.004: 5.0}


def progress(hyperparameters):
    rate = hyperparameters.learning_rate
    row = {
        "epoch": 1,
        "loss": 1.0,
        "val_loss": LOSSES[rate],
        "val_cer": CERS[rate],
        "learning_rate": rate,
        "seconds": 2,
    }
    return Progress(epochs_planned=1, history=[row], best_epoch=1, seconds=2.0)


def good(hyperparameters, log):
    done = progress(hyperparameters)
    log(done.history)
    return done


def fails_at(*rates):
    def train(hyperparameters, log):
        if hyperparameters.learning_rate in rates:
            raise TrainingError("The training loss became nan.\nLower LEARNING_RATE.")
        return good(hyperparameters, log)

    return train


def rows(store):
    with store.table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_best_trial_has_the_lowest_cer_then_the_lowest_loss(tmp_path):
    store = TrialStore(tmp_path, "compact")
    best = run_trials(TRIALS, store, good)
    assert best.hyperparameters.learning_rate == 0.002
    assert "LEARNING_RATE = 0.002" in store.best_file.read_text()
    assert [row["val_cer"] for row in rows(store)] == ["0.5", "0.2", "0.2"]


def test_a_failing_trial_is_kept_with_its_reason_and_the_search_goes_on(tmp_path):
    store = TrialStore(tmp_path, "compact")
    best = run_trials(TRIALS, store, fails_at(0.002))
    assert best.hyperparameters.learning_rate == 0.004
    failed = rows(store)[1]
    assert (failed["state"], failed["reason"], failed["val_cer"]) == ("failed", "The training loss became nan.", "")


def test_when_all_fail_the_reasons_are_said(tmp_path):
    with pytest.raises(UserError, match=r"Every trial failed:\n  The training loss became nan"):
        run_trials(TRIALS, TrialStore(tmp_path, "compact"), fails_at(0.001, 0.002, 0.004))


def test_a_search_stopped_in_a_trial_resumes_with_that_trial_and_ends_with_the_same_table(tmp_path):
    def stopped(hyperparameters, log):
        if hyperparameters.learning_rate == 0.002:
            raise KeyboardInterrupt
        return good(hyperparameters, log)

    broken, whole = (TrialStore(tmp_path / name, "compact") for name in ("broken", "whole"))
    run_trials(TRIALS, whole, good)
    with pytest.raises(KeyboardInterrupt):
        run_trials(TRIALS, broken, stopped)
    assert len(rows(broken)) == 1
    resumed = TrialStore(tmp_path / "broken", "compact")
    resumed.read()
    trained = []
    run_trials(TRIALS, resumed, lambda h, log: trained.append(h) or good(h, log))
    assert trained == TRIALS[1:]
    assert resumed.table.read_text() == whole.table.read_text()


def test_emptying_removes_only_what_the_tuner_wrote(tmp_path):
    store = TrialStore(tmp_path, "compact")
    announce_to_tensorboard(tmp_path, TRIALS)
    run_trials(TRIALS, store, good)
    (tmp_path / "notes.txt").write_text("mine")
    folder = next(p for p in tmp_path.iterdir() if p.is_dir())
    (folder / "mine.txt").write_text("mine")
    store.empty()
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == sorted(
        ["notes.txt", folder.name, f"{folder.name}/mine.txt"]
    )


def test_a_damaged_table_is_not_resumed(tmp_path):
    (tmp_path / "trials.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="not a table of trials"):
        TrialStore(tmp_path, "compact").read()
