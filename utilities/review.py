"""Lists for review, least certain words first, with what a person has filled in the lists before."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from utilities.confidence_tables import promise_sentence
from utilities.errors import UserError
from utilities.metadata import MARK, form_of
from utilities.model_files import name_of, review_file
from utilities.overwritten import as_written, overwritten_rows
from utilities.predictions_table import read_predictions
from utilities.review_list import COLUMNS, FIXED, read_review, texts_by_image
from utilities.safe_files import free_name, write_bytes_whole, write_csv_whole
from utilities.spreadsheet import escaped


def write_review(
    frame: pd.DataFrame,
    path: Path,
    image_set: str,
    separator: str = ",",
    filled: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """The review list of a predictions frame, whole: unread images, then the least certain words, first.

    `image_set`: what the set is called (see `short_name`). `separator` between cells: a German or French spreadsheet
    shows a table with commas as one column. `filled`: what a person found to stand on images.
    """
    ordered = frame.sort_values("confidence", kind="stable", na_position="first")
    rows = [COLUMNS]
    for row in ordered.to_dict("records"):
        shown = {name: escaped(row[name]) for name in FIXED}
        confidence = "" if pd.isna(row["confidence"]) else f"{row['confidence']:.4f}"
        found = filled.get(row["image"], "")
        right = "x" if found and found == row["prediction"] else ""
        more = {"confidence": confidence, "correction": "" if right else escaped(found), "right": right}
        rows.append([(shown | more | {"image_set": escaped(image_set)})[name] for name in COLUMNS])
    write_csv_whole(path, rows, separator, MARK)


def separator_like(tables: Iterable[Path]) -> str:
    """What stands between cells in a review list: as in the first of these tables that can be read, but no tab."""
    for table in tables:
        with suppress(OSError, UnicodeDecodeError):
            return ";" if form_of(table).separator == ";" else ","
    return ","


def review_predictions(
    predictions: Path, seen: Collection[str], target: float, image_set: str, separator: str = ","
) -> str:
    """Write the review list of a predictions CSV; returns what can be accepted and where the list is, for people."""
    frame, name = read_predictions(predictions), name_of(predictions)
    path = review_file(predictions)
    filled, kept = _kept_corrections(path, frame, image_set) if path.exists() else ({}, "")
    as_written(path).unlink(missing_ok=True)  # it is none of the list that comes now
    write_review(frame, path, image_set, separator, filled)
    write_bytes_whole(as_written(path), path.read_bytes())
    return f"\n{name}: {promise_sentence(frame, seen, target)}\nThe least certain words first: {path}{kept}"


def _kept_corrections(path: Path, frame: pd.DataFrame, image_set: str) -> tuple[dict[str, str], str]:
    """What a person has filled in the list of before, by image, for the new one; and what is said of it.

    The list of before stays, under another name, where not all of it can stand in the new one.
    """
    carried: dict[str, str] = {}
    labels = texts_by_image(frame["image"], frame["label"])
    try:
        before = read_review(path)
        if before.is_of(image_set, labels):
            carried = before.still_true(labels)
        whole = len(carried) == len(before.texts) and not before.remarks and not overwritten_rows(path)
    except UserError:
        whole = False
    again = f" ({len(carried)} that you have filled in stand in it again)" if carried else ""
    if whole:
        return carried, again
    other = free_name(path)
    for kept, copy in ((as_written(path), as_written(other)), (path, other)):
        if kept.exists():  # it stays until the new list stands in its place
            write_bytes_whole(copy, kept.read_bytes())
    return carried, f"{again}\nThe list of before, in which you have written, is kept: {other}"
