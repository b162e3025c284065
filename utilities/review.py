"""The list for review, least certain words first, and what a person has filled in there."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from utilities.confidence_tables import promise_sentence
from utilities.counts import number_of
from utilities.errors import UserError
from utilities.metadata import MARK, form_of, read_table
from utilities.model_files import REVIEW, name_of, review_file
from utilities.predictions_table import read_predictions
from utilities.safe_files import free_name, write_bytes_whole, write_csv_whole
from utilities.spreadsheet import escaped, is_marked, unescaped
from utilities.texts import as_seen

COLUMNS = ("image", "prediction", "correction", "right", "confidence", "label", "group", "problem", "image_set")
ONE_CELL = (
    " Each of its rows is one cell: open the list in the spreadsheet by its import of texts, with commas between the"
    " cells, and save it as 'CSV UTF-8'."
)
ALL_COLUMNS = " Give the list that stage 4 wrote into test_set_predictions/review/, with all of its columns."
FIXED = ("image", "prediction", "label", "group", "problem")  # columns that are there to be read, not to be filled in
NUMBER = re.compile(r"[\d.,%\seE+-]*")  # of a confidence, whatever a spreadsheet has made of it
LONE_MARKS = frozenset({"x", "X", "✓", "✔"})  # which say that a reading is right, and seldom what stands on an image
LISTED = 20  # offenders in a message
SAME = 0.5  # share of a list's images, and of their labels, that an image set has if the list is of it


class ReviewError(UserError):
    """A review list that cannot be used; the text lists everything that is wrong with it."""


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


def separator_like(metadata: Path) -> str:
    """What stands between cells in the review list of an image set: as in its table, where there is one, but no tab."""
    return ";" if metadata.exists() and form_of(metadata).separator == ";" else ","


def review_predictions(
    predictions: Path, seen: Collection[str], target: float, image_set: str, separator: str = ","
) -> str:
    """Write the review list of a predictions CSV; returns what can be accepted and where the list is, for people."""
    frame, name = read_predictions(predictions), name_of(predictions)
    path = review_file(predictions)
    filled, kept = _kept_corrections(path, frame, image_set) if path.exists() else ({}, "")
    _as_written(path).unlink(missing_ok=True)  # it is none of the list that comes now
    write_review(frame, path, image_set, separator, filled)
    write_bytes_whole(_as_written(path), path.read_bytes())
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
    for kept, copy in ((_as_written(path), _as_written(other)), (path, other)):
        if kept.exists():  # it stays until the new list stands in its place
            write_bytes_whole(copy, kept.read_bytes())
    return carried, f"{again}\nThe list of before, in which you have written, is kept: {other}"


def _as_written(path: Path) -> Path:
    """Where a list stands once more, hidden, as it was written: what a person has changed in it shows beside that."""
    return path.with_name(f".{path.name}")


def overwritten_rows(path: Path) -> int:
    """In how many rows a person has changed what is there to be read; 0 where nobody knows how the list was written.

    Such texts are never looked at, but meant to be. Where most rows differ, what is known is of another list.
    """
    table, known = read_table(path), [p for p in (_as_written(path), _as_written(REVIEW / path.name)) if p.exists()]
    written_over = _written_over(table)
    if not known:
        return written_over
    tables = [table, read_table(known[0])]
    columns = [column for column in FIXED if all((table.columns == column).sum() == 1 for table in tables)]
    now, then = (Counter(map(tuple, table[columns].map(_plain).to_numpy())) for table in tables)
    changed = (now - then).total()
    return written_over + (changed if changed <= SAME * now.total() else 0)


def _written_over(table: pd.DataFrame) -> int:
    """In how many rows something else than a number is the confidence, or the image set is another than in most: there
    somebody has written into the wrong column, whatever the list was like.
    """
    found = np.zeros(len(table), bool)
    if (table.columns == "confidence").sum() == 1:
        found |= ~table["confidence"].map(lambda cell: bool(NUMBER.fullmatch(cell.strip()))).to_numpy(bool)
    if (table.columns == "image_set").sum() == 1 and len(table):
        names = table["image_set"].map(_plain)
        found |= (names != names.mode()[0]).to_numpy(bool)
    return int(found.sum())


def _plain(cell: str) -> str:
    return as_seen(unescaped(cell.strip()))


@dataclass(frozen=True)
class ReviewList:
    """A list in which a person may have written what stands on images, by name; and its rows as they were made."""

    texts: dict[str, str]
    rows: pd.DataFrame  # columns image, prediction, label, image_set; None where it has no such column
    remarks: bool  # whether it has columns of the person's own

    @property
    def confirmed(self) -> int:
        """Of how many rows the reading was said to be right."""
        rows = zip(self.rows["image"], self.rows["prediction"], strict=True)
        return sum(image in self.texts and self.texts[image] == reading for image, reading in rows)

    @property
    def image_set(self) -> str | None:
        """What the list calls its image set; None where nothing stands there, as in lists of earlier versions."""
        names = Counter(filter(None, self.rows["image_set"]))
        return names.most_common(1)[0][0] if names else None

    def is_of(self, image_set: str, labels: Mapping[str, set[str]]) -> bool:
        """Whether it is of this image set, with these labels by image: images of another may be called alike."""
        names, texts = _names_in(labels), self.texts_of(labels)
        rows = [(names(i), label) for i, label in zip(self.rows["image"], self.rows["label"], strict=True)]
        there = [(image, label) for image, label in rows if image in labels]
        if self.image_set not in (None, image_set) or (not self.image_set and len(there) < SAME * len(rows)):
            return False
        told = [(label, labels[i] - {""}) for i, label in there if label and texts.get(i) not in labels[i]]
        same = [label in known for label, known in told if known]
        return sum(same) >= SAME * len(same)

    def still_true(self, labels: Mapping[str, set[str]]) -> dict[str, str]:
        """What was filled in, by image, where an image is still said to show what it was then, or what was filled in.

        Else its transcription has been corrected since, which would be undone; or the text stands beside another image
        than it was meant for.
        """
        names = _names_in(labels)
        then = texts_by_image(map(names, self.rows["image"]), self.rows["label"].map(_seen_or_none))
        return {
            image: text
            for image, text in self.texts_of(labels).items()
            if image in labels and (None in then[image] or labels[image] & {text, *then[image]})
        }

    def texts_of(self, images: Iterable[str]) -> dict[str, str]:
        """The texts by the names that these images have: a spreadsheet makes 123 of 00123, if only one may be meant."""
        names, found = _names_in(images), {}
        for image, text in self.texts.items():
            if found.setdefault(names(image), text) != text:
                raise ReviewError(f"{names(image)} is corrected in two ways: {found[names(image)]} / {text}")
        return found


def _seen_or_none(label: str | None) -> str | None:
    return None if label is None else as_seen(label)


def _names_in(images: Iterable[str]) -> Callable[[str], str]:
    """What turns a name of a list into that of one of the images, if a spreadsheet has taken zeros from it."""
    known = defaultdict(set)
    for name in images:
        known[name.lstrip("0")].add(name)

    def meant(image: str) -> str:
        possible = known.get(image, ()) if image.isdigit() else ()
        return next(iter(possible)) if len(possible) == 1 else image

    return meant


def texts_by_image(images: Iterable[str], texts: Iterable[str]) -> dict[str, set[str]]:
    """Image -> the texts of its rows."""
    found = defaultdict(set)
    for image, text in zip(images, texts, strict=True):
        found[image].add(text)
    return dict(found)


def _as_meant(text: str) -> str:
    """What a person has written into a cell, without the apostrophe that makes it a text."""
    return text[1:] if text[:1] == "'" and text[1:] in LONE_MARKS else as_seen(unescaped(text))


def _require_texts(path: Path, table: pd.DataFrame) -> None:
    """Raise ReviewError where a correction is a mark, which belongs into another column, or has several lines."""
    marked, long = [], []
    for number, image, text in zip(table.index, table["image"], table["correction"].map(str.strip), strict=True):
        if text and text in LONE_MARKS:
            marked.append(f"  row {number}: {image}: {text}")
        elif len(text.splitlines()) > 1:
            long.append(f"  row {number}: {image}: {text!r}")
    problems = []
    if marked:
        listed = "\n".join(marked[:LISTED])
        problems.append(
            f"{number_of(len(marked), 'correction is', 'corrections are')} a mark alone:\n{listed}\nWhere the reading"
            " is right, put it into the column `right`. Where the image shows just that, write it with an apostrophe:"
            " 'x."
        )
    if long:
        listed = "\n".join(long[:LISTED])
        found = number_of(len(long), "correction has", "corrections have")
        problems.append(f"{found} several lines:\n{listed}\nAn image shows one: write it in one.")
    if problems:
        raise ReviewError(f"{path}: " + "\n".join(problems))


def _require_marks(path: Path, table: pd.DataFrame, marks: Iterable[str]) -> None:
    """Raise ReviewError where the column `right` has more than marks, or what they are of is gone."""
    if "prediction" not in table and any(map(is_marked, marks)):
        raise ReviewError(
            f"{path} has marks in the column `right`, but its column `prediction`, which they are of, is gone. Put it"
            " back, or write these texts into the column `correction`."
        )
    rows_marked = zip(table.index, table["image"], marks, strict=True)
    if doubtful := [f"  row {n}: {image}: {mark}" for n, image, mark in rows_marked if is_marked(mark) is None]:
        listed = "\n".join(doubtful[:LISTED])
        raise ReviewError(
            f"{path} has something else than x in the column `right`:\n{listed}\nPut an x there where the reading is"
            " right, else nothing. What stands on the image belongs into the column `correction`."
        )


def read_review(path: Path) -> ReviewList:
    """The list as it was filled in: a correction, or a mark in the column `right` where the reading is.

    Raises ReviewError for a file that is no such list, or corrects an image in two ways.
    """
    table = read_table(path, "Give the review list that stage 4 wrote and you filled in.")
    table.columns = [name.casefold() if name.casefold() in COLUMNS else name for name in table.columns]
    needed = ("image", "correction", *(["right"] if "image_set" in table else []))  # lists of old have neither
    wrong = [f"has no column {column}" for column in needed if column not in table]
    wrong += [f"has several columns {c}" for c in COLUMNS if (table.columns == c).sum() > 1]
    in_one_cell = table.columns[-1].startswith("image_set;")  # with commas, saved with semicolons
    wrong += [f"has a column {table.columns[-1]}"] if in_one_cell else []
    if wrong:
        in_one_cell |= table.shape[1] == 1 and "correction" in table.columns[0]
        raise ReviewError(
            f"{path} is not a review list: it {', '.join(wrong)}." + (ONE_CELL if in_one_cell else ALL_COLUMNS)
        )
    kinds = ("image", "prediction", "label", "image_set")
    rows = pd.DataFrame({c: table[c].map(unescaped) if c in table else None for c in kinds}, dtype=object)
    marks = table["right"] if "right" in table else [""] * len(table)
    _require_marks(path, table, marks)
    _require_texts(path, table)
    found = defaultdict(set)
    for image, reading, text, mark in zip(rows["image"], rows["prediction"], table["correction"], marks, strict=True):
        if text.strip() or (is_marked(mark) and reading):
            found[image].add(_as_meant(text.strip()) if text.strip() else reading)
    contradictory = [f"  {image}: {' / '.join(sorted(texts))}" for image, texts in found.items() if len(texts) > 1]
    if contradictory:
        raise ReviewError(f"{path} corrects images in two ways:\n" + "\n".join(contradictory))
    nameless = table.loc[:, table.columns == ""].map(str.strip)
    remarks = not set(table.columns) <= {*COLUMNS, ""} or bool((nameless != "").to_numpy().any())
    return ReviewList({image: texts.pop() for image, texts in found.items()}, rows, remarks)
