"""The stages as a user runs them: processes, in a working directory of their own."""

import codecs
import csv
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise

import h5py
import pytest
from conftest import FIXTURES, ROOT, WORDS, command, rows, run, write_image_set, write_settings
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from utilities.model_card import read_description

STAGES = [
    "image_set_preparation",
    "hyperparameter_tuner",
    "one_model_trainer",
    "transfer_learning",
    "test_set_predictions",
]


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """A working directory in which all stages have run once; their outputs by stage."""
    folder = tmp_path_factory.mktemp("work")
    write_image_set(folder / "train", WORDS * 2)
    hand = ["Carex", "Rosa", "Ähre", "Poa", "Acer"]
    write_image_set(folder / "second", ["Viola", *hand, "Öl", *hand])  # validated on Viola, which the first set has
    write_image_set(folder / "test", ["Öl", *WORDS[:5]])
    write_settings(folder, train="LEARNING_RATE = 0.004\nMAX_MINUTES = 0.5")
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
        "train": run(
            "one_model_trainer", "setup.cfg", "base", "--hyperparameters", best, "--dropout", "0.1", cwd=folder
        ),
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
def test_help_starts_no_framework_and_explains_every_argument(stage, tmp_path):
    python, *arguments = command(stage, "--help")
    timed = [python, "-X", "importtime", *arguments]
    done = subprocess.run(timed, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert done.returncode == 0 and "argparse" in imported and not imported & {"tensorflow", "keras"}
    for line, after in pairwise([*done.stdout.splitlines(), ""]):
        if line.startswith("  -"):
            assert re.search(r"\S  +\S", line) or after.startswith("    "), line


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
    assert {"val_cer", "val_loss", "kept/val_cer"} <= set(accumulator.Tags()["tensors"])
    assert "Trial 2 of 2" in said["tune"].stdout
    for stage in ("tune", "train", "transfer"):
        assert "images to train on, " in said[stage].stdout
    assert all(float(r["cost"]) > 0 and float(r["memory"]) > 100 for r in table)


def test_hparams_have_typed_domains_and_both_metrics(worked):
    from tensorboard.plugins.hparams import plugin_data_pb2

    folder, _ = worked
    accumulator = EventAccumulator(str(folder / "logs/hparam_tuning_grid"))
    accumulator.Reload()
    content = accumulator.SummaryMetadata("_hparams_/experiment").plugin_data.content
    experiment = plugin_data_pb2.HParamsPluginData.FromString(content).experiment
    assert sorted(m.name.tag for m in experiment.metric_infos) == ["kept/val_cer", "kept/val_loss"]
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
    assert float(rate) in (0.001, 0.002) and f"learning_rate    {rate}" in card  # setup.cfg has 0.004
    assert "dropout          0.1" in card  # the flag goes before the file, which has 0.2
    assert "num_units_lstm1  16" in card
    assert read_description(saved / "base-prediction.h5")["record"]["plan"]["max_minutes"] == 0.5
    assert "letter by letter: calibrated on" in card and "texts: calibrated on" in card


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
    (taken,) = re.findall(r"(\d) of \d untranscribed images of \S+/more\.", done.stdout)
    assert int(taken) > 0
    assert f"{round((11 + int(taken)) / 2)} of 24 words of {folder.name}/train." in done.stdout
    card = run("test_set_predictions", "--describe", "saved_models/more-fine_tuned.h5", cwd=folder).stdout
    assert f"and {taken} of {folder.name}/more as the model before it read them" in card
    assert f"beside some of 24 of {folder.name}/train again" in card
    model = folder / "saved_models/more-fine_tuned.h5"
    done = run("test_set_predictions", folder / "setup.cfg", model, cwd=tmp_path)
    assert "it was trained with" in done.stdout


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
    assert "'Ö' 1 time." in said["predict"].stdout  # the base model does not know it
    assert "it was trained with" in said["predict"].stdout  # five test words are drawn as in train


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
        assert ("left out of the LEXICON: 1 of 3 texts, such as 'κάρηξ'" in done.stdout) == ("lean" in said)
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


def test_unlabelled_images_without_a_csv_are_read_and_a_broken_one_keeps_its_row(worked, tmp_path):
    folder, _ = worked
    images = folder / "unlabelled"
    shutil.copytree(folder / "test/images", images)
    (images / "w001.png").write_bytes((images / "w001.png").read_bytes()[:60])
    (folder / "unlabelled.cfg").write_text(
        (folder / "setup.cfg").read_text().replace("IMAGE_SET_NAME = test", "IMAGE_SET_NAME = unlabelled")
    )
    model = folder / "saved_models/new-retrained.h5"
    done = run("test_set_predictions", folder / "unlabelled.cfg", model, cwd=tmp_path)
    table = rows(tmp_path / "test_set_predictions/predictions/new-retrained-predictions.csv")
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


def test_checking_reports_and_fails_as_training_would(workspace):
    done = run("image_set_preparation", "check", "setup.cfg", cwd=workspace)
    assert "24 rows, 24 usable" in done.stdout
    (workspace / "train/images/w001.png").unlink()
    done = run("image_set_preparation", "check", "setup.cfg", cwd=workspace, check=False)
    assert done.returncode == 1
    assert "w001.png: image missing" in done.stdout
    assert "w001.png" in (workspace / "logs/image_set_problems.csv").read_text()


def test_a_list_for_review_that_was_filled_in_becomes_a_new_table(worked, tmp_path):
    folder, _ = worked
    settings = folder / "review.cfg"
    settings.write_text((folder / "setup.cfg").read_text() + "TARGET_ERROR = 0.05\n")
    model = folder / "saved_models/base-prediction.h5"
    done = run("test_set_predictions", settings, model, "--details", cwd=tmp_path)
    assert "runner_up" in rows(tmp_path / "test_set_predictions/predictions/base-prediction-predictions.csv")[0]
    listed = tmp_path / "test_set_predictions/review/base-prediction-review.csv"
    assert listed.read_bytes().startswith(codecs.BOM_UTF8)  # else a spreadsheet shows accents as other letters
    with listed.open(encoding="utf-8-sig", newline="") as file:
        header, *words = csv.reader(file)
    for word in words:
        if word[header.index("image")] == "images/w000.png":
            word[header.index("correction")] = "Öhl"
    with listed.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([header, *words])
    done = run("image_set_preparation", "merge", settings, listed, "--out", "new.csv", cwd=tmp_path)
    assert "images/w000.png: Öl -> Öhl" in done.stdout and "1 transcription changed" in done.stdout
    assert [row["transcription"] for row in rows(tmp_path / "new.csv")] == ["Öhl", *WORDS[:5]]


def test_the_error_that_is_aimed_at_is_the_settings(worked, tmp_path):
    folder, _ = worked
    write_image_set(tmp_path / "new", ["Fagus", "Tilia"] * 6)
    settings = (folder / "setup.cfg").read_text().replace("IMAGE_SET_NAME = test", f"IMAGE_SET_NAME = {tmp_path}/new")
    (folder / "target.cfg").write_text(settings + "TARGET_ERROR = 0.05\n")
    model = folder / "saved_models/base-prediction.h5"
    done = run("test_set_predictions", folder / "target.cfg", model, "--report", cwd=tmp_path)
    assert "a promise of 1 in 20 wrong" in done.stdout
    assert "a promise of 1 in 20 wrong" in (tmp_path / "test_set_predictions/report.html").read_text(encoding="utf-8")
