import csv

import pytest

from utilities import metrics
from utilities.config import load_config
from utilities.errors import UserError, differences
from utilities.hyperparameters import resolve
from utilities.outcomes import Outcome
from utilities.search import SearchFiles, TimeLeft, belonging, run_search
from utilities.studies import Strategy
from utilities.trials import TrialQueue

SPACE = {"learning_rate": (0.001, 0.002, 0.004)}
RECORD = {
    "fingerprint": "a",
    "split": {"seed": 2},
    "left_out": 0,
    "image_digests": ["a", "b"],
    "validation_digests": ["b"],
}
CERS = {0.001: 0.5, 0.002: 0.2, 0.004: 0.3}


def worker(connection, failing):
    """Stands in for training: figures from a table, or a failure."""
    while (message := connection.recv()) is not None:
        rate = message[0]["learning_rate"]
        if rate in failing:
            connection.send(("done", vars(Outcome("failed", reason="TrainingError: the loss became nan"))))
            continue
        connection.send(("epoch", {"epoch": 1, "val_cer": CERS[rate], "seconds": 30.0}))
        connection.recv()
        connection.send(("done", vars(Outcome("complete", CERS[rate], 4.0, 1, 1, 30.0, 900, 12.5))))


def searched(folder, failing=()):
    queue = TrialQueue.open(f"sqlite:///{folder}/search.db", "s", SPACE, Strategy("grid", 2, 9, 3, False), {}, False)
    files = SearchFiles(folder, "compact", vars(resolve("compact")))
    return run_search(queue, files, [failing], epochs=2, target=worker), files


def rows(files):
    with files.table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_a_trial_and_the_best_values_can_be_trained_with(tmp_path, capsys):
    (trial, outcome), files = searched(tmp_path)
    assert (trial.values["learning_rate"], outcome.val_cer) == (0.002, 0.2)
    assert "learning_rate = 0.002" in files.best.read_text().lower()
    table = rows(files)
    assert [row["trial"] for row in table] == ["1", "2", "3"]
    assert [row["val_cer"] for row in table] == ["0.5", "0.2", "0.3"]
    assert {"BATCH_SIZE", "LEARNING_RATE", "state", "seconds", "memory", "cost", "reason"} <= set(table[0])
    said = capsys.readouterr().out
    assert "Trial 1 of 3" in said
    assert "of this length, about 2 min left" in said  # from the first epoch on: 30 s, and 5 more are to come


def test_a_failing_trial_is_a_row_with_its_reason_and_the_search_goes_on(tmp_path):
    (trial, _), files = searched(tmp_path, failing=(0.002,))
    assert trial.values["learning_rate"] == 0.004
    failed = rows(files)[1]
    assert (failed["state"], failed["reason"], failed["val_cer"]) == (
        "failed",
        "TrainingError: the loss became nan",
        "",
    )


def obedient(connection, epochs):
    """Trains so many epochs unless it is told to stop."""
    while connection.recv() is not None:
        for epoch in range(1, epochs + 1):
            connection.send(("epoch", {"epoch": epoch, "val_cer": 0.5, "seconds": 30.0}))
            if connection.recv():
                connection.send(("done", vars(Outcome("pruned", 0.5, 4.0, 1, epoch, 30.0, 900, 12.5))))
                break
        else:
            connection.send(("done", vars(Outcome("complete", 0.5, 4.0, 1, epochs, 30.0, 900, 12.5))))


@pytest.mark.parametrize(("epochs", "state"), [(4, "pruned"), (3, "complete")])
def test_a_trial_in_its_last_epoch_is_not_hopeless_any_more(tmp_path, monkeypatch, epochs, state):
    monkeypatch.setattr(TrialQueue, "report", lambda self, trial, epoch, cer: epoch == 3)
    queue = TrialQueue.open(f"sqlite:///{tmp_path}/s.db", "s", SPACE, Strategy("grid", 2, 9, 3, True), {}, False)
    files = SearchFiles(tmp_path, "compact", vars(resolve("compact")))
    if state == "pruned":
        with pytest.raises(UserError):
            run_search(queue, files, [epochs], epochs=epochs, target=obedient)
    else:
        run_search(queue, files, [epochs], epochs=epochs, target=obedient)
    assert {(row["state"], row["epochs"]) for row in rows(files)} == {(state, "3")}


def test_where_no_trial_has_learnt_to_read_the_best_says_nothing(tmp_path, capsys, monkeypatch):
    searched(tmp_path)
    assert "WARNING" not in capsys.readouterr().out
    monkeypatch.setattr(metrics, "NOTHING_LEARNT", 0.15)
    searched(tmp_path)
    assert "WARNING: Even the best trial reads 20 %" in capsys.readouterr().out


