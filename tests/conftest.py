"""Small image sets for all tests, and one place where the framework is kept quiet."""

import csv
import gc
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# two processes test at a time: more threads wait for each other's cores
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "tests" / "fixtures"


SLOW_FILES = ("stages", "training", "benchmarks", "saved_run", "settings_of_stages", "interrupted_stages")


def pytest_collection_modifyitems(items: list) -> None:
    """The slow files come first, so that no process is left with one of them when the other has done all the rest."""
    slow = [f"test_{name}" for name in SLOW_FILES]
    items.sort(key=lambda item: slow.index(item.path.stem) if item.path.stem in slow else len(slow))


def pytest_collection_finish() -> None:
    """Nobody looks for garbage in what the tests import: that took a twentieth of their time."""
    gc.freeze()


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Fresh weights are the same in every run: one start in a hundred learns next to nothing in a test's few steps."""
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(1)


@pytest.fixture(autouse=True)
def graphs_as_they_are() -> None:
    """TensorFlow takes a second to make a graph quicker, which pays in a stage, not in the few steps of a test."""
    if tf := sys.modules.get("tensorflow"):
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def draw(text: str, height: int = 32, seed: int = 0) -> Image.Image:
    """A word in dark ink on light grey paper, a little different for every seed."""
    rng = np.random.default_rng(seed)
    font = ImageFont.load_default(height * rng.uniform(0.55, 0.65))
    width = int(font.getlength(text)) + height // 2
    image = Image.new("L", (width, height), int(rng.integers(205, 240)))
    ImageDraw.Draw(image).text((height // 4, height // 10), text, int(rng.integers(10, 60)), font=font)
    return image


def write_image_set(folder: Path, labels, header=("image_location", "transcription"), groups=None) -> Path:
    """A folder as setup.cfg expects it: images/ and words_metadata.csv."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for i, label in enumerate(labels):
        name = f"images/w{i:03d}.png"
        draw(label or " ", seed=i).save(folder / name)
        rows.append((name, label, *((groups[i],) if groups else ())))
    with (folder / "words_metadata.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([(*header, *(("writer",) if groups else ())), *rows])
    return folder


def small_recognizer(height: int = 32, record: dict | None = None, resize: str = "upright"):
    """A fresh `compact` model that knows a few letters, with the record given."""
    from utilities.alphabet import Alphabet
    from utilities.full_model import build_full_model
    from utilities.hyperparameters import resolve
    from utilities.images import Preprocessing
    from utilities.model import RecognizerSpec
    from utilities.saved_model import Recognizer

    small = resolve("compact", {"num_units_dense": 8, "num_units_lstm1": 8, "num_units_lstm2": 8})
    spec = RecognizerSpec(
        "compact", Alphabet.from_labels(["Carex Rosa lb NAP"]), Preprocessing(height, 256, resize), small
    )
    return Recognizer(spec, build_full_model(spec), record or {})


SETTINGS = """[project]
IMG_HEIGHT = 32
IMG_WIDTH = 256
{project}
[tune]
IMAGE_SET_NAME = train
NUM_EPOCHS = 1
LEARNING_RATE = 0.001, 0.002
[train]
IMAGE_SET_NAME = train
NUM_EPOCHS = {epochs}
BATCH_SIZE = 8
NUM_UNITS_DENSE = 16
NUM_UNITS_LSTM1 = 16
NUM_UNITS_LSTM2 = 16
{train}
[transfer]
RETRAINING_EPOCHS = 1
FINE_TUNING_EPOCHS = 1
[test]
IMAGE_SET_NAME = test
"""


def write_settings(folder: Path, project: str = "", train: str = "", epochs: int = 1) -> Path:
    """A setup.cfg beside the folders `train` and `test`."""
    path = folder / "setup.cfg"
    path.write_text(SETTINGS.format(project=project, train=train, epochs=epochs), encoding="utf-8")
    return path


WORDS = ["Carex", "Rosa", "Acer", "Poa", "Viola", "Quercus alba", "Salix", "Zea", "NA", "007", "3.10", "null"]


@pytest.fixture
def workspace(tmp_path):
    """A working directory with train and test sets and a setup.cfg."""
    write_image_set(tmp_path / "train", WORDS * 2)
    write_image_set(tmp_path / "test", WORDS[:6])
    write_settings(tmp_path)
    return tmp_path


PREDICTIONS_HEADER = "image,label,prediction,confidence,group,problem"


def write_predictions(folder: Path, name: str, *rows: str, header: str = PREDICTIONS_HEADER) -> Path:
    """A model's predictions CSV in the folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}-predictions.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder


def predictions_frame(*rows: tuple) -> pd.DataFrame:
    """As `load_predictions` gives it, of words (label, prediction, confidence[, group]); images are numbered."""
    words = [(f"{i}.png", *row[:3], row[3] if len(row) > 3 else "", "") for i, row in enumerate(rows)]
    frame = pd.DataFrame(words, columns=PREDICTIONS_HEADER.split(","), dtype=object)
    return frame.astype({"confidence": float})


@pytest.fixture
def predictions_folder(tmp_path):
    """Two models, one of them with a word without transcription and one that was not read."""
    write_predictions(
        tmp_path,
        "good",
        "a.png,Carex,Carex,0.9,w1,",
        "b.png,NA,NA,0.8,w1,",
        "c.png,007,07,0.7,w2,",
        "d.png,,Rosa,0.2,w2,",
        "e.png,Poa,,,w3,image unreadable (truncated)",
    )
    return write_predictions(
        tmp_path, "bad", "a.png,Carex,Cares,0.95,w1,", "b.png,NA,,0.1,w1,", "c.png,007,007,0.3,w2,"
    )


def command(stage, *arguments) -> list[str]:
    """A stage's command, for a process."""
    return [sys.executable, str(ROOT / stage / "task.py"), *map(str, arguments)]


def run(stage, *arguments, cwd, check=True):
    """Run a stage's command, which must end well if `check`."""
    done = subprocess.run(
        command(stage, *arguments), cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
    )
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def names(folder: Path) -> list[str]:
    """Of everything in the folder, in order."""
    return sorted(p.name for p in folder.iterdir())


def rows(path: Path) -> list[dict]:
    """The rows of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def wait_until(happened, seconds=30):
    """Fail when something has not happened in that time."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def assert_ends_with_its_parent(parent: str, folder: Path):
    """Kill a parent, given as a program that is told `folder` and writes its child's process id there into `pid`."""
    (folder / "parent.py").write_text(parent)
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    started = subprocess.Popen([sys.executable, folder / "parent.py", folder], env=environ)
    try:
        wait_until(lambda: (folder / "pid").exists() and (folder / "pid").read_text())
        child = Path("/proc") / (folder / "pid").read_text()
        assert child.exists()
    finally:
        started.kill()
        started.wait()
    # one that nobody has asked about yet (Z) has ended
    wait_until(lambda: not child.exists() or "Z" in (child / "stat").read_text().rpartition(")")[2].split()[0])
