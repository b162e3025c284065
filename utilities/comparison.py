"""Tables that compare the predictions of models: loaded from their CSVs, every figure with the rows it counts.

Three populations are told apart: all `images` of a CSV; those `read` (a problem kept the others from being read); and
those `judged`, which were read and have a transcription to be judged by.
"""

import csv
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from utilities.errors import UserError
from utilities.metrics import VARIANTS, Estimate, Summary, character_counts, edit_distances, edit_operations, summarize

ENDING = "-predictions.csv"
FOLDER_VARIABLE = "HANDWRITING_PREDICTIONS"  # an environment variable that names the folder
REQUIRED, OPTIONAL = ("image", "label", "prediction", "confidence"), ("group", "problem")
PREDICT_AGAIN = "Run `python test_set_predictions/task.py setup.cfg MODEL` to write it anew."
KINDS = ("substitution", "insertion", "deletion")
FEW_GROUPS = 10  # below which a percentile bootstrap is clearly too narrow
FEW_WORDS = 100  # judged images below which one more wrong word moves the share of right ones by a whole point


class PredictionsError(UserError):
    """The predictions cannot be compared; the text says why and what to do."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback (IPython asks for this name)."""
        return [str(self)]


def find_predictions(folder: Path, root: Path) -> Path:
    """The folder that HANDWRITING_PREDICTIONS names, else `folder`, else the one of the repository at `root`."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    return folder if folder.is_dir() else root / "test_set_predictions" / "predictions"


def load_predictions(folder: Path) -> dict[str, pd.DataFrame]:
    """Every model's predictions, by model name in alphabetical order.

    Each frame has image, label, prediction, group and problem as the text that stands there, and confidence as float64
    (NaN where there is none). Raises PredictionsError that lists all that is wrong, with files and rows.
    """
    paths = sorted(Path(folder).glob(f"*{ENDING}")) if Path(folder).is_dir() else []
    if not paths:
        raise PredictionsError(
            f"No file *{ENDING} in {Path(folder).resolve()}. `python test_set_predictions/task.py setup.cfg MODEL`"
            f" makes them; if they are elsewhere, name their folder in the environment variable {FOLDER_VARIABLE}."
        )
    frames, problems = {}, []
    for path in paths:
        try:
            frames[path.name.removesuffix(ENDING)] = read_predictions(path)
        except PredictionsError as error:
            problems.append(str(error))
    if problems:
        raise PredictionsError("\n".join(problems))
    return frames


def read_predictions(path: Path) -> pd.DataFrame:
    """One model's predictions, as `load_predictions` gives them. Raises PredictionsError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [row for row in csv.reader(file, strict=True) if row] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PredictionsError(f"{path} cannot be read as a CSV file in UTF-8: {error}. {PREDICT_AGAIN}") from error
    missing = [column for column in REQUIRED if header.count(column) != 1]
    if missing:
        found = ", ".join(header) or "nothing"
        raise PredictionsError(
            f"{path} must have once, and has not, the column {', '.join(missing)}; found: {found}. {PREDICT_AGAIN}"
        )
    if not rows:
        raise PredictionsError(f"{path} has a header but no rows. {PREDICT_AGAIN}")
    uneven = [number for number, row in enumerate(rows, start=2) if len(row) != len(header)]
    if uneven:
        raise PredictionsError(f"{path}: row {_listed(uneven)} has not {len(header)} fields. {PREDICT_AGAIN}")
    table = pd.DataFrame(rows, columns=header, dtype=object)
    frame = pd.DataFrame({c: table.get(c, "") for c in (*REQUIRED, *OPTIONAL)}, dtype=object)
    numbers = pd.to_numeric(frame["confidence"], errors="coerce").astype(float)
    wrong = (frame["confidence"].str.strip() != "") & ~numbers.between(0, 1)
    if wrong.any():
        value = frame["confidence"][wrong].iloc[0]
        raise PredictionsError(
            f"{path}: row {_listed(np.flatnonzero(wrong) + 2)} has a confidence that is no number from 0 to 1"
            f" (the first: {value!r}). {PREDICT_AGAIN}"
        )
    return frame.assign(confidence=numbers)


def _listed(rows) -> str:
    """Row numbers as a spreadsheet counts them, the first few."""
    return ", ".join(map(str, rows[:5])) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")


