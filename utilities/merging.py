"""What a person has filled in a review list, merged into a new metadata CSV."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from utilities.counts import number_of
from utilities.image_index import ImageIndex
from utilities.image_set import short_name
from utilities.metadata import MARK, Columns, TableForm, form_of, read_table, require_columns
from utilities.overwritten import overwritten_rows
from utilities.review_list import ReviewError, ReviewList, read_review, texts_by_image
from utilities.safe_files import refuse_existing, write_text_whole
from utilities.texts import as_seen

LISTED = 50  # offenders in a message
ANOTHER = "Give the review list of this image set, or name the right set under [test] in setup.cfg."


@dataclass(frozen=True)
class Change:
    """A transcription that the list changes; `old` is "" for one that had none."""

    image: str
    old: str
    new: str


@dataclass(frozen=True)
class Merged:
    """What a merge has changed, how many readings were said to be right, how many images have no transcription, and in
    how many rows of the list something was changed that is not looked at.
    """

    changes: list[Change]
    confirmed: int
    untranscribed: int
    overlooked: int
    left_out: list[str]  # images whose text was not taken, since their transcription is another than in the list


def merge_review(review: Path, folder: Path, columns: Columns, out: Path) -> Merged:
    """Write a new metadata CSV of an image set with what the review says in it; all else stays as it was.

    Without a metadata file (images that nobody had transcribed) the new one has all images of its folder, and an empty
    column for the group.
    Raises ReviewError for a review that does not belong to the images, or contradicts itself, and ImageSetError for
    metadata without the columns.
    """
    refuse_existing([out], "Choose another name for --out: nothing is overwritten.")
    filled, metadata = read_review(review), folder / columns.file_name
    if not filled.texts:
        raise ReviewError(
            f"{review} has nothing filled in yet: write what stands there into the column `correction` where a reading"
            " is wrong, and an x into `right` where it is right."
        )
    table, form = _table_of(folder, columns, review)
    require_columns(metadata, table, replace(columns, group=None))
    images, old = table[columns.image], table[columns.transcription]
    labels = texts_by_image(images, old.map(as_seen))
    texts = filled.texts_of(labels)
    _require_same_images(review, filled, texts, labels, folder, metadata)
    still_true = filled.still_true(labels)
    new = images.map(still_true)
    changed = new.notna() & (new != old)
    changes = [Change(*row) for row in zip(images[changed], old[changed], new[changed], strict=True)]
    table[columns.transcription] = old.where(~changed, new)
    overlooked = overwritten_rows(review)
    write_text_whole(out, form.text_of(table))
    untranscribed = int((table[columns.transcription].str.strip() == "").sum())
    return Merged(changes, filled.confirmed, untranscribed, overlooked, sorted(texts.keys() - still_true.keys()))


def _table_of(folder: Path, columns: Columns, review: Path) -> tuple[pd.DataFrame, TableForm]:
    """The metadata, or a table of all images of the folder where there is none; and how it is written: as the review
    list, which a person's spreadsheet has saved, where nothing else tells.
    """
    metadata = folder / columns.file_name
    if metadata.exists():
        return read_table(metadata), form_of(metadata)
    images = [path.relative_to(folder).as_posix() for path in ImageIndex(folder).all_paths]
    empty = {name: "" for name in (columns.transcription, columns.group) if name}
    return pd.DataFrame({columns.image: images, **empty}, dtype=object), TableForm(form_of(review).separator, mark=MARK)


def _require_same_images(
    review: Path,
    filled: ReviewList,
    texts: Mapping[str, str],
    labels: Mapping[str, set[str]],
    folder: Path,
    metadata: Path,
) -> None:
    """Raise ReviewError where the list is not of these images; `labels`: what each is said to show."""
    if unknown := sorted(texts.keys() - labels.keys()):
        listed = "\n".join(f"  {image}" for image in unknown[:LISTED])
        where = f"not listed in {metadata}" if metadata.exists() else f"not found in {folder}"
        raise ReviewError(
            f"{review} has corrections of {number_of(len(unknown), 'image')} {where}:\n{listed}\n{ANOTHER} If the names"
            " are those of your images but for zeros or dots, a spreadsheet took them for numbers: open the list in it"
            " by its import of texts, and let the column `image` be text."
        )
    if not filled.is_of(short_name(folder), labels):
        named, advice = "shows other transcriptions than its table: it is of other images with the same names", ""
        if filled.image_set not in (None, short_name(folder)):
            named = f"is of the image set {filled.image_set}"
            advice = " If it is the same folder under another name, empty the list's column `image_set`."
        raise ReviewError(f"{review} {named}, not of {folder}. {ANOTHER}{advice}")
