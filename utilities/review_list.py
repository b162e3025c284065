"""A list for review as a person has filled it in: what stands on which images, and whether it is of these images."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from utilities.counts import number_of
from utilities.errors import UserError
from utilities.metadata import read_table
from utilities.spreadsheet import is_error, is_marked, unescaped
from utilities.texts import as_seen

COLUMNS = ("image", "prediction", "correction", "right", "confidence", "label", "group", "problem", "image_set")
ONE_CELL = (
    " Each of its rows is one cell: open the list in the spreadsheet by its import of texts, with commas between the"
    " cells, and save it as 'CSV UTF-8'."
)
ALL_COLUMNS = " Give the list that stage 4 wrote into test_set_predictions/review/, with all of its columns."
FIXED = ("image", "prediction", "label", "group", "problem")  # columns that are there to be read, not to be filled in
LONE_MARKS = frozenset({"x", "X", "✓", "✔"})  # which say that a reading is right, and seldom what stands on an image
# what a correction cannot be, of one and of many, and what to do then
MARK_ALONE = (
    "correction is a mark alone",
    "corrections are a mark alone",
    "Where the reading is right, put it into the column `right`. Where the image shows just that, write it with an"
    " apostrophe: 'x.",
)
SPREADSHEETS_ERROR = (
    "correction is an error of the spreadsheet, which took a text for a formula or had no room to show it",
    "corrections are errors of the spreadsheet, which took a text for a formula or had no room to show it",
    "Write what the image shows, with an apostrophe before it.",
)
LINES = ("correction has several lines", "corrections have several lines", "An image shows one: write it in one.")
LISTED = 20  # offenders in a message
SAME = 0.5  # share of a list's images, and of their labels, that an image set has if the list is of it


class ReviewError(UserError):
    """A review list that cannot be used; the text lists everything that is wrong with it."""


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
    """Raise ReviewError where a correction is a mark, which belongs into another column, a spreadsheet's error, or has
    several lines.
    """
    found: dict[tuple[str, str, str], list[str]] = {kind: [] for kind in (MARK_ALONE, SPREADSHEETS_ERROR, LINES)}
    for number, image, text in zip(table.index, table["image"], table["correction"].map(str.strip), strict=True):
        row = f"  row {number}: {image}:"
        if text and text in LONE_MARKS:
            found[MARK_ALONE].append(f"{row} {text}")
        elif is_error(text):
            found[SPREADSHEETS_ERROR].append(f"{row} {text}")
        elif len(text.splitlines()) > 1:
            found[LINES].append(f"{row} {text!r}")
    problems = [
        "\n".join((f"{number_of(len(rows), one, many)}:", *rows[:LISTED], advice))
        for (one, many, advice), rows in found.items()
        if rows
    ]
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
