"""Corrections of a review list merged into a new metadata CSV."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from utilities.alphabet import normalize
from utilities.image_index import ImageIndex
from utilities.metadata import MARK, Columns, TableForm, form_of, read_table, require_columns
from utilities.review import ReviewError, ReviewList, read_review, texts_by_image
from utilities.safe_files import refuse_existing, write_text_whole

LISTED = 50  # offenders in a message
ANOTHER = "Give the review list of this image set, or name the right set under [test] in setup.cfg."


@dataclass(frozen=True)
class Change:
    """A transcription that a correction changed; `old` is "" for one that had none."""

    image: str
    old: str
    new: str


@dataclass(frozen=True)
class Merged:
    """What a merge has changed, how many readings were said to be right, and how many images have no transcription."""

    changes: list[Change]
    confirmed: int
    untranscribed: int


def merge_review(review: Path, metadata: Path, columns: Columns, out: Path) -> Merged:
    """Write a new metadata CSV with what the review says in it; all else stays as it was.

    Without a metadata file (images that nobody had transcribed) the new one has all images of its folder.
    Raises ReviewError for a review that does not belong to the images, or contradicts itself, and ImageSetError for
    metadata without the columns.
    """
    refuse_existing([out], "Choose another name for --out: nothing is overwritten.")
    filled = read_review(review)
    table, form = _table_of(metadata, columns)
    require_columns(metadata, table, replace(columns, group=None))
    images, old = table[columns.image], table[columns.transcription]
    texts = _with_zeros(filled.texts, images)
    _require_same_images(review, filled, texts, texts_by_image(images, old.map(str.strip).map(normalize)), metadata)
    new = images.map(texts)
    changed = new.notna() & (new != old)
    changes = [Change(*row) for row in zip(images[changed], old[changed], new[changed], strict=True)]
    table[columns.transcription] = old.where(~changed, new)
    write_text_whole(out, form.text_of(table))
    return Merged(changes, filled.confirmed, int((table[columns.transcription].str.strip() == "").sum()))


def _table_of(metadata: Path, columns: Columns) -> tuple[pd.DataFrame, TableForm]:
    """The metadata, or a table of all images of its folder where there is none; and how it is written."""
    if metadata.exists():
        return read_table(metadata), form_of(metadata)
    images = [path.relative_to(metadata.parent).as_posix() for path in ImageIndex(metadata.parent).all_paths]
    table = pd.DataFrame({columns.image: images, columns.transcription: ""}, dtype=object)
    return table, TableForm(mark=MARK)


def _with_zeros(texts: Mapping[str, str], listed: Iterable[str]) -> dict[str, str]:
    """The texts by the names that are listed: a spreadsheet makes 123 of 00123, and only one may be meant."""
    names = defaultdict(set)
    for name in listed:
        names[name.lstrip("0")].add(name)

    def meant(image: str) -> str:
        possible = names[image] if image.isdigit() else ()
        return next(iter(possible)) if len(possible) == 1 else image

    found: dict[str, str] = {}
    for image, text in texts.items():
        if found.setdefault(meant(image), text) != text:
            raise ReviewError(f"{meant(image)} is corrected in two ways: {found[meant(image)]} / {text}")
    return found


def _require_same_images(
    review: Path, filled: ReviewList, texts: Mapping[str, str], labels: Mapping[str, set[str]], metadata: Path
) -> None:
    """Raise ReviewError where the list is not of these images (`labels`: what each is said to show), or of others."""
    if unknown := sorted(texts.keys() - labels.keys()):
        listed = "\n".join(f"  {image}" for image in unknown[:LISTED])
        where = f"{metadata} does not list" if metadata.exists() else f"do not lie in {metadata.parent}"
        raise ReviewError(
            f"{review} has corrections of {len(unknown)} images that {where}:\n{listed}\n{ANOTHER} If the names are"
            " those of your images but for zeros or dots, a spreadsheet took them for numbers: open the list in it by"
            " its import of texts, and let the column `image` be text."
        )
    shown = zip(filled.rows["image"], filled.rows["label"], strict=True)
    other = [
        f"  {image}: {label or '(nothing)'} in the list, {' / '.join(labels[image]) or '(nothing)'} in {metadata.name}"
        for image, label in shown
        if image in texts and label is not None and labels[image].isdisjoint((label, texts[image]))
    ]
    if other:
        listed = "\n".join(other[:LISTED])
        raise ReviewError(
            f"{review} shows other transcriptions of {len(other)} images than stand in {metadata}:\n{listed}\n"
            f"Images of two collections may be called alike. {ANOTHER} If you have changed the table since, let the"
            " model read again: what you have filled in is kept."
        )
