"""The list for review, least certain words first, and its corrections merged into a new metadata CSV."""

import csv
import io
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from utilities.acceptance import promise, sentence
from utilities.alphabet import normalize
from utilities.comparison import read_predictions, words_judged
from utilities.errors import UserError
from utilities.metadata import Columns, read_table, require_columns
from utilities.safe_files import refuse_existing, write_text_whole

REVIEW = Path("test_set_predictions/review")  # under the working directory
COLUMNS = ("image", "prediction", "correction", "confidence", "label", "group", "problem")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # a cell that begins so is run by a spreadsheet, or taken for an escape


class ReviewError(UserError):
    """A review list that cannot be merged; the text lists everything that is wrong with it."""


def escaped(text: str) -> str:
    """The text as a spreadsheet shows it without running it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def unescaped(text: str) -> str:
    """What `escaped` was given; also a text that a person wrote with the apostrophe that spreadsheets want."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def write_review(frame: pd.DataFrame, path: Path) -> None:
    """The review list of a predictions frame, whole: unread images, then the least certain words, first."""
    ordered = frame.sort_values("confidence", kind="stable", na_position="first")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in ordered.to_dict("records"):
        shown = {name: escaped(row[name]) for name in ("image", "prediction", "label", "group", "problem")}
        confidence = "" if pd.isna(row["confidence"]) else f"{row['confidence']:.4f}"
        writer.writerow([(shown | {"confidence": confidence, "correction": ""})[name] for name in COLUMNS])
    write_text_whole(path, "\ufeff" + text.getvalue())  # the mark tells a spreadsheet that this is UTF-8


def acceptance_sentence(frame: pd.DataFrame, seen: Collection[str], target: float) -> str | None:
    """What can be accepted unseen, from the transcribed words that the model never saw; None without any."""
    judged = words_judged(frame)
    judged = judged[~judged["image"].isin(set(seen))]
    groups = judged["group"].tolist() if (judged["group"] != "").any() else None
    found = promise(judged["confidence"], judged["edits"] > 0, groups, target)
    return sentence(found, target) if found else None


def review_predictions(predictions: Path, seen: Collection[str], target: float) -> str:
    """Write the review list of a predictions CSV; returns what can be accepted and where the list is, for people."""
    frame, name = read_predictions(predictions), predictions.stem.removesuffix("-predictions")
    path = REVIEW / f"{name}-review.csv"
    write_review(frame, path)
    told = acceptance_sentence(frame, seen, target)
    nothing = "no transcribed words here that this model has not seen, so nothing can be promised."
    return f"\n{name}: {told or nothing}\nThe least certain words first: {path}"


@dataclass(frozen=True)
class Change:
    """A transcription that a correction changed; `old` is "" for one that had none."""

    image: str
    old: str
    new: str


def merge_review(review: Path, metadata: Path, columns: Columns, out: Path) -> list[Change]:
    """Write a new metadata CSV with the review's corrections in it; all else stays as it was. Returns what changed.

    Without a metadata file (images that nobody had transcribed) the new one has the corrected images only.
    Raises ReviewError for a review that does not belong to the images, or contradicts itself, and ImageSetError for
    metadata without the columns.
    """
    refuse_existing([out], "Choose another name for --out: nothing is overwritten.")
    corrections = _corrections(review)
    if metadata.exists():
        table = read_table(metadata)
    else:
        table = pd.DataFrame({columns.image: list(corrections), columns.transcription: ""}, dtype=object)
    require_columns(metadata, table, replace(columns, group=None))
    unknown = sorted(corrections.keys() - set(table[columns.image]))
    if unknown:
        listed = "\n".join(f"  {image}" for image in unknown[:50])
        raise ReviewError(
            f"{review} has corrections of {len(unknown)} images that {metadata} does not list:\n{listed}\n"
            "Give the review list of this image set, or name the right set under [test] in setup.cfg."
        )
    new = table[columns.image].map(corrections)
    changed = new.notna() & (new != table[columns.transcription])
    old = table[columns.transcription]
    changes = [Change(*row) for row in zip(table[columns.image][changed], old[changed], new[changed], strict=True)]
    table[columns.transcription] = old.where(~changed, new)
    write_text_whole(out, table.to_csv(index=False, lineterminator="\n"))
    return changes


def _corrections(review: Path) -> dict[str, str]:
    """Image -> corrected text of the rows whose correction is filled in."""
    table = read_table(review)
    absent = [column for column in ("image", "correction") if column not in table]
    if absent:
        raise ReviewError(f"{review} is not a review list: it has no column {', '.join(absent)}.")
    found = defaultdict(set)
    for image, text in zip(table["image"], table["correction"], strict=True):
        if text.strip():
            found[unescaped(image)].add(normalize(unescaped(text.strip())))
    contradictory = [f"  {image}: {' / '.join(sorted(texts))}" for image, texts in found.items() if len(texts) > 1]
    if contradictory:
        raise ReviewError(f"{review} corrects images in two ways:\n" + "\n".join(contradictory))
    if not found:
        raise ReviewError(f"{review} has no correction yet: fill in its column `correction` where a reading is wrong.")
    return {image: texts.pop() for image, texts in found.items()}