def words_read(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that were read, with `edits` (characters) and `CER %` of each word; both NaN without a transcription."""
    words = frame[~_unread(frame)].copy()
    labelled = (words["label"].str.strip() != "").to_numpy(bool)
    truths, readings = words["label"][labelled].tolist(), words["prediction"][labelled].tolist()
    words["edits"], words["CER %"] = np.nan, np.nan
    edits = edit_distances(truths, readings)
    words.loc[labelled, "edits"] = edits
    words.loc[labelled, "CER %"] = 100 * edits / np.maximum(1, character_counts(truths))
    return words


def words_judged(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of `words_read` that have a transcription."""
    return words_read(frame).dropna(subset="edits")


def judged_models(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The models that have at least one judged word."""
    return {name: frame for name, frame in frames.items() if len(words_judged(frame))}


def population(name: str, frame: pd.DataFrame) -> str:
    """The heading of a figure: the model and how many words the figure is of."""
    return f"{name}: {len(words_judged(frame)):,} judged words of {len(frame):,} images"


def _unread(frame: pd.DataFrame) -> pd.Series:
    return (frame["problem"] != "") & (frame["prediction"] == "")


def model_table(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a model: counts, then each figure of `figures` as "F %", "F low %", "F high %" (95 % interval).

    Figures are of the judged images, NaN where there are none; `mean confidence` is of all that were read. `resampled`
    counts what the intervals resample: groups where the CSV has them, else images.
    """
    rows = {}
    for name, frame in frames.items():
        judged = words_judged(frame)
        summary = summarize(judged["label"].tolist(), judged["prediction"].tolist(), judged["group"].tolist())
        rows[name] = {
            "images": len(frame),
            "judged": summary.texts,
            "characters": summary.characters,
            "words": summary.words,
            "resampled": summary.units,
            "mean confidence": words_read(frame)["confidence"].mean(),
        }
        for figure, estimate in figures(summary).items():
            values = (estimate.value, estimate.low, estimate.high)
            rows[name] |= {f"{figure}{end} %": 100 * v for end, v in zip(("", " low", " high"), values, strict=True)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def figures(summary: Summary) -> dict[str, Estimate]:
    """The figures of a summary by the names they have in tables."""
    found = {"CER": summary.cer, "WER": summary.wer, "exact": summary.exact, "off by one": summary.off_by_one}
    for name, scores in summary.variants.items():
        found |= {f"CER {name}": scores.cer, f"exact {name}": scores.exact}
    return found


def headline_table(table: pd.DataFrame) -> pd.DataFrame:
    """`model_table` to be read: the four headline figures in % with their 95 % intervals, and the mean confidence."""
    shown = _readable(table, ["CER", "WER", "exact", "off by one"])
    confidence = [_number(value, 2) for value in table["mean confidence"]]
    return shown.assign(**{"mean confidence": confidence})


def variant_table(table: pd.DataFrame) -> pd.DataFrame:
    """`model_table` to be read: CER and exact words as written, and when some differences are not counted."""
    variants = ["", *(f" {name}" for name in VARIANTS)]
    return _readable(table, [f"{figure}{variant}" for figure in ("CER", "exact") for variant in variants])


def _readable(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    judged = [f"{j:,} of {i:,} images" for j, i in zip(table["judged"], table["images"], strict=True)]
    shown = pd.DataFrame({"judged": judged}, index=table.index)
    for name in names:
        columns = [table[f"{name}{end} %"] for end in ("", " low", " high")]
        shown[f"{name} %"] = [
            _number(v) + ("" if np.isnan(low) else f" ({low:.1f} to {high:.1f})")
            for v, low, high in zip(*columns, strict=True)
        ]
    return shown


def _number(value: float, digits: int = 1) -> str:
    return "–" if np.isnan(value) else f"{value:.{digits}f}"


def rows_left_out(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a model: how many images, how many are judged, and why the others are not."""
    rows = {}
    for name, frame in frames.items():
        unread = _unread(frame)
        judged = len(words_judged(frame))
        findings = Counter(problem.split(" (")[0] for problem in frame["problem"][unread])
        rows[name] = {
            "images": len(frame),
            "judged": judged,
            "not read": int(unread.sum()),
            "read, but without transcription": len(frame) - int(unread.sum()) - judged,
            "why not read": ", ".join(f"{finding}: {n}" for finding, n in findings.most_common()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def per_word_statistics(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean, standard deviation (of a sample), min, median and max of single words' figures, by model and measure."""
    rows = {}
    for name, frame in frames.items():
        words = words_read(frame)
        measures = {"edits (characters)": "edits", "CER of the word (%)": "CER %", "confidence (0 to 1)": "confidence"}
        for measure, column in measures.items():
            values = words[column].dropna()
            rows[name, measure] = {
                "images": len(values),
                "mean": values.mean(),
                "standard deviation": values.std(),
                "min": values.min(),
                "median": values.median(),
                "max": values.max(),
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["model", "measure"])


def frequent_errors(frame: pd.DataFrame, n: int = 10) -> pd.DataFrame:
    """The n most frequent substitutions, insertions and deletions of a model's judged words, each with an example.

    Columns: kind, there (character of the transcription, "" for an insertion), read ("" for a deletion), count,
    share of all mistakes (%), and image, label and prediction of the word that shows it best. Spaces are made visible.
    """
    words = words_judged(frame)
    operations = edit_operations(words["label"].tolist(), words["prediction"].tolist())
    total = sum(operation.count for operation in operations)
    rows = []
    for kind in KINDS:
        for operation in [o for o in operations if o.kind == kind][:n]:
            example = words.iloc[operation.example]
            rows.append(
                {
                    "kind": kind,
                    "there": visible(operation.truth),
                    "read": visible(operation.reading),
                    "count": operation.count,
                    "share of all mistakes (%)": 100 * operation.count / total,
                    **{column: example[column] for column in ("image", "label", "prediction")},
                }
            )
    columns = ["kind", "there", "read", "count", "share of all mistakes (%)", "image", "label", "prediction"]
    return pd.DataFrame(rows, columns=columns)


def visible(character: str) -> str:
    """A character as something to see: ␣ for a space, a code for other white space, a circle under a lone accent."""
    if character in ("", " "):
        return character.replace(" ", "␣")
    category = unicodedata.category(character)
    if category[0] in "ZC":
        return f"U+{ord(character):04X}"
    return f"◌{character}" if category[0] == "M" else character


def confident_errors(frame: pd.DataFrame, n: int = 15) -> pd.DataFrame:
    """The n judged words that are wrong with the highest confidence."""
    words = words_judged(frame)
    wrong = words[words["edits"] > 0].sort_values("confidence", ascending=False, kind="stable").head(n)
    return wrong[["image", "label", "prediction", "confidence", "edits"]].astype({"edits": int})


def least_certain(frame: pd.DataFrame, n: int = 15) -> pd.DataFrame:
    """The n words that were read with the lowest confidence, whether or not they have a transcription."""
    words = words_read(frame).sort_values("confidence", kind="stable").head(n)
    return words[["image", "label", "prediction", "confidence"]]


def notes(frames: Mapping[str, pd.DataFrame]) -> list[str]:
    """What must be known before the figures of different models are compared, as sentences."""
    return [*_notes_between(frames), *(note for name, frame in frames.items() for note in _notes_on(name, frame))]


def _notes_between(frames: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    judged = {name: words_judged(frame) for name, frame in judged_models(frames).items()}
    images = {name: set(words["image"]) for name, words in judged.items()}
    if len(set(map(frozenset, images.values()))) > 1:
        counts = ", ".join(f"{name} {len(words):,}" for name, words in judged.items())
        common = len(set.intersection(*images.values()))
        yield (
            f"The models were not judged on the same images ({counts}; {common:,} in common), and each figure is of the"
            " model's own images. Predict the same image set with all of them before you call one better."
        )
    pairs = pd.concat([words[["image", "label"]] for words in judged.values()] or [pd.DataFrame(columns=["image"])])
    changed = int((pairs.drop_duplicates().groupby("image").size() > 1).sum())
    if changed:
        yield (
            f"{changed:,} images have different transcriptions in different files: they were corrected in between, or"
            " images of different sets share a name. Predict again with all models."
        )


def _notes_on(name: str, frame: pd.DataFrame) -> Iterator[str]:
    words = words_judged(frame)
    n, groups = len(words), words["group"].nunique()
    if not n:
        yield f"{name}: no image has a transcription, so there are confidences but no error rates."
        return
    if not words["edits"].any():
        most = 100 * (1 - 0.05 ** (1 / n))  # the binomial share under which no error in n has a chance of 5 %
        yield (
            f"{name}: no mistake in {n:,} words. Its interval of 0 to 0 promises too much: up to {most:.1f} % of new"
            " words may still be wrong (at 95 % confidence, if words go wrong independently)."
        )
    if (words["group"] != "").all() and groups < FEW_GROUPS:
        reason = "so there is nothing to resample and no interval" if groups < 2 else "so the intervals are rough"
        yield f"{name}: the {n:,} judged words are of only {groups} group(s), {reason}."
    elif n < FEW_WORDS:
        yield f"{name}: only {n:,} words are judged; differences of a few points mean nothing."