def test_when_all_fail_their_reasons_are_said(tmp_path):
    with pytest.raises(UserError, match=r"Every trial failed:\n  TrainingError: the loss became nan\nThe table"):
        searched(tmp_path, failing=tuple(CERS))


def test_the_estimate_follows_finished_trials():
    left = TimeLeft(total=10, epochs=4, workers=2, done=2)
    assert str(left) == ""
    assert left.heard_of({"epoch": 1, "seconds": 30.0}) and not left.heard_of({"epoch": 2, "seconds": 99.0})
    assert str(left) == ", about 8 min left"  # 8 trials of 4 epochs, two at a time
    left.ended(Outcome("complete", 0.1, 1.0, 1, 4, 60.0))
    assert str(left) == ", about 4 min left"


def test_the_first_estimate_leaves_out_the_epoch_that_it_is_made_from():
    left = TimeLeft(total=2, epochs=1, workers=1, done=0)
    assert left.heard_of({"epoch": 1, "seconds": 32.0})
    assert str(left) == ", about 32 s left"  # the second trial's; 64 s was said


@pytest.mark.parametrize(
    "section, change, named",
    [
        ("train", "EARLY_STOPPING = True", "EARLY_STOPPING"),
        ("train", "SYNTHETIC_WORDS = 0", "SYNTHETIC_WORDS"),
        ("train", "ARCHITECTURE = compact", "architecture"),
        ("train", "NUM_UNITS_LSTM2 = 64", "NUM_UNITS_LSTM2"),
        ("tune", "NUM_EPOCHS = 7", "NUM_EPOCHS"),
        ("tune", "SEED = 9", "SEED"),
        ("tune", "METHOD = random\nPRUNE = False", "METHOD"),
        ("tune", "PRUNE = True", "PRUNE"),
        ("tune", "NUM_RANDOM_STARTS = 9", "NUM_RANDOM_STARTS"),
        ("project", "IMG_HEIGHT = 48", "canvas"),
        ("project", 'ALPHABET = "abc"', "ALPHABET"),
    ],
)
def test_a_search_is_resumed_with_the_settings_that_decide_its_trials(tmp_path, section, change, named):
    (tmp_path / "images").mkdir()
    shipped = {"project": "", "train": "IMAGE_SET_NAME = images\n", "tune": ""}
    found = []
    for settings in (shipped, shipped | {section: shipped[section] + change}):
        file = tmp_path / "setup.cfg"
        file.write_text("\n".join(f"[{name}]\n{lines}" for name, lines in settings.items()))
        found.append(belonging(load_config(file, "tune"), RECORD))
    (line,) = differences(*found)
    assert named in line


@pytest.mark.parametrize("change", [{"image_digests": ["c", "b"]}, {"validation_digests": ["a"]}, {"left_out": 1}])
def test_a_search_is_not_resumed_with_other_images_or_another_split(tmp_path, change):
    (tmp_path / "images").mkdir()
    (tmp_path / "setup.cfg").write_text("[project]\n[train]\nIMAGE_SET_NAME = images\n[tune]\n")
    config = load_config(tmp_path / "setup.cfg", "tune")
    (line,) = differences(belonging(config, RECORD), belonging(config, RECORD | change))
    assert next(iter(change)) in line


def test_what_differs_of_a_search_can_be_read_in_full(tmp_path):
    (tmp_path / "images").mkdir()
    found = []
    for rates in ("0.001", "0.001, 0.002"):
        text = f"[project]\n[train]\nIMAGE_SET_NAME = images\n[tune]\nLEARNING_RATE = {rates}\n"
        (tmp_path / "setup.cfg").write_text(text)
        found.append(belonging(load_config(tmp_path / "setup.cfg", "tune"), RECORD))
    assert differences(*found) == ["  [tune] LEARNING_RATE: was (0.001,), now (0.001, 0.002)"]


def test_a_search_is_not_resumed_with_another_optimizer(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    (tmp_path / "setup.cfg").write_text("[project]\n[train]\nIMAGE_SET_NAME = images\n[tune]\n")
    config = load_config(tmp_path / "setup.cfg", "tune")
    before = belonging(config, RECORD)
    monkeypatch.setattr("utilities.search.OPTIMIZER", "another")
    assert before != belonging(config, RECORD)


def test_trials_that_failed_at_once_do_not_make_the_others_short():
    left = TimeLeft(total=10, epochs=4, workers=1, done=0)
    left.ended(Outcome("complete", 0.1, 1.0, 1, 4, 60.0))
    left.ended(Outcome("failed", reason="out of memory"))
    assert str(left) == ", about 8 min left"
