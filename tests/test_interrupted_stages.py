"""Stages that are stopped, killed, or started twice, as processes: nothing is lost."""

import signal
import subprocess

import pytest
from conftest import command, rows, run, wait_until, write_settings

from utilities.locks import exclusive_lock


@pytest.fixture
def begin():
    """Starts a stage's command; none outlives its test."""
    started = []

    def begin(stage, *arguments, cwd, output=subprocess.DEVNULL) -> subprocess.Popen:
        streams = {"stdout": output, "stderr": output, "text": True}
        started.append(subprocess.Popen(command(stage, *arguments), cwd=cwd, **streams))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_a_killed_search_resumes_with_what_is_missing_and_keeps_foreign_files(workspace, begin):
    settings = workspace / "setup.cfg"
    settings.write_text(settings.read_text().replace("0.001, 0.002", "0.001, 0.002, 0.004"))
    logs = workspace / "logs/hparam_tuning_grid"
    logs.mkdir(parents=True)
    (logs / "mine.txt").write_text("a note of the user's")
    process = begin("hyperparameter_tuner", "setup.cfg", cwd=workspace)
    wait_until(lambda: (logs / "best_hyperparameters.cfg").exists(), 200)
    process.kill()
    process.wait()
    done = run("hyperparameter_tuner", "setup.cfg", "--resume", cwd=workspace)
    assert "Trial 1 of" not in done.stdout
    assert "Trial 3 of 3" in done.stdout
    assert [r["LEARNING_RATE"] for r in rows(logs / "trials.csv")] == ["0.001", "0.002", "0.004"]
    assert {r["state"] for r in rows(logs / "trials.csv")} == {"complete"}
    assert (logs / "mine.txt").exists()
    settings.write_text(settings.read_text().replace("[train]", "[train]\nARCHITECTURE = compact"))
    refused = run("hyperparameter_tuner", "setup.cfg", "--resume", cwd=workspace, check=False)
    assert refused.returncode == 1 and "is of another one" in refused.stderr
    assert len(rows(logs / "trials.csv")) == 3


def test_ctrl_c_ends_a_training_and_says_that_it_can_go_on(workspace, begin):
    write_settings(workspace, epochs=500, train="EARLY_STOPPING = False\nSYNTHETIC_WORDS = 0")
    process = begin("one_model_trainer", "setup.cfg", "x", cwd=workspace, output=subprocess.PIPE)
    kept = workspace / "saved_models/.x-interrupted.npz"
    wait_until(kept.exists, 120)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=30)  # no thread that prepares batches keeps it alive
    assert process.returncode == 130
    assert "--resume" in errors
    assert kept.exists()
    assert "epoch   1/500" in said and "drawn by the computer" not in said  # as the settings have it


def test_a_killed_training_goes_on_where_it_stood(workspace, begin):
    write_settings(workspace, epochs=16, train="EARLY_STOPPING = False")
    process = begin("one_model_trainer", "setup.cfg", "x", cwd=workspace)
    kept = workspace / "saved_models/.x-interrupted.npz"
    wait_until(kept.exists, 120)
    process.kill()
    process.wait()
    assert kept.exists()
    done = run("one_model_trainer", "setup.cfg", "x", cwd=workspace, check=False)
    assert done.returncode == 1
    assert "--resume" in done.stderr
    before = len(rows(workspace / "saved_models/x-training_history.csv"))
    done = run("one_model_trainer", "setup.cfg", "x", "--resume", cwd=workspace)
    assert "epoch   1/16" not in done.stdout
    assert "epoch  16/16" in done.stdout
    assert before < len(rows(workspace / "saved_models/x-training_history.csv")) == 16
    assert (workspace / "saved_models/x-full_model.h5").exists()
    assert not kept.exists()


@pytest.mark.parametrize(
    ("stage", "arguments", "lock"),
    [
        ("one_model_trainer", ["setup.cfg", "x"], "saved_models/.x.lock"),
        ("hyperparameter_tuner", ["setup.cfg"], "logs/hparam_tuning_grid/.lock"),
    ],
)
def test_two_runs_do_not_write_the_same_files(stage, arguments, lock, workspace):
    with exclusive_lock(workspace / lock):  # this process stands for the other run
        done = run(stage, *arguments, cwd=workspace, check=False)
    assert done.returncode == 1
    assert "Wait until it ends" in done.stderr
    assert not [path for path in (workspace / lock).parent.iterdir() if path.suffix in {".h5", ".csv", ".npz", ".db"}]
