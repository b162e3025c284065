import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pandas as pd
import pytest
from conftest import FIXTURES, ROOT, draw

from utilities import safe_files
from utilities.alphabet import Alphabet
from utilities.full_model import CTC, SHORTCUT, add_ctc
from utilities.hyperparameters import resolve
from utilities.image_file import read_grey
from utilities.images import Preprocessing, prepare, to_canvases
from utilities.model import HEAD, RecognizerSpec, build_prediction_model
from utilities.model_card import ModelFileError, model_card, read_description
from utilities.original_model import PUBLISHED_CHARACTERS, UNKNOWN
from utilities.reader import Reader
from utilities.safe_files import NoSpaceError
from utilities.saved_model import load_recognizer, save_recognizer

SMALL = {"num_units_dense": 8, "num_units_lstm1": 8, "num_units_lstm2": 8}
SPEC = RecognizerSpec("compact", Alphabet(tuple("abö ")), Preprocessing(32, 256), resolve("compact", SMALL))
ORIGINAL = FIXTURES / "original_models"


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)  # as `seeded`, which comes after what a module shares
    model = build_prediction_model(SPEC)
    norm = model.get_layer("norm1")
    norm.set_weights([w + 0.5 for w in norm.get_weights()])  # statistics must survive too
    return model


@pytest.mark.parametrize("kind", ["full", "prediction"])
@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_saved_model_reads_the_same_and_describes_itself(model, tmp_path, kind, ending):
    path = tmp_path / f"m.{ending}"
    save_recognizer(path, SPEC, add_ctc(model) if kind == "full" else model, {"note": "ü"})
    loaded = load_recognizer(path)
    image = np.random.default_rng(0).random((2, 64, 32, 1)).astype(np.float32)
    assert np.allclose(model.predict_on_batch(image), loaded.prediction_model.predict_on_batch(image), atol=1e-6)
    assert loaded.spec == SPEC
    assert loaded.record == {"note": "ü"}
    assert read_description(path)["kind"] == kind
    assert "compact" in model_card(path)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_damage_to_the_weights_is_noticed(model, tmp_path, ending):
    path = tmp_path / f"m.{ending}"
    save_recognizer(path, SPEC, model, {})
    data = bytearray(path.read_bytes())
    kernel = model.get_layer("Conv2").get_weights()[0].tobytes()
    at = data.find(kernel[:64])
    assert at > 0
    data[at + 3] ^= 0x40  # one bit
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match="Take an undamaged copy"):
        load_recognizer(path)


def test_a_disk_without_room_is_noticed_before_the_model_is_written(model, tmp_path, monkeypatch):
    monkeypatch.setattr(safe_files.shutil, "disk_usage", lambda _: SimpleNamespace(free=safe_files.SPARE_BYTES))
    with pytest.raises(NoSpaceError, match="no room for the model file"):
        save_recognizer(tmp_path / "m.h5", SPEC, model, {})
    assert list(tmp_path.iterdir()) == []


def test_the_full_file_has_the_ctc_layer_and_trains_on_while_the_prediction_file_has_none(model, tmp_path):
    for kind, network in (("full", add_ctc(model)), ("prediction", model)):
        save_recognizer(tmp_path / f"{kind}.h5", SPEC, network, {})
        with h5py.File(tmp_path / f"{kind}.h5") as file:
            assert (CTC in file["model_weights"]) == (kind == "full")
    full = load_recognizer(tmp_path / "full.h5").full_model
    full.compile(keras.optimizers.Adam(5e-3))
    x = {
        "image": np.ones((2, 64, 32, 1), np.float32),
        "label": np.array([[1, 2], [3, 0]], np.int32),
        "label_length": np.array([[2], [1]], np.int32),
        "frames": np.array([[16], [16]], np.int32),
    }
    losses = [full.train_on_batch(x, return_dict=True)[CTC] for _ in range(20)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_full_file_from_before_the_shortcut_still_loads(model, tmp_path, monkeypatch):
    monkeypatch.setattr("utilities.saved_model.FORMAT_VERSION", 1)
    save_recognizer(tmp_path / "old.h5", SPEC, add_ctc(model, with_shortcut=False), {})
    describe_anew(tmp_path / "old.h5", lambda d: d.pop("weights"))  # no digest of them was kept then
    loaded = load_recognizer(tmp_path / "old.h5")
    image = np.ones((1, 64, 32, 1), np.float32)
    assert np.allclose(loaded.prediction_model.predict_on_batch(image), model.predict_on_batch(image), atol=1e-6)
    assert SHORTCUT in [layer.name for layer in loaded.full_model.layers]


def test_keras_itself_can_open_the_file(model, tmp_path):
    save_recognizer(tmp_path / "m.h5", SPEC, model, {})
    plain = keras.models.load_model(tmp_path / "m.h5", compile=False)
    image = np.ones((1, 64, 32, 1), np.float32)
    assert np.allclose(plain.predict_on_batch(image), model.predict_on_batch(image), atol=1e-6)


def test_a_fresh_process_reads_the_same(model, tmp_path):
    save_recognizer(tmp_path / "m.h5", SPEC, model, {})
    program = (
        "import sys, numpy as np; from pathlib import Path; from utilities.saved_model import load_recognizer;"
        "m = load_recognizer(Path(sys.argv[1])).prediction_model;"
        "np.save(sys.argv[2], m.predict_on_batch(np.ones((1, 64, 32, 1), np.float32)))"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "m.h5", tmp_path / "out.npy"], check=True, cwd=ROOT)
    assert np.allclose(
        np.load(tmp_path / "out.npy"), model.predict_on_batch(np.ones((1, 64, 32, 1), np.float32)), atol=1e-6
    )


