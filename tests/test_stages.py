"""The stages as a user runs them: processes, in a working directory of their own."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import h5py
import pytest
from conftest import FIXTURES, ROOT, WORDS, write_image_set, write_settings
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from utilities.locks import exclusive_lock
from utilities.model_card import read_description

STAGES = [
    "image_set_preparation",
    "hyperparameter_tuner",
    "one_model_trainer",
    "transfer_learning",
    "test_set_predictions",
]


def run(stage, *arguments, cwd, check=True):
    command = [sys.executable, str(ROOT / stage / "task.py"), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """A working directory in which all stages have run once; their outputs by stage."""
    folder = tmp_path_factory.mktemp("work")
    write_image_set(folder / "train", WORDS * 2)
    hand = ["Carex", "Rosa", "Ähre", "Poa", "Acer"]
    write_image_set(folder / "second", ["Viola", *hand, "Öl", *hand])  # validated on Viola, which the first set has
    write_image_set(folder / "test", ["Öl", *WORDS[:5]])
    write_settings(folder)
    settings = (
        (folder / "setup.cfg")
        .read_text()
        .replace("[train]\nIMAGE_SET_NAME = train", "[train]\nIMAGE_SET_NAME = second")
        .replace("[transfer]\n", "[transfer]\nMAX_MINUTES = 0.5\n")
    )
    (folder / "second.cfg").write_text(settings)
    best = "logs/hparam_tuning_grid/best_hyperparameters.cfg"
    said = {
        "tune": run("hyperparameter_tuner", "setup.cfg", cwd=folder),
        "train": run("one_model_trainer", "setup.cfg", "base", "--hyperparameters", best, cwd=folder),
        "transfer": run("transfer_learning", "second.cfg", "saved_models/base-full_model.h5", "new", cwd=folder),
        "predict": run(
            "test_set_predictions",
            "setup.cfg",
            "saved_models/base-prediction.h5",
            "saved_models/new-fine_tuned.h5",
            FIXTURES / "original_models/tiny-prediction.h5",
            "--report",
            "--ensemble",
            cwd=folder,
        ),
    }
    return folder, said


@pytest.mark.parametrize("stage", STAGES)
def test_help_answers_at_once_and_explains_every_argument(stage, tmp_path):
    started = time.perf_counter()
    done = run(stage, "--help", cwd=tmp_path)
    assert time.perf_counter() - started < 2  # half a second on an idle machine; no framework is imported
    assert "tensorflow" not in done.stderr
    for line in done.stdout.split("options:")[-1].splitlines():
        assert not line.startswith("  -") or len(line.split()) > 2 or line.strip() == line.strip().split("  ")[0]


def test_the_tuner_leaves_a_table_the_best_values_and_runs_for_tensorboard(worked):
    folder, said = worked
    logs = folder / "logs/hparam_tuning_grid"
    table = rows(logs / "trials.csv")
    assert [r["LEARNING_RATE"] for r in table] == ["0.001", "0.002"]
    assert {r["state"] for r in table} == {"complete"}
    best = min(table, key=lambda r: (float(r["val_cer"]), float(r["val_loss"])))
    assert f"learning_rate = {best['LEARNING_RATE']}" in (logs / "best_hyperparameters.cfg").read_text().lower()
    runs = sorted(p.name for p in logs.iterdir() if p.is_dir())
    assert runs == [f"batch8-kernel3-dense16-dropout0.2-lstm16-lr{rate}" for rate in ("0.001", "0.002")]
    accumulator = EventAccumulator(str(logs / runs[0]))
    accumulator.Reload()
    assert {"val_cer", "val_loss"} <= set(accumulator.Tags()["tensors"])
    assert "Trial 2 of 2" in said["tune"].stdout
    assert all(float(r["cost"]) > 0 and float(r["memory"]) > 100 for r in table)


def test_hparams_have_typed_domains_and_both_metrics(worked):
    from tensorboard.plugins.hparams import plugin_data_pb2

    folder, _ = worked
    accumulator = EventAccumulator(str(folder / "logs/hparam_tuning_grid"))
    accumulator.Reload()
    content = accumulator.SummaryMetadata("_hparams_/experiment").plugin_data.content
    experiment = plugin_data_pb2.HParamsPluginData.FromString(content).experiment
    assert sorted(m.name.tag for m in experiment.metric_infos) == ["val_cer", "val_loss"]
    domains = {h.name: [v.number_value for v in h.domain_discrete.values] for h in experiment.hparam_infos}
    assert domains["LEARNING_RATE"] == [0.001, 0.002]
    assert domains["BATCH_SIZE"] == [8]


def test_the_trainer_takes_the_tuners_values_and_leaves_its_four_files(worked):
    folder, _ = worked
    saved = folder / "saved_models"
    for name in ("base-full_model.h5", "base-prediction.h5", "base-training_history.csv", "base-training_history.png"):
        assert (saved / name).stat().st_size > 50
    (history,) = rows(saved / "base-training_history.csv")
    assert list(history) == ["epoch", "loss", "val_loss", "val_cer", "learning_rate", "seconds"]
    assert not [p for p in saved.iterdir() if p.name.startswith(".")]
    card = run("test_set_predictions", "--describe", "saved_models/base-prediction.h5", cwd=folder).stdout
    best = (folder / "logs/hparam_tuning_grid/best_hyperparameters.cfg").read_text()
    rate = best.lower().split("learning_rate = ")[1].split()[0]
    assert f"learning_rate    {rate}" in card
    assert "num_units_lstm1  16" in card
    assert "letter by letter: calibrated on" in card and "texts: calibrated on" in card


def test_a_long_run_begins_with_words_drawn_by_the_computer_unless_the_settings_forbid_it(workspace):
    for words, lines in (("SYNTHETIC_WORDS = 40", 1), ("SYNTHETIC_WORDS = 0", 0)):
        write_settings(workspace, train=words, epochs=50)
        done = run("one_model_trainer", "setup.cfg", "long", "--overwrite", cwd=workspace)
        assert done.stdout.count("The first 13 epochs show words drawn by the computer") == lines
        card = run("test_set_predictions", "--describe", "saved_models/long-prediction.h5", cwd=workspace).stdout
        assert card.count("after 40 words drawn by the computer") == lines


def test_transfer_leaves_four_models_that_read_new_characters(worked):
    folder, said = worked
    saved = folder / "saved_models"
    for name in ("retrained", "fine_tuned"):
        for ending in ("-full_model.h5", ".h5", "-training_history.csv", "-training_history.png"):
            assert (saved / f"new-{name}{ending}").exists()
    assert "learns" in said["transfer"].stdout
    assert "Ä" in said["transfer"].stdout
    card = run("test_set_predictions", "--describe", "saved_models/new-fine_tuned.h5", cwd=folder).stdout
    assert "Ö" in card.split("characters")[1].splitlines()[0]
    assert "8 texts that the base model was trained with" in said["transfer"].stdout
    assert "leaning towards 14 texts, 8 of them the base model's: calibrated on" in card
    assert "new-fine_tuned: readings lean towards 14 known texts" in said["predict"].stdout
    with h5py.File(saved / "new-fine_tuned-full_model.h5") as full, h5py.File(saved / "new-fine_tuned.h5") as reader:
        assert "ctc_loss" in full["model_weights"]
        assert "ctc_loss" not in reader["model_weights"]
    head, tuned = (read_description(saved / f"new-{name}.h5")["record"] for name in ("retrained", "fine_tuned"))
    left = 0.5 - min(head["seconds"] / 60, 0.05)
    assert (head["plan"]["max_minutes"], tuned["plan"]["max_minutes"]) == (0.05, pytest.approx(left))


def test_a_transfer_learns_from_images_that_nobody_transcribed_and_from_those_of_its_base(worked, tmp_path):
    folder, _ = worked
    settings = (folder / "second.cfg").read_text()
    text = settings.replace("[transfer]\n", "[transfer]\nUNTRANSCRIBED_SET_NAME = more\nBASE_SET_NAME = train\n")
    (folder / "more.cfg").write_text(text)
    arguments = ["more.cfg", "saved_models/base-full_model.h5", "more"]
    done = run("transfer_learning", *arguments, cwd=folder, check=False)
    assert done.returncode == 1 and "[transfer] UNTRANSCRIBED_SET_NAME = more: no such folder" in done.stderr
    shutil.copytree(folder / "test/images", folder / "more")
    code = (  # a model of one epoch reads nothing surely
        "from utilities import untranscribed; from transfer_learning.task import main;"
        f"untranscribed.SURE = 0.0; raise SystemExit(main({arguments}))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (taken,) = re.findall(r"(\d) of \d untranscribed images of more are read surely enough", done.stdout)
    assert int(taken) > 0
    assert f"{round((11 + int(taken)) / 2)} of 24 words of train are learnt again in each epoch" in done.stdout
    card = run("test_set_predictions", "--describe", "saved_models/more-fine_tuned.h5", cwd=folder).stdout
    assert f"and {taken} of more as the model before it read them" in card
    assert "beside some of 24 of train again" in card
    model = folder / "saved_models/more-fine_tuned.h5"
    done = run("test_set_predictions", folder / "setup.cfg", model, cwd=tmp_path)
    assert "used to train it" in done.stdout


def test_predictions_keep_every_row_and_text_and_give_a_confidence(worked):
    folder, said = worked
    predictions = folder / "test_set_predictions/predictions"
    names = ["base-prediction", "ensemble", "new-fine_tuned", "tiny-prediction"]
    assert sorted(p.name for p in predictions.iterdir()) == [f"{n}-predictions.csv" for n in names]
    for name in names:
        table = rows(predictions / f"{name}-predictions.csv")
        assert [r["label"] for r in table] == ["Öl", *WORDS[:5]]
        assert list(table[0])[:4] == ["image", "label", "prediction", "confidence"]
        assert all(0 <= float(r["confidence"]) <= 1 for r in table)
        assert name in said["predict"].stdout
    assert "'Ö' 1 times" in said["predict"].stdout  # the base model does not know it
    assert "used to train it" in said["predict"].stdout  # five test words are drawn as in train


def test_readings_lean_towards_the_texts_trained_with_and_a_lexicon(worked):
    folder, said = worked
    assert "base-prediction: readings lean towards" in said["predict"].stdout
    assert "tiny-prediction: readings are what the image shows" in said["predict"].stdout  # its file holds no texts
    (folder / "names.txt").write_text("Carex\nCarex alba\nκάρηξ\n", encoding="utf-8")
    for key, said in (
        ("LEXICON = names.txt", "lean towards 2 known texts (LANGUAGE_WEIGHT = 0.3)"),
        ("LEXICON = names.txt\nLANGUAGE_WEIGHT = 0", "are what the image shows"),
        ("SEVERAL_VIEWS = True", "are what 5 views of the image show"),
    ):
        (folder / "lexicon.cfg").write_text((folder / "setup.cfg").read_text() + key)
        model = FIXTURES / "original_models/tiny-prediction.h5"
        done = run("test_set_predictions", "lexicon.cfg", model, cwd=folder)
        assert f"tiny-prediction: readings {said}." in done.stdout
        assert ("1 of the 3 texts of the LEXICON, such as 'κάρηξ'" in done.stdout) == ("lean" in said)
    (folder / "lexicon.cfg").write_text((folder / "setup.cfg").read_text() + "LEXICON = none.txt")
    done = run("test_set_predictions", "lexicon.cfg", "saved_models/base-prediction.h5", cwd=folder, check=False)
    assert done.returncode == 1 and "none.txt cannot be opened" in done.stderr


def test_the_report_is_one_page_about_all_models(worked):
    folder, said = worked
    page = (folder / "test_set_predictions/report.html").read_text(encoding="utf-8")
    assert "test_set_predictions/report.html" in said["predict"].stdout
    for name in ("base-prediction", "new-fine_tuned", "tiny-prediction", "ensemble"):
        assert f">{name}</a>" in page
    assert page.count("data:image/webp") >= 6  # a picture of each word
    assert str(folder) not in page


def test_prediction_ignores_a_wrong_project_section_and_says_so(worked):
    folder, _ = worked
    before = (folder / "test_set_predictions/predictions/base-prediction-predictions.csv").read_text()
    text = (folder / "setup.cfg").read_text().replace("IMG_HEIGHT = 32", "IMG_HEIGHT = 100\nALPHABET = xyz")
    (folder / "wrong.cfg").write_text(text)
    done = run("test_set_predictions", "wrong.cfg", "saved_models/base-prediction.h5", cwd=folder)
    assert (folder / "test_set_predictions/predictions/base-prediction-predictions.csv").read_text() == before
    assert "IMG_HEIGHT = 100" in done.stdout


def test_unlabelled_images_without_a_csv_are_read_and_a_broken_one_keeps_its_row(worked):
    folder, _ = worked
    images = folder / "unlabelled"
    shutil.copytree(folder / "test/images", images)
    (images / "w001.png").write_bytes((images / "w001.png").read_bytes()[:60])
    (folder / "unlabelled.cfg").write_text(
        (folder / "setup.cfg").read_text().replace("IMAGE_SET_NAME = test", "IMAGE_SET_NAME = unlabelled")
    )
    done = run("test_set_predictions", "unlabelled.cfg", "saved_models/new-retrained.h5", cwd=folder)
    table = rows(folder / "test_set_predictions/predictions/new-retrained-predictions.csv")
    assert len(table) == 6
    assert [bool(r["problem"]) for r in table] == [False, True, False, False, False, False]
    assert table[1]["prediction"] == table[1]["confidence"] == ""
    assert "no transcriptions" in done.stdout


def test_an_earlier_result_is_refused_and_overwritten_only_on_request(worked):
    folder, _ = worked
    stamp = (folder / "saved_models/base-prediction.h5").stat().st_mtime_ns
    done = run("one_model_trainer", "setup.cfg", "base", cwd=folder, check=False)
    assert done.returncode == 1
    assert "base-full_model.h5" in done.stderr
    assert "--overwrite" in done.stderr
    assert (folder / "saved_models/base-prediction.h5").stat().st_mtime_ns == stamp


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


def test_a_killed_search_resumes_with_what_is_missing_and_keeps_foreign_files(workspace):
    settings = workspace / "setup.cfg"
    settings.write_text(settings.read_text().replace("0.001, 0.002", "0.001, 0.002, 0.004"))
    command = [sys.executable, str(ROOT / "hyperparameter_tuner/task.py"), "setup.cfg"]
    logs = workspace / "logs/hparam_tuning_grid"
    logs.mkdir(parents=True)
    (logs / "mine.txt").write_text("a note of the user's")
    process = subprocess.Popen(command, cwd=workspace, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not (logs / "best_hyperparameters.cfg").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait()
    done = run("hyperparameter_tuner", "setup.cfg", "--resume", cwd=workspace)
    assert "Trial 1 of" not in done.stdout
    assert "Trial 3 of 3" in done.stdout
    assert [r["LEARNING_RATE"] for r in rows(logs / "trials.csv")] == ["0.001", "0.002", "0.004"]
    assert {r["state"] for r in rows(logs / "trials.csv")} == {"complete"}
    assert (logs / "mine.txt").exists()


def test_checking_reports_and_fails_as_training_would(workspace):
    done = run("image_set_preparation", "check", "setup.cfg", cwd=workspace)
    assert "24 rows, 24 usable" in done.stdout
    (workspace / "train/images/w001.png").unlink()
    done = run("image_set_preparation", "check", "setup.cfg", cwd=workspace, check=False)
    assert done.returncode == 1
    assert "w001.png: image missing" in done.stdout
    assert "w001.png" in (workspace / "logs/image_set_problems.csv").read_text()


def test_ctrl_c_ends_a_training_and_says_that_it_can_go_on(workspace):
    write_settings(workspace, epochs=500, train="EARLY_STOPPING = False")
    command = [sys.executable, str(ROOT / "one_model_trainer/task.py"), "setup.cfg", "x"]
    process = subprocess.Popen(command, cwd=workspace, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    kept = workspace / "saved_models/.x-interrupted.npz"
    deadline = time.monotonic() + 120
    while not kept.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)  # no thread that prepares batches keeps it alive
    assert process.returncode == 130
    assert "--resume" in errors
    assert kept.exists()


def test_a_killed_training_goes_on_where_it_stood(workspace):
    write_settings(workspace, epochs=40, train="EARLY_STOPPING = False")
    command = [sys.executable, str(ROOT / "one_model_trainer/task.py"), "setup.cfg", "x"]
    process = subprocess.Popen(command, cwd=workspace, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    kept = workspace / "saved_models/.x-interrupted.npz"
    deadline = time.monotonic() + 120
    while not kept.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert kept.exists()
    done = run("one_model_trainer", "setup.cfg", "x", cwd=workspace, check=False)
    assert done.returncode == 1
    assert "--resume" in done.stderr
    before = len(rows(workspace / "saved_models/x-training_history.csv"))
    done = run("one_model_trainer", "setup.cfg", "x", "--resume", cwd=workspace)
    assert "epoch   1/40" not in done.stdout
    assert "epoch  40/40" in done.stdout
    assert before < len(rows(workspace / "saved_models/x-training_history.csv")) == 40
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


WRONG = {
    "no settings": (["nowhere.cfg", "x"], "nowhere.cfg"),
    "a folder": (["train", "x"], "folder"),
    "several mistakes": (["mistakes.cfg", "x"], "IMG_HIGHT.*KERNEL_SIZE = 0"),
    "no column": (["column.cfg", "x"], "METADATA_IMAGE_COLUMN.*image_location"),
    "bad rows": (["bad.cfg", "x"], "none.png.*w001.png.*two different labels|bad rows"),
    "a wrong hyperparameter": (["setup.cfg", "x", "--dropout", "1.0"], "allowed is"),
    "a name with a slash": (["setup.cfg", "a/b"], "NAME"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_stops_with_one_readable_message_and_leaves_nothing(case, workspace):
    settings = (workspace / "setup.cfg").read_text()
    (workspace / "mistakes.cfg").write_text(
        settings.replace("IMG_HEIGHT", "IMG_HIGHT").replace("BATCH_SIZE = 8", "KERNEL_SIZE = 0")
    )
    (workspace / "column.cfg").write_text(settings.replace("[project]", "[project]\nMETADATA_IMAGE_COLUMN = file"))
    bad = write_image_set(workspace / "bad", WORDS)
    (bad / "images/w001.png").write_bytes(b"broken")
    with (bad / "words_metadata.csv").open("a") as file:
        file.write("none.png,Poa\nimages/w002.png,Aster\n")
    (workspace / "bad.cfg").write_text(settings.replace("IMAGE_SET_NAME = train", "IMAGE_SET_NAME = bad"))
    arguments, message = WRONG[case]
    done = run("one_model_trainer", *arguments, cwd=workspace, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    import re

    assert re.search(message, done.stderr, re.DOTALL), done.stderr
    assert not (workspace / "saved_models").exists()


def test_models_that_cannot_be_used_are_refused(workspace):
    (workspace / "text.h5").write_text("hello")
    done = run("test_set_predictions", "setup.cfg", "text.h5", "none.h5", cwd=workspace, check=False)
    assert done.returncode == 1
    assert "text.h5 is not a model file" in done.stderr and "no model file none.h5" in done.stderr
    done = run("test_set_predictions", "setup.cfg", "a/same.h5", "b/same.h5", cwd=workspace, check=False)
    assert done.returncode == 1
    assert "a/same.h5, b/same.h5" in done.stderr
    for models, why in (("one.h5",), "there is one"), (("one.h5", "a/ensemble.h5"), "a/ensemble.h5 would write"):
        done = run("test_set_predictions", "setup.cfg", *models, "--ensemble", cwd=workspace, check=False)
        assert done.returncode == 1 and why in done.stderr
    assert not (workspace / "test_set_predictions").exists()
