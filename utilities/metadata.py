"""The metadata CSV of an image set: names, labels and groups, every cell as the text that stands there."""

import csv
import difflib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from utilities.counts import number_of
from utilities.errors import UserError

MARK = "\ufeff"  # what tells a spreadsheet that a CSV is UTF-8, at its beginning
# at the beginning of a CSV: empty lines, Excel's own line that names the separator, the header and how its line ends
BEGINNING = re.compile(rf"({MARK}?)[\r\n]*(sep=(.)[\r\n]+)?([^\r\n]*)(\r\n)?")
METADATA_REMEDY = "Put it there, or correct the folder's name or METADATA_FILE_NAME in setup.cfg."


class ImageSetError(UserError):
    """An image set that cannot be used as it is; the text lists everything that is wrong and what to do."""


@dataclass(frozen=True)
class Columns:
    """Where the metadata stands and what its columns are called; None: that column is not looked at."""

    file_name: str
    image: str
    transcription: str | None
    group: str | None = None


def read_metadata(path: Path, columns: Columns, remedy: str = "") -> Iterator[tuple[int, str, str, str]]:
    """Row number, name, label and group of each row of a metadata CSV, as the texts that stand there (`NA`, `007`).

    Raises ImageSetError where the file or a column is missing, with what else can be done about a column (`remedy`).
    """
    table = read_table(path)
    require_columns(path, table, columns, remedy)
    if table.empty:
        raise ImageSetError(f"{path} has a header but no rows. Add one row for each image.")

    def texts(column):
        return table[column].tolist() if column else [""] * len(table)

    return zip(
        table.index.tolist(), texts(columns.image), texts(columns.transcription), texts(columns.group), strict=True
    )


def require_columns(path: Path, table: pd.DataFrame, columns: Columns, remedy: str = "") -> None:
    """Raise ImageSetError where a column that is looked at is not there, or is there twice; `remedy` as above."""
    missing = []
    wanted = {
        "METADATA_IMAGE_COLUMN": columns.image,
        "METADATA_TRANSCRIPTION_COLUMN": columns.transcription,
        "METADATA_GROUP_COLUMN": columns.group,
    }
    others = [name for name in table.columns if name not in wanted.values()]  # those are another key's
    for key, column in wanted.items():
        if column and (table.columns == column).sum() > 1:
            missing.append(f"  {key} = {column}: several columns of the file are called so; rename all but one")
        elif column and column not in table:
            nearest = difflib.get_close_matches(column, others, 1, 0.0)
            missing.append(
                f"  {key} = {column}: not a column of the file" + (f"; nearest: {nearest[0]}" if nearest else "")
            )
    if missing:
        found = ", ".join(table.columns)
        advice = f"Correct [project] in setup.cfg{remedy}."
        raise ImageSetError("\n".join([f"{path} has the columns {found}.", *missing, advice]))


@dataclass(frozen=True)
class TableForm:
    """How a CSV file is written: what stands between cells, at the ends of lines, and first of all (MARK, `sep=;`)."""

    separator: str = ","
    line_end: str = "\n"
    mark: str = ""

    def text_of(self, table: pd.DataFrame) -> str:
        """A table as a CSV of this form."""
        return self.mark + table.to_csv(index=False, sep=self.separator, lineterminator=self.line_end)


def form_of(path: Path) -> TableForm:
    """The form of a CSV file, from its first lines. Raises UnicodeDecodeError and OSError."""
    return _form_of(path.read_bytes().decode())


def _form_of(text: str) -> TableForm:
    mark, said, separator, header, line_end = BEGINNING.match(text).groups()
    return TableForm(separator or max(",;\t", key=header.count), line_end or "\n", mark + (said or ""))


def read_table(path: Path, remedy: str = METADATA_REMEDY) -> pd.DataFrame:
    """A CSV file, every cell as the text that stands there; commas, semicolons or tabs. Raises ImageSetError.

    The index has the rows' numbers as a spreadsheet shows them. Empty rows, and a line `sep=;` before the header, are
    left out. `remedy`: what to do where the path is that of no file.
    """
    if not path.exists():
        raise ImageSetError(f"There is no file {path}. {remedy}")
    if path.is_dir():
        raise ImageSetError(f"{path} is a folder, not a CSV file. {remedy}")
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ImageSetError(f"{path} cannot be read: {error.strerror}. Ask for the permission to read it.") from None
    except UnicodeDecodeError as error:
        line = 1 + len(re.findall(rb"\r\n|\r|\n", error.object[: error.start]))
        raise ImageSetError(
            f"{path} is not UTF-8 text (line {line}). Save it as 'CSV UTF-8' in the spreadsheet."
        ) from None
    separator, numbered = rows_of_text(path, text)
    if not numbered:
        raise ImageSetError(f"{path} cannot be read as a CSV file: it is empty. Save it again as 'CSV UTF-8'.")
    first = min(numbered)
    header = [name.strip() for name in numbered.pop(first)]
    width = len(header)
    if long := [number for number, row in numbered.items() if any(map(str.strip, row[width:]))]:
        listed = "\n".join(f"  row {number}: {separator.join(numbered[number])}"[:200] for number in long[:50])
        above = f"Delete row {first} if it is not the header, with all above that. " * (len(long) == len(numbered))
        raise ImageSetError(
            f"{path} has {number_of(len(long), 'row')} with more cells than its header ({width}, row {first}):\n"
            f"{listed}\n{above}"
            "Put double quotes around a text that holds a comma or semicolon, or save the table again as 'CSV UTF-8'."
        )
    cells = [row[:width] + [""] * (width - len(row)) for row in numbered.values()]
    return pd.DataFrame(cells, index=list(numbered), columns=header, dtype=object)


def rows_of_text(path: Path, text: str) -> tuple[str, dict[int, list[str]]]:
    """What separates the cells of a CSV's text, and its rows that are not empty by their numbers, the header first.

    Raises ImageSetError where a quote is open, with the row.
    """
    separator, numbered, number = _form_of(text).separator, {}, 0
    file = io.StringIO(text.removeprefix(MARK), newline=None)  # any kind of line end, in cells as well
    try:
        for number, row in enumerate(csv.reader(file, delimiter=separator, strict=True), start=1):
            if any(map(str.strip, row)):
                numbered[number] = row
    except csv.Error as error:
        raise ImageSetError(
            f"{path} cannot be read as a CSV file: row {number + 1}: {error}. Look for a double quote there: one"
            " inside a text is written twice. Or save the table again as 'CSV UTF-8'."
        ) from None
    if numbered and separator.join(numbered[min(numbered)]) == f"sep={separator}":
        del numbered[min(numbered)]
    return separator, numbered