def describe_anew(path, change):
    with h5py.File(path, "a") as file:
        description = json.loads(file["handwriting_recognizer"][()].decode())
        change(description)
        del file["handwriting_recognizer"]
        file.create_dataset("handwriting_recognizer", data=json.dumps(description))


def test_files_that_are_no_models_say_so(model, tmp_path):
    (tmp_path / "text.h5").write_text("hello")
    (tmp_path / "text.keras").write_text("hello")
    (tmp_path / "folder.h5").mkdir()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["something"] = 1
    for name, change in (("newer", {"format_version": 99}), ("strange", {"architecture": "transformer"})):
        save_recognizer(tmp_path / f"{name}.h5", SPEC, model, {})
        describe_anew(tmp_path / f"{name}.h5", lambda d, change=change: d.update(change))
    for name, message in {
        "text.h5": "not a model file of this toolkit",
        "text.keras": "not a model file of this toolkit",
        "other.h5": "not a model file of this toolkit",
        "folder.h5": "is a folder",
        "none.h5": "There is no model file.*newer.h5",
        "model.txt": "must end in .h5 or .keras",
        "newer.h5": "newer toolkit",
        "strange.h5": "architecture 'transformer' is none of",
    }.items():
        with pytest.raises(ModelFileError, match=message):
            load_recognizer(tmp_path / name)


@pytest.mark.parametrize("name", ["tiny-full_model.h5", "tiny-prediction.h5"])
def test_files_of_the_original_workflow_give_its_posteriors_and_readings(name):
    recognizer = load_recognizer(ORIGINAL / name)
    expected = np.load(ORIGINAL / "expected_posteriors.npz")
    how = recognizer.spec.preprocessing
    images = to_canvases([prepare(read_grey(ORIGINAL / "images" / str(i)), how) for i in expected["image"]], how.width)
    assert np.abs(images.mean(axis=(1, 2, 3)) - expected["input_mean"]).max() < 1e-3
    logits = recognizer.prediction_model.predict_on_batch(images)
    ours = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    theirs = expected["posteriors"]  # [UNK], characters, blank
    order = [theirs.shape[-1] - 1, *range(1, theirs.shape[-1] - 1), 0]
    assert np.abs(ours - theirs[..., order]).max() < 1e-3
    table = pd.read_csv(ORIGINAL / "expected_predictions.csv", dtype=str, keep_default_na=False)
    contents = [prepare(read_grey(ORIGINAL / image), how) for image in table["image"]]
    assert [reading.text for reading in Reader(recognizer).read(contents)] == table["prediction"].tolist()


def test_an_original_file_of_another_size_needs_its_alphabet(tmp_path):
    path = tmp_path / "other.h5"
    path.write_bytes((ORIGINAL / "tiny-prediction.h5").read_bytes())
    with h5py.File(path, "a") as file:  # one character fewer
        head = file["model_weights"][HEAD][HEAD]
        for name, cut in (("kernel:0", np.s_[:, 1:]), ("bias:0", np.s_[1:])):
            values = head[name][()][cut]
            del head[name]
            head[name] = values
    with pytest.raises(ModelFileError, match=r"82 outputs.*ALPHABET"):
        load_recognizer(path)
    alphabet = Alphabet(tuple(sorted(PUBLISHED_CHARACTERS))[:-1])
    assert load_recognizer(path, alphabet).spec.alphabet.characters == (*alphabet.characters, UNKNOWN)
    with pytest.raises(ModelFileError, match="the one given has 81"):
        load_recognizer(path, Alphabet(tuple(sorted(PUBLISHED_CHARACTERS))))


def test_a_confidence_is_a_probability(model):
    content = prepare(np.asarray(draw("Carex")), SPEC.preprocessing)

    class Loaded:
        spec, prediction_model, record = SPEC, model, {}

    for reading in Reader(Loaded).read([content] * 3):
        assert 0 <= reading.confidence <= 1


def test_a_model_of_an_earlier_version_still_gets_its_images_as_it_did(model, tmp_path):
    earlier = replace(SPEC, preprocessing=Preprocessing(32, 256, "writing"))
    save_recognizer(tmp_path / "m.h5", earlier, model, {})
    assert load_recognizer(tmp_path / "m.h5").spec.preprocessing.resize == "writing"


def test_an_unknown_way_to_resize_is_refused_not_replaced(model, tmp_path):
    save_recognizer(tmp_path / "m.h5", replace(SPEC, preprocessing=Preprocessing(32, 256, "tilted")), model, {})
    with pytest.raises(ModelFileError, match="'tilted' is none of upright, even, writing, stretch"):
        load_recognizer(tmp_path / "m.h5")


def test_a_model_that_learnt_hebrew_from_the_left_is_refused(tmp_path, monkeypatch):
    spec = replace(SPEC, alphabet=Alphabet.from_labels(["שלום אב"]))
    for version in (4, 3):
        monkeypatch.setattr("utilities.saved_model.FORMAT_VERSION", version)
        save_recognizer(tmp_path / f"{version}.h5", spec, build_prediction_model(spec), {})
    assert load_recognizer(tmp_path / "4.h5").spec.alphabet == spec.alphabet
    with pytest.raises(ModelFileError, match="Train it anew"):
        load_recognizer(tmp_path / "3.h5")
