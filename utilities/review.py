"""The list for review, least certain words first, and its corrections merged into a new metadata CSV."""

import csv
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from utilities.acceptance import promise, sentence
from utilities.alphabet import normalize
from utilities.comparison import read_predictions, words_judged
from utilities.errors import UserError
from utilities.image_index import ImageIndex
from utilities.metadata import MARK, Columns, TableForm, form_of, read_table, require_columns
from utilities.model_files import REVIEW
from utilities.safe_files import refuse_existing, write_text_whole

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


def write_review(
    frame: pd.DataFrame, path: Path, separator: str = ",", filled: Mapping[str, str] = MappingProxyType({})
) -> None:
    """The review list of a predictions frame, whole: unread images, then the least certain words, first.

    `filled`: cells of the column `correction`, by image. `separator` between its cells: a German or French spreadsheet
    shows a table with commas as one column.
    """
    ordered = frame.sort_values("confidence", kind="stable", na_position="first")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in ordered.to_dict("records"):
        shown = {name: escaped(row[name]) for name in ("image", "prediction", "label", "group", "problem")}
        confidence = "" if pd.isna(row["confidence"]) else f"{row['confidence']:.4f}"
        more = {"confidence": confidence, "correction": filled.get(row["image"], "")}
        writer.writerow([(shown | more)[name] for name in COLUMNS])
    write_text_whole(path, MARK + text.getvalue())


def acceptance_sentence(frame: pd.DataFrame, seen: Collection[str], target: float) -> str | None:
    """What can be accepted unseen, from the transcribed words that the model never saw; None without any."""
    judged = words_judged(frame)
    judged = judged[~judged["image"].isin(set(seen))]
    groups = judged["group"].tolist() if (judged["group"] != "").any() else None
    found = promise(judged["confidence"], judged["edits"] > 0, groups, target)
    return sentence(found, target) if found else None


def separator_like(metadata: Path) -> str:
    """What stands between cells in the review list of an image set: as in its table, where there is one, but no tab."""
    return ";" if metadata.exists() and form_of(metadata).separator == ";" else ","


def review_predictions(predictions: Path, seen: Collection[str], target: float, separator: str = ",") -> str:
    """Write the review list of a predictions CSV; returns what can be accepted and where the list is, for people."""
    frame, name = read_predictions(predictions), predictions.stem.removesuffix("-predictions")
    path = REVIEW / f"{name}-review.csv"
    filled, kept = _kept_corrections(path, frame["image"]) if path.exists() else ({}, "")
    write_review(frame, path, separator, filled)
    told = acceptance_sentence(frame, seen, target)
    nothing = "no transcribed words here that this model has not seen, so nothing can be promised."
    return f"\n{name}: {told or nothing}\nThe least certain words first: {path}{kept}"


def _kept_corrections(path: Path, images: Iterable[str]) -> tuple[dict[str, str], str]:
    """What a person has filled in the list of before, by image, for the new one; and what is said of it.

    Where not all of it is of these images, or it cannot be read, the list of before stays under another name.
    """
    try:
        table = read_table(path)
        known = dict(zip(table["image"], table["correction"], strict=True))
    except (UserError, KeyError):
        known = {"": "?"}
    filled = {unescaped(image): text for image, text in known.items() if text.strip()}
    if not filled:
        return {}, ""
    if filled.keys() <= set(images):
        return filled, f" ({len(filled)} corrections that you have filled in stand in it again)"
    other = next(p for n in count(1) if not (p := path.with_stem(f"{path.stem}-{n}")).exists())
    path.rename(other)
    return {}, f"\nThe list of before, which you have filled in, is kept: {other}"


@dataclass(frozen=True)
class Change:
    """A transcription that a correction changed; `old` is "" for one that had none."""

    image: str
    old: str
    new: str


@dataclass(frozen=True)
class Merged:
    """What a merge has changed, and how many images still have no transcription."""

    changes: list[Change]
    untranscribed: int


def merge_review(review: Path, metadata: Path, columns: Columns, out: Path) -> Merged:
    """Write a new metadata CSV with the review's corrections in it; all else stays as it was.

    Without a metadata file (images that nobody had transcribed) the new one has all images of its folder.
    Raises ReviewError for a review that does not belong to the images, or contradicts itself, and ImageSetError for
    metadata without the columns.
    """
    refuse_existing([out], "Choose another name for --out: nothing is overwritten.")
    corrections = _corrections(review)
    if metadata.exists():
        form, table = form_of(metadata), read_table(metadata)
        listed_by = f"{metadata} does not list"
    else:
        folder = metadata.parent
        images = [path.relative_to(folder).as_posix() for path in ImageIndex(folder).all_paths]
        form, table = (
            TableForm(mark=MARK),
            pd.DataFrame({columns.image: images, columns.transcription: ""}, dtype=object),
        )
        listed_by = f"do not lie in {folder}"
    require_columns(metadata, table, replace(columns, group=None))
    corrections = _with_zeros(corrections, table[columns.image])
    unknown = sorted(corrections.keys() - set(table[columns.image]))
    if unknown:
        listed = "\n".join(f"  {image}" for image in unknown[:50])
        raise ReviewError(
            f"{review} has corrections of {len(unknown)} images that {listed_by}:\n{listed}\n"
            "Give the review list of this image set, or name the right set under [test] in setup.cfg. If the names are"
            " those of your images but for zeros or dots, a spreadsheet took them for numbers: open the list in it by"
            " its import of texts, and let the column `image` be text."
        )
    new = table[columns.image].map(corrections)
    changed = new.notna() & (new != table[columns.transcription])
    old = table[columns.transcription]
    changes = [Change(*row) for row in zip(table[columns.image][changed], old[changed], new[changed], strict=True)]
    table[columns.transcription] = old.where(~changed, new)
    write_text_whole(out, form.text_of(table))
    return Merged(changes, int((table[columns.transcription].str.strip() == "").sum()))


def _with_zeros(corrections: dict[str, str], listed: Iterable[str]) -> dict[str, str]:
    """The corrections by the names that are listed: a spreadsheet makes 123 of 00123, and only one may be meant."""
    names = defaultdict(set)
    for name in listed:
        names[name.lstrip("0")].add(name)

    def meant(image: str) -> str:
        possible = names[image] if image.isdigit() else ()
        return next(iter(possible)) if len(possible) == 1 else image

    return {meant(image): text for image, text in corrections.items()}


def _corrections(review: Path) -> dict[str, str]:
    """Image -> corrected text of the rows whose correction is filled in."""
    table = read_table(review, "Give the review list that stage 4 wrote and you filled in.")
    absent = [column for column in ("image", "correction") if column not in table]
    if absent:
        advice = (
            " Each of its rows is one cell: open the list in the spreadsheet by its import of texts, with commas"
            " between the cells, and save it as 'CSV UTF-8'."
            if table.shape[1] == 1 and "correction" in table.columns[0]
            else ""
        )
        raise ReviewError(f"{review} is not a review list: it has no column {', '.join(absent)}.{advice}")
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
