import csv
import datetime
from types import SimpleNamespace

import pytest
from conftest import names, small_recognizer

from utilities import outputs
from utilities.calibration import Calibration
from utilities.errors import UserError
from utilities.locks import LockedError, exclusive_lock
from utilities.model_card import read_description
from utilities.model_files import ModelFiles, finished_before, refuse_to_overwrite, require_name
from utilities.outputs import HistoryKeeper, save_history, save_trained, warn_of_nothing_learnt
from utilities.plan import Plan
from utilities.training import Progress
from utilities.training_run import training_record

ROW = {"epoch": 1, "loss": 9.0, "val_loss": 8.0, "val_cer": 0.5, "learning_rate": 0.001, "seconds": 2.0}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return ModelFiles("mine", "mine-prediction", "h5")


def test_names_are_the_documented_ones(files):
    assert [str(path) for path in files.all] == [
        "saved_models/mine-full_model.h5",
        "saved_models/mine-prediction.h5",
        "saved_models/mine-training_history.csv",
        "saved_models/mine-training_history.png",
    ]
    assert files.resume.name.startswith(".")


def test_earlier_results_are_all_listed_and_kept(files):
    refuse_to_overwrite([files], overwrite=False, resume=False)
    leave(files)
    for resume in (False, True):
        with pytest.raises(UserError, match=r"model.h5\n.*prediction.h5\n.*history.csv\n.*history.png\n.*--overwrite"):
            refuse_to_overwrite([files], overwrite=False, resume=resume)
        refuse_to_overwrite([files], overwrite=True, resume=resume)
    assert files.history.exists()


def leave(files):
    """What a finished run leaves."""
    save_history(files.history, [ROW])
    for path in files.models:
        path.touch()


def test_an_interrupted_run_can_be_resumed_whatever_it_left_and_is_not_thrown_away_by_advice(files):
    save_history(files.history, [ROW])
    files.resume.touch()
    files.prediction.touch()  # the disk was full when the second model was to be written
    refuse_to_overwrite([files], overwrite=False, resume=True)
    kept = r"interrupted run of this name was kept.*--resume.*--overwrite"
    with pytest.raises(UserError, match=kept) as refused:
        refuse_to_overwrite([files], overwrite=False, resume=False)
    assert "Choose another NAME" not in str(refused.value)


def test_a_history_alone_does_not_bar_a_resumption_but_models_without_a_kept_state_do(files):
    save_history(files.history, [ROW])  # stopped before its first state was kept
    refuse_to_overwrite([files], overwrite=False, resume=True)
    with pytest.raises(UserError, match=r"history.csv"):
        refuse_to_overwrite([files], overwrite=False, resume=False)
    files.full.touch()
    with pytest.raises(UserError, match=r"mine-full_model.h5\n.*--overwrite"):
        refuse_to_overwrite([files], overwrite=False, resume=True)


def test_a_transfer_whose_first_step_has_ended_is_an_interrupted_run(files):
    second = ModelFiles("mine-2", "mine-2", "h5")
    leave(files)
    refuse_to_overwrite([files, second], overwrite=False, resume=True)
    with pytest.raises(UserError, match=r"--resume"):
        refuse_to_overwrite([files, second], overwrite=False, resume=False)
    second.full.touch()  # of an earlier run, whose history is gone
    with pytest.raises(UserError, match=r"mine-2-full_model.h5\n.*--overwrite"):
        refuse_to_overwrite([files, second], overwrite=False, resume=True)
    leave(second)
    with pytest.raises(UserError, match=r"mine-full_model.h5"):
        refuse_to_overwrite([files, second], overwrite=False, resume=True)


@pytest.mark.parametrize("name", ["a/b", "", ".hidden", "..", "a\0b", "a\nb", "ä" * 76])
def test_a_name_that_cannot_be_a_files_is_refused(name):
    with pytest.raises(UserError, match="NAME"):
        require_name(name)


def test_the_history_is_there_after_every_epoch(files):
    keep = HistoryKeeper(files)
    keep([ROW])
    keep([ROW, ROW | {"epoch": 2}])
    with files.history.open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    assert files.history.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert not finished_before(files)


