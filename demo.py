"""The whole workflow on generated words, in the folder demo/: what `make demo` runs.

Every stage is called as the README says; setup.cfg only gets a smaller model and limits of time, so that all ends
within minutes.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from utilities import model_files
from utilities.command import run_stage
from utilities.comparison import FOLDER_VARIABLE, load_predictions, model_table, words_read
from utilities.counts import percent
from utilities.errors import UserError
from utilities.image_file import read_grey
from utilities.safe_files import free_name
from utilities.word_gallery import word_gallery

ROOT = Path(__file__).resolve().parent
FOLDER = ROOT / "demo"
MARK = ".made-by-make-demo"  # empty until the demonstration has ended
NOTEBOOK = ROOT / "test_set_predictions" / "visualize_predictions.ipynb"
PREDICTIONS = FOLDER / model_files.PREDICTIONS
BEST = "logs/hparam_tuning_grid/best_hyperparameters.cfg"
SMALL = {"BATCH_SIZE": "16", "NUM_UNITS_LSTM1": "96"}  # more and quicker steps in the few minutes there are
LIMITS = {  # what is changed in setup.cfg
    "[project]": {"IMG_HEIGHT": "32"},
    "[tune]": SMALL,
    "[train]": SMALL
    | {"ARCHITECTURE": "compact", "NUM_UNITS_LSTM2": "96", "LEARNING_RATE": "0.003", "MAX_MINUTES": "2.5"},
    "[transfer]": {"MAX_MINUTES": "1"},
}
SHOWN = 24  # words in each picture


def with_values(settings: str, changes: dict[str, dict[str, str]]) -> str:
    """The settings with other values: in each section, the line of a key (also one behind a #) is replaced."""
    lines, section = settings.splitlines(), ""
    waiting = {(s, key): value for s, keys in changes.items() for key, value in keys.items()}
    for number, line in enumerate(lines):
        section = line.strip() if line.startswith("[") else section
        key = line.lstrip("# ").partition(" =")[0]
        if (section, key) in waiting:
            lines[number] = f"{key} = {waiting.pop((section, key))}"
    if waiting:
        raise KeyError(f"not in setup.cfg: {sorted(waiting)}")
    return "\n".join(lines) + "\n"


def stage(name: str, *arguments: str) -> None:
    """Run a stage in demo/ and show its command; stop when it fails."""
    print(f"\n$ python {name}/task.py {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, ROOT / name / "task.py", *arguments], cwd=FOLDER, check=True)


def results(image_set: Path, title: str) -> list[str]:
    """A row for each predictions CSV, as text, and a picture of the last model's words."""
    frames = load_predictions(PREDICTIONS)
    for name, frame in frames.items():
        words = words_read(frame).iloc[:SHOWN]
        columns = ("image", "label", "prediction", "confidence")
        rows = [
            (read_grey(image_set / image), *texts) for image, *texts in zip(*(words[c] for c in columns), strict=True)
        ]
        word_gallery(rows, title=f"{title}, read by {name}").savefig(FOLDER / f"{title.replace(' ', '_')}-{name}.png")
    table = model_table(frames).reset_index().to_dict("records")
    return [
        f"{title:<12} {row['model']:<30} {percent(row['CER %']):>6} {percent(row['exact %']):>16}"
        f" {row['mean confidence']:16.2f}"
        for row in table
    ]


def clear(folder: Path) -> Path | None:
    """Remove what an earlier demonstration left; a folder with anything else gets another name, which is returned."""
    mark = folder / MARK
    if not folder.exists():
        return None
    if mark.exists() and mark.stat().st_size:
        ended = mark.stat().st_mtime_ns
        if all(path.stat().st_ctime_ns <= ended for path in folder.rglob("*") if path.is_file()):
            shutil.rmtree(folder)
            return None
    return folder.rename(free_name(folder))


def main() -> int:
    """Run everything and return the exit status."""
    return run_stage(run)


def run() -> None:
    """Make the folder, run everything there, and mark what then stands in it as the demonstration's."""
    if kept := clear(FOLDER):
        print(f"{FOLDER} held files that this program did not make; it is now {kept}.")
    FOLDER.mkdir()
    (FOLDER / MARK).touch()
    try:
        demonstrate()
    except subprocess.CalledProcessError as error:
        raise UserError(
            f"The demonstration stopped: the last command above ended with status {error.returncode}."
        ) from None
    except KeyboardInterrupt:  # a stage that was stopped may have said that it can go on; this cannot
        raise UserError("The demonstration was stopped. `make demo` begins it anew.") from None
    finally:
        (FOLDER / MARK).write_text("ended\n", encoding="utf-8")  # what comes later is somebody's own


def demonstrate() -> None:
    """All stages, then what was recognised."""
    started = time.perf_counter()
    print(f"Working in {FOLDER}")
    settings = with_values((ROOT / "setup.cfg").read_text(encoding="utf-8"), LIMITS)
    (FOLDER / "setup.cfg").write_text(settings, encoding="utf-8")
    second = {f"[{s}]": {"IMAGE_SET_NAME": f"image_sets/sample/second_hand/{s}"} for s in ("train", "test")}
    (FOLDER / "second_hand.cfg").write_text(with_values(settings, second), encoding="utf-8")

    stage("image_set_preparation", "sample", "image_sets/sample")
    stage("hyperparameter_tuner", "setup.cfg")
    stage("one_model_trainer", "setup.cfg", "first", "--hyperparameters", BEST)
    stage("test_set_predictions", "setup.cfg", "saved_models/first-prediction.h5")
    sample = FOLDER / "image_sets" / "sample"
    rows = results(sample / "first_hand" / "test", "first hand")
    stage("transfer_learning", "second_hand.cfg", "saved_models/first-full_model.h5", "second")
    stage(
        "test_set_predictions",
        "second_hand.cfg",
        "saved_models/first-prediction.h5",
        "saved_models/second-fine_tuned.h5",
        "--report",
    )
    rows += results(sample / "second_hand" / "test", "second hand")
    print("\n$ jupyter nbconvert --to html --execute test_set_predictions/visualize_predictions.ipynb", flush=True)
    options = "--to html --execute --log-level ERROR --output-dir".split()
    where = os.environ | {FOLDER_VARIABLE: str(PREDICTIONS)}
    command = [sys.executable, "-m", "nbconvert", *options, FOLDER, NOTEBOOK]
    done = subprocess.run(command, cwd=FOLDER, env=where, stderr=subprocess.PIPE, text=True)  # the kernel chatters
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        done.check_returncode()

    minutes = (time.perf_counter() - started) / 60
    print(f"\nAll stages took {minutes:.1f} minutes. How words that no model had seen before were read:\n")
    print(f"{'image set':<12} {'model':<30} {'CER %':>6} {'exact matches %':>16} {'mean confidence':>16}")
    print("\n".join(rows))
    print("\nPictures of the words and their readings, and the comparison of the models:")
    shown = ["*.png", "*.html", "saved_models/*.png", "test_set_predictions/*.html"]
    for path in sorted(path for pattern in shown for path in FOLDER.glob(pattern)):
        print(f"  {path.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
