"""Wrong input to the stages, as processes: one readable message, and nothing is left."""

import re

import pytest
from conftest import WORDS, run, write_image_set

WRONG = {
    "no settings": (["nowhere.cfg", "x"], "nowhere.cfg"),
    "a folder": (["train", "x"], "folder"),
    "several mistakes": (["mistakes.cfg", "x"], "IMG_HIGHT.*KERNEL_SIZE = 0"),
    "no column": (["column.cfg", "x"], "METADATA_IMAGE_COLUMN.*image_location"),
    "bad rows": (
        ["bad.cfg", "x"],
        "4 bad rows.*w001.png: image unreadable.*w002.png: two different labels.*none.png: image missing",
    ),
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


def test_a_search_that_cannot_be_kept_stops_before_the_images_are_decoded(workspace):
    (workspace / "logs").write_text("a file where a folder is wanted")
    done = run("hyperparameter_tuner", "setup.cfg", cwd=workspace, check=False)
    assert done.returncode == 1
    assert re.search("logs.* cannot be written", done.stderr) and "Traceback" not in done.stderr
    assert not (workspace / ".image_cache").exists()
