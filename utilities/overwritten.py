"""What a person has written over in a list for review where nothing is to be filled in: it is never looked at."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from utilities.metadata import read_table
from utilities.model_files import REVIEW
from utilities.review_list import FIXED, SAME
from utilities.spreadsheet import unescaped
from utilities.texts import as_seen

NUMBER = re.compile(r"[\d.,%\seE+-]*")  # of a confidence, whatever a spreadsheet has made of it


def as_written(path: Path) -> Path:
    """Where a list stands once more, hidden, as it was written: what a person has changed in it shows beside that."""
    return path.with_name(f".{path.name}")


def overwritten_rows(path: Path) -> int:
    """In how many rows a person has changed what is there to be read; 0 where nobody knows how the list was written.

    Such texts are never looked at, but meant to be. Where most rows differ, what is known is of another list.
    """
    table, known = read_table(path), [p for p in (as_written(path), as_written(REVIEW / path.name)) if p.exists()]
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
