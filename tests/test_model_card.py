"""What a model file says of itself; no framework is needed for it."""

import json
from pathlib import Path

import h5py
import pytest

from utilities.model_card import DESCRIPTION, FORMAT_VERSION, ModelFileError, check_model_files, model_card

CALIBRATION = {"words": 50, "ece_before": 0.2, "ece_after": 0.1, "ece_by_chance": 0.09, "temperature": 1.5}


def record(base=None, **data):
    return {
        "date": "2026-01-02",
        "epochs_run": 9,
        "seconds": 600.0,
        "synthetic_words": 40,
        "data": {"training_images": 90, "image_set": "train", "validation_images": 10, "texts": {"a": 1}} | data,
        "plan": {"learning_rate": 0.002, "seed": 2},
        "result": {"val_cer": 0.123, "epoch": 7},
        "calibration": CALIBRATION,
        "versions": {"keras": "3"},
        "backend": "tensorflow",
        "training_products": "bfloat16",
        "base": base,
    }


def written(path, record):
    described = {
        "kind": "full",
        "format_version": FORMAT_VERSION,
        "architecture": "compact",
        "hyperparameters": {},
        "preprocessing": {"resize": "upright", "height": 40, "width": 512},
        "alphabet": ["a", "b"],
        "record": record,
    }
    with h5py.File(path, "w") as file:
        file.create_dataset(DESCRIPTION, data=json.dumps(described))
    return path


def test_a_card_says_what_a_curator_must_know_of_each_step(tmp_path):
    base = record(image_set="large")
    more = {"untranscribed": {"taken": 30, "images": 55, "image_set": "more"}, "texts_of_base": 5}
    more |= {"rehearsed": {"images": 70, "image_set": "first"}, "validated_on_learnt": 3, "validated_on_copies": 4}
    leaning = {"language_calibration": CALIBRATION | {"words": 49}}
    card = model_card(written(tmp_path / "m.h5", record(base, **more) | leaning))
    assert "scaled (upright) to 40 px high, at most 512 px wide" in card and "2: ab" in card
    own, before = card.split("transferred from a model")
    assert "90 of train (validated on 10)" in own and "90 of large" in before
    assert "trained        2026-01-02, 9 epochs in 10 min" in own
    assert "and 30 of more as the model before it read them" in own and "as the model before it" not in before
    assert "beside some of 70 of first again" in own and "beside" not in before
    assert "leaning towards 1 text, 5 of them the base model's: calibrated on 49 words" in own
    assert "after 40 words drawn by the computer" in own
    assert "backend tensorflow\n                 layers multiplied in bfloat16 while they trained" in own
    assert "validation CER 12.30 % in epoch 7" in own
    assert "(looks too good: the model before was trained with 3 of these images)" in own
    assert "(looks too good: it was trained with copies of 4 of these images)" in own
    assert "wrong by 20.0 points on average before, 10.0 after; of so few words chance alone makes 9.0" in own
    assert "looks too good" not in before


def test_all_files_that_are_no_models_are_named_before_a_framework_starts(tmp_path):
    good = written(tmp_path / "good.h5", record())
    (tmp_path / "text.h5").write_text("hello")
    check_model_files([good])
    with pytest.raises(ModelFileError, match=r"(?s)text\.h5 is not a model file.*no model file .*none\.h5"):
        check_model_files([good, tmp_path / "text.h5", tmp_path / "none.h5"])


def test_a_model_that_may_not_be_read_is_not_said_to_be_damaged(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    path.write_bytes(b"")

    def barred(*_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", barred)  # as root may read everything
    with pytest.raises(ModelFileError, match="cannot be read: Permission denied"):
        check_model_files([path])
