"""The list for review, least certain words first, and what a person has filled in there."""

import csv
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from utilities.acceptance import promise, sentence
from utilities.alphabet import normalize
from utilities.comparison import read_predictions, words_judged
from utilities.errors import UserError
from utilities.metadata import MARK, form_of, read_table
from utilities.model_files import REVIEW
from utilities.safe_files import write_text_whole

COLUMNS = ("image", "prediction", "correction", "right", "confidence", "label", "group", "problem")
ONE_CELL = (
    " Each of its rows is one cell: open the list in the spreadsheet by its import of texts, with commas between the"
    " cells, and save it as 'CSV UTF-8'."
)
UNGROUPED = (
    " This takes each word to be of another writer, page or specimen: where several are of one, name their column under"
    " METADATA_GROUP_COLUMN, or too much is promised."
)
SAME = 0.5  # share of the readings that are as before when a model reads the same images again, whatever the settings
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # a cell that begins so is run by a spreadsheet, or taken for an escape


class ReviewError(UserError):
    """A review list that cannot be used; the text lists everything that is wrong with it."""


class NothingFilledIn(ReviewError):
    """A review list that is as it was written."""


def escaped(text: str) -> str:
    """The text as a spreadsheet shows it without running it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def unescaped(text: str) -> str:
    """What `escaped` was given; also a text that a person wrote with the apostrophe that spreadsheets want."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def write_review(
    frame: pd.DataFrame, path: Path, separator: str = ",", filled: Mapping[str, str] = MappingProxyType({})
) -> None:
    """The review list of a predictions frame, whole: unread images, then the least certain words, first.

    `filled`: what a person found to stand on images. `separator` between its cells: a German or French spreadsheet
    shows a table with commas as one column.
    """
    ordered = frame.sort_values("confidence", kind="stable", na_position="first")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in ordered.to_dict("records"):
        shown = {name: escaped(row[name]) for name in ("image", "prediction", "label", "group", "problem")}
        confidence = "" if pd.isna(row["confidence"]) else f"{row['confidence']:.4f}"
        found = filled.get(row["image"], "")
        right = "x" if found and found == row["prediction"] else ""
        more = {"confidence": confidence, "correction": "" if right else escaped(found), "right": right}
        writer.writerow([(shown | more)[name] for name in COLUMNS])
    write_text_whole(path, MARK + text.getvalue())


def acceptance_sentence(frame: pd.DataFrame, seen: Collection[str], target: float) -> str | None:
    """What can be accepted unseen, from the transcribed words that the model never saw; None without any."""
    judged = words_judged(frame)
    judged = judged[~judged["image"].isin(set(seen))]
    groups = judged["group"].tolist() if (judged["group"] != "").any() else None
    found = promise(judged["confidence"], judged["edits"] > 0, groups, target)
    return sentence(found, target) + (UNGROUPED if groups is None else "") if found else None


def separator_like(metadata: Path) -> str:
    """What stands between cells in the review list of an image set: as in its table, where there is one, but no tab."""
    return ";" if metadata.exists() and form_of(metadata).separator == ";" else ","


def review_predictions(predictions: Path, seen: Collection[str], target: float, separator: str = ",") -> str:
    """Write the review list of a predictions CSV; returns what can be accepted and where the list is, for people."""
    frame, name = read_predictions(predictions), predictions.stem.removesuffix("-predictions")
    path = REVIEW / f"{name}-review.csv"
    filled, kept = _kept_corrections(path, frame) if path.exists() else ({}, "")
    write_review(frame, path, separator, filled)
    told = acceptance_sentence(frame, seen, target)
    nothing = "no transcribed words here that this model has not seen, so nothing can be promised."
    return f"\n{name}: {told or nothing}\nThe least certain words first: {path}{kept}"


def _kept_corrections(path: Path, frame: pd.DataFrame) -> tuple[dict[str, str], str]:
    """What a person has filled in the list of before, by image, for the new one; and what is said of it.

    Where it is not of these images, or cannot be read, the list of before stays under another name.
    """
    try:
        before = read_review(path)
    except NothingFilledIn:
        return {}, ""
    except UserError:
        before = None
    if before and before.is_of(frame):
        return before.texts, f" ({len(before.texts)} that you have filled in stand in it again)"
    other = next(p for n in count(1) if not (p := path.with_stem(f"{path.stem}-{n}")).exists())
    path.rename(other)
    return {}, f"\nThe list of before, which you have filled in, is kept: {other}"


@dataclass(frozen=True)
class ReviewList:
    """A list that a person has filled in: what stands on images, by name; and the list's rows as they were written."""

    texts: dict[str, str]
    rows: pd.DataFrame  # columns image, prediction, label; None where it has no such column

    @property
    def confirmed(self) -> int:
        """Of how many rows the reading was said to be right."""
        return sum(self.texts.get(image) == reading for image, reading, _ in self.rows.itertuples(index=False))

    def is_of(self, frame: pd.DataFrame) -> bool:
        """Whether it is of the images of a predictions frame: another collection's may be called alike."""
        labels, readings = (texts_by_image(frame["image"], frame[name]) for name in ("label", "prediction"))
        if any(labels[i].isdisjoint((label, self.texts.get(i))) for i, _, label in self.rows.itertuples(index=False)):
            return False
        same = sum(reading in readings[i] for i, reading, _ in self.rows.itertuples(index=False))
        return same >= SAME * len(self.rows)


def texts_by_image(images: Iterable[str], texts: Iterable[str]) -> dict[str, set[str]]:
    """Image -> the texts of its rows; an image that there is not has none."""
    found = defaultdict(set)
    for image, text in zip(images, texts, strict=True):
        found[image].add(text)
    return found


def read_review(path: Path) -> ReviewList:
    """The list as it was filled in: a correction, or a mark in the column `right` where the reading is.

    Raises ReviewError for a file that is no such list, or corrects an image in two ways, and NothingFilledIn.
    """
    table = read_table(path, "Give the review list that stage 4 wrote and you filled in.")
    if absent := [column for column in ("image", "correction") if column not in table]:
        in_one_cell = table.shape[1] == 1 and "correction" in table.columns[0]
        raise ReviewError(
            f"{path} is not a review list: it has no column {', '.join(absent)}." + (ONE_CELL if in_one_cell else "")
        )
    rows = pd.DataFrame({c: table[c].map(unescaped) if c in table else None for c in ("image", "prediction", "label")})
    marks = table["right"] if "right" in table else [""] * len(table)
    found = defaultdict(set)
    for image, reading, text, mark in zip(rows["image"], rows["prediction"], table["correction"], marks, strict=True):
        if text.strip() or mark.strip():
            found[image].add(normalize(unescaped(text.strip())) if text.strip() else reading or "")
    contradictory = [f"  {image}: {' / '.join(sorted(texts))}" for image, texts in found.items() if len(texts) > 1]
    if contradictory:
        raise ReviewError(f"{path} corrects images in two ways:\n" + "\n".join(contradictory))
    if not found:
        raise NothingFilledIn(
            f"{path} has nothing filled in yet: write what stands there into the column `correction` where a reading is"
            " wrong, and an x into `right` where it is right."
        )
    return ReviewList({image: texts.pop() for image, texts in found.items()}, rows)
