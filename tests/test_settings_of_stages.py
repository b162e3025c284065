"""What settings change in what a stage does, as processes."""

import shutil

import pytest
from conftest import WORDS, rows, run, write_image_set, write_settings

from utilities.gpu import usable_cores


def test_a_long_run_begins_with_words_drawn_by_the_computer(workspace):
    write_settings(workspace, train="SYNTHETIC_WORDS = 40", epochs=50)
    done = run("one_model_trainer", "setup.cfg", "long", cwd=workspace)
    assert "The first 13 epochs show words drawn by the computer" in done.stdout
    card = run("test_set_predictions", "--describe", "saved_models/long-prediction.h5", cwd=workspace).stdout
    assert "after 40 words drawn by the computer" in card


@pytest.mark.parametrize("keeps_the_best", [True, False])
def test_a_trial_counts_as_what_the_trainer_would_keep_of_it(workspace, keeps_the_best):
    shutil.rmtree(workspace / "train")
    write_image_set(workspace / "train", WORDS)  # so few that they are known by heart: others are then read worse
    settings = write_settings(workspace, train=f"EARLY_STOPPING = {keeps_the_best}")
    text = settings.read_text().replace("NUM_EPOCHS = 1\n", "NUM_EPOCHS = 16\n")
    settings.write_text(text.replace("0.001, 0.002", "0.1"))
    run("hyperparameter_tuner", "setup.cfg", cwd=workspace)
    (trial,) = rows(workspace / "logs/hparam_tuning_grid/trials.csv")
    assert (int(trial["best_epoch"]) < 16) == keeps_the_best


@pytest.mark.skipif(usable_cores() < 2, reason="two workers need two cores")
def test_trials_of_a_range_run_side_by_side(workspace):
    settings = workspace / "setup.cfg"
    text = settings.read_text().replace("[tune]\n", "[tune]\nMETHOD = random\nNUM_CALLS = 2\nWORKERS = 2\n")
    settings.write_text(text.replace("0.001, 0.002", "0.001..0.002"))
    done = run("hyperparameter_tuner", "setup.cfg", cwd=workspace)
    assert "[worker 1] epoch   1/1" in done.stdout and "[worker 2] epoch   1/1" in done.stdout
    found = rows(workspace / "logs/hparam_tuning_grid/trials.csv")
    assert [row["state"] for row in found] == ["complete"] * 2
    assert len({row["LEARNING_RATE"] for row in found}) == 2
    assert all(0.001 <= float(row["LEARNING_RATE"]) <= 0.002 for row in found)
