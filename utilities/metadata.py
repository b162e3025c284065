"""The metadata CSV of an image set: names, labels and groups, every cell as the text that stands there."""

import csv
import difflib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from utilities.errors import UserError


class ImageSetError(UserError):
    """An image set that cannot be used as it is; the text lists everything that is wrong and what to do."""


@dataclass(frozen=True)
class Columns:
    """Where the metadata stands and what its columns are called; None: that column is not looked at."""

    file_name: str
    image: str
    transcription: str | None
    group: str | None = None


def read_metadata(path: Path, columns: Columns, remedy: str = "") -> tuple[list[str], list[str], list[str]]:
    """Names, labels and groups of a metadata CSV, all as the text that stands there (`NA` and `007` survive).

    Raises ImageSetError where the file or a column is missing, with what else can be done about a column (`remedy`).
    """
    table = read_table(path)
    missing = []
    wanted = {
        "METADATA_IMAGE_COLUMN": columns.image,
        "METADATA_TRANSCRIPTION_COLUMN": columns.transcription,
        "METADATA_GROUP_COLUMN": columns.group,
    }
    for key, column in wanted.items():
        if column and column not in table:
            nearest = difflib.get_close_matches(column, table.columns, 1, 0.0)
            missing.append(
                f"  {key} = {column}: not a column of the file" + (f"; nearest: {nearest[0]}" if nearest else "")
            )
    if missing:
        found = ", ".join(table.columns)
        advice = f"Correct [project] in setup.cfg{remedy}."
        raise ImageSetError("\n".join([f"{path} has the columns {found}.", *missing, advice]))
    if table.empty:
        raise ImageSetError(f"{path} has a header but no rows. Add one row for each image.")

    def texts(column):
        return table[column].tolist() if column else [""] * len(table)

    return texts(columns.image), texts(columns.transcription), texts(columns.group)


def read_table(path: Path) -> pd.DataFrame:
    """A CSV file, every cell as the text that stands there; commas, semicolons or tabs. Raises ImageSetError."""
    if not path.exists():
        raise ImageSetError(
            f"There is no metadata file {path}."
            " Put it there, or correct IMAGE_SET_NAME or METADATA_FILE_NAME in setup.cfg."
        )
    if path.is_dir():
        raise ImageSetError(f"{path} is a folder, not a CSV file. Correct METADATA_FILE_NAME in setup.cfg.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            separator = max(",;\t", key=header.count)
        return pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=False
        )
    except UnicodeDecodeError as error:
        raise ImageSetError(
            f"{path} is not UTF-8 text (byte {error.start}). Save it as 'CSV UTF-8' in the spreadsheet."
        ) from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, csv.Error) as error:
        raise ImageSetError(
            f"{path} cannot be read as a CSV file: {str(error).strip()}. Save it again as 'CSV UTF-8'."
        ) from None