def test_a_run_that_replaces_a_model_leaves_that_ones_history_until_it_ends(files):
    leave(files)
    finished = files.history.read_text()
    HistoryKeeper(files)([ROW | {"loss": 1.0}])
    assert files.history.read_text() == finished
    assert "1,1," in files.running_history.read_text() and files.running_history.name.startswith(".")


def test_the_chart_is_not_drawn_so_often_that_training_waits(files, monkeypatch):
    drawn, clock = [], iter(range(0, 1000, 1))  # a chart takes a second, and so does all between
    real = outputs.training_history_chart
    monkeypatch.setattr(outputs, "training_history_chart", lambda columns: drawn.append(1) or real(columns))
    monkeypatch.setattr(outputs, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    keep = HistoryKeeper(files)
    for epoch in range(1, 46):
        keep([ROW] * epoch)
    assert 2 <= len(drawn) <= 4


# three epochs, of which the second was kept
HISTORY = [ROW | {"epoch": n, "val_cer": cer, "val_loss": 9.0 - n} for n, cer in ((1, 0.5), (2, 0.25), (3, 0.95))]
PROGRESS = Progress(epochs_planned=9, parts=2, history=HISTORY, best_epoch=2, seconds=12.34, synthetic=7)


def test_a_record_says_what_was_planned_what_was_done_and_what_came_of_it():
    plan, sure = Plan(20, 0.01, 3, True, 4, 1.5, 40), Calibration(1.2, 30, 0.2, 0.1, 0.05)
    record = training_record({"image_set": "a/b"}, plan, PROGRESS, {"calibration": sure}, {"date": "of the base"})
    assert datetime.datetime.fromisoformat(record["date"]).utcoffset() == datetime.timedelta(0)
    planned = {name: record["plan"][name] for name in ("epochs", "epochs_planned", "parts", "learning_rate", "seed")}
    assert planned == {"epochs": 20, "epochs_planned": 9, "parts": 2, "learning_rate": 0.01, "seed": 3}
    assert record["result"] == {"epoch": 2, "val_loss": 7.0, "val_cer": 0.25}
    assert (record["epochs_run"], record["synthetic_words"], record["seconds"]) == (3, 7, 12.3)
    assert (record["calibration"]["temperature"], record["calibration"]["words"]) == (1.2, 30)
    assert (record["data"], record["base"]) == ({"image_set": "a/b"}, {"date": "of the base"})


def test_a_run_that_has_ended_leaves_its_four_files_and_says_how_well_the_model_reads(files, capsys):
    leave(files)  # of a model that it replaces
    HistoryKeeper(files)(HISTORY)
    small = small_recognizer()
    save_trained(files, small.spec, small.full_model, {"date": "now"}, PROGRESS)
    assert names(files.history.parent) == sorted(path.name for path in files.all)
    assert files.history.read_text().splitlines()[-1].startswith("3,")
    assert [read_description(path)["record"] for path in files.models] == [{"date": "now"}] * 2
    assert files.prediction.stat().st_size < files.full.stat().st_size
    assert "validation CER 25.00 % (epoch 2)" in capsys.readouterr().out


def test_a_model_is_said_to_read_nothing_by_the_epoch_that_was_kept(capsys):
    warn_of_nothing_learnt(PROGRESS)
    assert capsys.readouterr().out == ""
    warn_of_nothing_learnt(Progress(history=HISTORY, best_epoch=3))
    assert "this model reads nothing yet" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [(False, False), (False, True), (True, False)])
def test_a_run_that_goes_on_elsewhere_is_not_said_to_be_interrupted(tmp_path, monkeypatch, flags):
    monkeypatch.chdir(tmp_path)
    files = [ModelFiles(name, name, "h5") for name in ("x-retrained", "x-fine_tuned")]
    for step in files:
        with exclusive_lock(step.lock):  # this process stands for the other run, which keeps its state after each epoch
            step.resume.touch()
            with pytest.raises(LockedError, match=r"holds .*Wait until it ends"):
                refuse_to_overwrite(files, *flags)
        step.resume.unlink()
    refuse_to_overwrite(files, *flags)
