"""The predictions of models as tables: found, loaded from their CSVs, and told apart by what they are evidence of.

Three populations are told apart: all `images` of a CSV; those `read` (a problem kept the others from being read, or
they only repeat one); and those `judged`, which were read and have a transcription to be judged by.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from utilities.counts import number_of
from utilities.errors import UserError
from utilities.metadata import ImageSetError, rows_of_text
from utilities.metrics import character_counts, edit_distances
from utilities.model_files import PREDICTIONS, PREDICTIONS_ENDING, name_of
from utilities.rows import is_repeated

FOLDER_VARIABLE = "HANDWRITING_PREDICTIONS"  # an environment variable that names the folder
REQUIRED, OPTIONAL = ("image", "label", "prediction", "confidence"), ("group", "problem")
PREDICT_AGAIN = "Run `python test_set_predictions/task.py setup.cfg MODEL` to write it anew."


class PredictionsError(UserError):
    """The predictions cannot be compared; the text says why and what to do."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback (IPython asks for this name)."""
        return [str(self)]


def find_predictions(folder: Path, root: Path) -> Path:
    """The folder that HANDWRITING_PREDICTIONS names, else `folder`.

    The shipped notebook's `predictions`, wherever it was opened, is where stage 4 writes in the repository at `root`.
    """
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    if folder == Path(PREDICTIONS.name) and not folder.is_dir():
        return root / PREDICTIONS
    return folder.expanduser()


def load_predictions(folder: Path) -> dict[str, pd.DataFrame]:
    """Every model's predictions, by model name in alphabetical order.

    Each frame has image, label, prediction, group and problem as the text that stands there, and confidence as float64
    (NaN where there is none). Raises PredictionsError that lists all that is wrong, with files and rows.
    """
    paths = sorted(Path(folder).glob(f"[!.]*{PREDICTIONS_ENDING}")) if Path(folder).is_dir() else []
    if not paths:
        raise PredictionsError(
            f"No file *{PREDICTIONS_ENDING} in {Path(folder).resolve()}. `python test_set_predictions/task.py"
            f" setup.cfg MODEL` makes them; if they are elsewhere, name their folder in the environment variable"
            f" {FOLDER_VARIABLE}."
        )
    frames, problems = {}, []
    for path in paths:
        try:
            frames[name_of(path)] = read_predictions(path)
        except PredictionsError as error:
            problems.append(str(error))
    if problems:
        raise PredictionsError("\n".join(problems))
    return frames


def read_predictions(path: Path) -> pd.DataFrame:
    """One model's predictions, as `load_predictions` gives them; also as a spreadsheet has saved them again. The index
    is the row in the file, as a spreadsheet counts.

    Raises PredictionsError.
    """
    try:
        _, numbered = rows_of_text(path, path.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        raise PredictionsError(f"{path} cannot be read as a CSV file in UTF-8: {error}. {PREDICT_AGAIN}") from error
    except ImageSetError as error:
        raise PredictionsError(f"{error} {PREDICT_AGAIN}") from None
    header, *rows = numbered.values() or [[]]
    row_numbers = np.array(list(numbered)[1:])
    missing = [column for column in REQUIRED if header.count(column) != 1]
    if missing:
        found = ", ".join(header) or "nothing"
        raise PredictionsError(
            f"{path} must have once, and has not, the column {', '.join(missing)}; found: {found}. {PREDICT_AGAIN}"
        )
    if not rows:
        raise PredictionsError(f"{path} has a header but no rows. {PREDICT_AGAIN}")
    uneven = [number for number, row in zip(row_numbers, rows, strict=True) if len(row) != len(header)]
    if uneven:
        raise PredictionsError(f"{path}: row {_listed(uneven)} has not {len(header)} fields. {PREDICT_AGAIN}")
    table = pd.DataFrame(rows, columns=header, dtype=object)
    frame = pd.DataFrame({c: table.get(c, "") for c in (*REQUIRED, *OPTIONAL)}, dtype=object)
    decimals = frame["confidence"].str.replace(",", ".")  # a German spreadsheet's
    numbers = pd.to_numeric(decimals, errors="coerce").astype(float)
    wrong = (frame["confidence"].str.strip() != "") & ~numbers.between(0, 1)
    if wrong.any():
        value = frame["confidence"][wrong].iloc[0]
        raise PredictionsError(
            f"{path}: row {_listed(row_numbers[wrong])} has a confidence that is no number from 0 to 1"
            f" (the first: {value!r}). {PREDICT_AGAIN}"
        )
    return frame.assign(confidence=numbers).set_index(pd.Index(row_numbers, name="row"))


def rows_read(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that were read, with `edits` (characters) and `CER %` of each word; both NaN without a transcription."""
    words = frame[~unread(frame)].copy()
    labelled = (words["label"].str.strip() != "").to_numpy(bool)
    truths, readings = words["label"][labelled].tolist(), words["prediction"][labelled].tolist()
    words["edits"], words["CER %"] = np.nan, np.nan
    edits = edit_distances(truths, readings)
    words.loc[labelled, "edits"] = edits
    words.loc[labelled, "CER %"] = 100 * edits / np.maximum(1, character_counts(truths))
    return words


def words_read(frame: pd.DataFrame) -> pd.DataFrame:
    """`rows_read` without those that repeat an image and its transcription: they say nothing more."""
    words = rows_read(frame)
    return words[~words["problem"].map(is_repeated).astype(bool)].drop_duplicates(["image", "label"])


def words_judged(frame: pd.DataFrame) -> pd.DataFrame:
    """The words of `words_read` that have a transcription."""
    return words_read(frame).dropna(subset="edits")


def judged_models(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The models that have at least one judged word."""
    return {name: frame for name, frame in frames.items() if len(words_judged(frame))}


def population(name: str, frame: pd.DataFrame) -> str:
    """The heading of a figure: the model and how many words the figure is of."""
    return f"{name}: {number_of(len(words_judged(frame)), 'judged word')} of {number_of(len(frame), 'image')}"


def unread(frame: pd.DataFrame) -> pd.Series:
    """Which rows a problem kept from being read, (rows,) bool."""
    return (frame["problem"] != "") & (frame["prediction"] == "") & frame["confidence"].isna()


def _listed(rows) -> str:
    """Row numbers as a spreadsheet counts them, the first few."""
    return ", ".join(map(str, rows[:5])) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
