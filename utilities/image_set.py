"""Metadata CSV + image folder -> samples and a table of problems; the grouped, seeded split.

What a problem means for a stage (DESIGN, "Bad rows") is decided in `usable_samples`, and nowhere else.
"""

import csv
import difflib
import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from utilities.alphabet import Alphabet, frames_needed, normalize
from utilities.errors import UserError
from utilities.images import IMAGE_ENDINGS

LISTED = 200  # problems written out in a message; the rest is counted


class ImageSetError(UserError):
    """An image set that cannot be used as it is; the text lists everything that is wrong and what to do."""


@dataclass(frozen=True)
class Columns:
    """Where the metadata stands and what its columns are called."""

    file_name: str
    image: str
    transcription: str
    group: str | None = None


@dataclass(frozen=True)
class Sample:
    """One row of the metadata: `row`: its line number as a spreadsheet shows it, `path`: None if no image was found."""

    row: int
    name: str
    label: str
    group: str
    path: Path | None


@dataclass(frozen=True)
class Problem:
    """Why a row cannot be used."""

    row: int
    name: str
    finding: str
    detail: str

    def __str__(self):
        where = f"row {self.row}: " if self.row else ""
        return f"{where}{self.name}: {self.finding}{f' ({self.detail})' if self.detail else ''}"


@dataclass(frozen=True)
class ImageSet:
    """The rows of an image set in the order of its CSV, and the problems found so far."""

    folder: Path
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names and labels: two sets with the same rows share it."""
        digest = hashlib.sha256()
        for sample in self.samples:
            digest.update(f"{sample.name}\0{sample.label}\0".encode())
        return digest.hexdigest()


def read_image_set(folder: Path, columns: Columns, preferred_format: str, for_prediction: bool = False) -> ImageSet:
    """Read the metadata and find every row's image anywhere under the folder.

    Problems found here: image missing or ambiguous, empty label, two labels for one image; a repeated row is read once.
    For prediction labels are optional, every row is kept, and a folder without a CSV gives all its images.
    Raises ImageSetError when the folder, the CSV, a column or every image is missing.
    """
    images = ImageIndex(folder, preferred_format)
    metadata = folder / columns.file_name
    if for_prediction and not metadata.exists():
        if not images.all_paths:
            endings = ", ".join(IMAGE_ENDINGS)
            raise ImageSetError(f"{folder} holds neither {columns.file_name} nor any image ({endings}).")
        samples = [Sample(0, path.relative_to(folder).as_posix(), "", "", path) for path in images.all_paths]
        return ImageSet(folder, tuple(samples), ())
    samples, problems = [], []
    table = read_metadata(metadata, columns, labels_required=not for_prediction)
    for row, (name, label, group) in enumerate(zip(*table, strict=True), start=2):
        path, trouble = images.find(name)
        samples.append(Sample(row, name, normalize(label.strip()), group, path))
        if trouble:
            problems.append(Problem(row, name, *trouble))
    if not for_prediction:
        contradictions, repeated = _repeated_images(samples)
        problems += _empty_labels(samples) + contradictions
        samples = [s for s in samples if s.row not in repeated]
    return ImageSet(folder, tuple(samples), tuple(sorted(problems, key=lambda p: p.row)))


def read_metadata(path: Path, columns: Columns, labels_required: bool = True) -> tuple[list[str], list[str], list[str]]:
    """Names, labels and groups of a metadata CSV, all as the text that stands there (`NA` and `007` survive)."""
    table = read_table(path)
    missing = []
    wanted = {"METADATA_IMAGE_COLUMN": columns.image, "METADATA_TRANSCRIPTION_COLUMN": columns.transcription}
    if columns.group:
        wanted["METADATA_GROUP_COLUMN"] = columns.group
    for key, column in wanted.items():
        optional = not labels_required and key != "METADATA_IMAGE_COLUMN"
        if column not in table and not optional:
            nearest = difflib.get_close_matches(column, table.columns, 1, 0.0)
            missing.append(
                f"  {key} = {column}: not a column of the file" + (f"; nearest: {nearest[0]}" if nearest else "")
            )
    if missing:
        found = ", ".join(table.columns)
        raise ImageSetError(
            "\n".join([f"{path} has the columns {found}.", *missing, "Correct [project] in setup.cfg."])
        )
    if table.empty:
        raise ImageSetError(f"{path} has a header but no rows. Add one row for each image.")

    def texts(column):
        return table[column].tolist() if column and column in table else [""] * len(table)

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


class ImageIndex:
    """All images under a folder, found by relative path or by base name, with or without an ending."""

    def __init__(self, folder: Path, preferred_format: str):
        if not folder.is_dir():
            raise ImageSetError(f"The image set {folder} is not a folder. Correct IMAGE_SET_NAME in setup.cfg.")
        self._folder = folder
        self._preferred = "." + preferred_format.lower().lstrip(".")
        self._by_key: dict[str, list[str]] = defaultdict(list)
        found = sorted(_image_paths(folder))
        self.all_paths = [folder / relative for relative in found]
        for relative in found:
            stem, name = relative.rpartition(".")[0], relative.rpartition("/")[2]
            for key in dict.fromkeys((relative, stem, name, name.rpartition(".")[0])):
                self._by_key[key].append(relative)

    def find(self, name: str) -> tuple[Path | None, tuple[str, str] | None]:
        """The image a metadata row names, or None and (finding, detail)."""
        key = name.strip().replace("\\", "/").removeprefix("./")
        for candidate in (key, key.rpartition("/")[2], key.rpartition("/")[2].rpartition(".")[0]):
            found = self._by_key.get(candidate, []) if candidate else []
            if len(found) > 1:
                found = [f for f in found if f.lower().endswith(self._preferred)] or found
            if len(found) == 1:
                return self._folder / found[0], None
            if found:
                return None, ("several images have this name", ", ".join(found[:5]))
        return None, ("image missing", f"no such file under {self._folder}")


def _image_paths(folder: Path) -> Iterable[str]:
    for root, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith(".")]
        prefix = Path(root).relative_to(folder).as_posix()
        prefix = "" if prefix == "." else prefix + "/"
        for file in files:
            if file.lower().endswith(IMAGE_ENDINGS) and not file.startswith("."):
                yield prefix + file


def _empty_labels(samples: Sequence[Sample]) -> list[Problem]:
    return [
        Problem(s.row, s.name, "empty label", "fill in the transcription or delete the row")
        for s in samples
        if not s.label
    ]


def _repeated_images(samples: Sequence[Sample]) -> tuple[list[Problem], set[int]]:
    """Contradictory labels of one image as problems, and the rows that merely repeat an earlier one."""
    rows_of = defaultdict(list)
    for sample in samples:
        if sample.path is not None:
            rows_of[sample.path].append(sample)
    contradictions, repeated = [], set()
    for same in rows_of.values():
        labels = sorted({s.label for s in same})
        if len(labels) > 1:
            contradictions += [
                Problem(s.row, s.name, "two different labels for one image", " / ".join(labels)) for s in same
            ]
        else:
            repeated.update(s.row for s in same[1:])
    return contradictions, repeated


def label_problems(
    samples: Iterable[Sample], max_label_length: int, alphabet: Alphabet | None, frames: Mapping[Path, int]
) -> list[Problem]:
    """Labels that cannot be learnt: too long, outside an explicit alphabet, or longer than their image's time steps.

    `frames` gives the time steps of each decoded image; images that are not in it are not judged.
    """
    problems = []
    for s in samples:
        needed = frames_needed(s.label)
        if len(s.label) > max_label_length:
            detail = f"{len(s.label)} characters, MAX_LABEL_LENGTH = {max_label_length}"
            problems.append(Problem(s.row, s.name, "label too long", detail))
        elif s.path in frames and needed > frames[s.path]:
            detail = (
                f"{s.label!r} needs {needed} time steps, the image gives {frames[s.path]}; is it cropped to the word?"
            )
            problems.append(Problem(s.row, s.name, "label too long for its image", detail))
        unknown = alphabet.unknown(s.label) if alphabet else []
        if unknown:
            problems.append(Problem(s.row, s.name, "character outside ALPHABET", " ".join(map(repr, unknown))))
    return problems


def usable_samples(image_set: ImageSet, problems: Iterable[Problem], on_bad_rows: str) -> tuple[Sample, ...]:
    """The rows to train on. Bad rows stop everything, all listed (`stop`), or are left out (`skip`).

    Raises ImageSetError with every bad row under `stop`, and when no row is usable.
    """
    problems = sorted(problems, key=lambda p: p.row)
    if problems and on_bad_rows == "stop":
        raise ImageSetError(
            f"{image_set.folder} has {len(problems)} bad rows:\n{list_problems(problems)}\n"
            "Correct them, or set ON_BAD_ROWS = skip under [project] in setup.cfg to train without them."
        )
    bad = {p.row for p in problems}
    usable = tuple(s for s in image_set.samples if s.row not in bad)
    if not usable:
        raise ImageSetError(
            f"{image_set.folder} has no usable row:\n{list_problems(problems)}\nCorrect the metadata first."
        )
    return usable


def list_problems(problems: Sequence[Problem]) -> str:
    """Problems one a line; beyond LISTED they are counted."""
    lines = [f"  {p}" for p in problems[:LISTED]]
    if len(problems) > LISTED:
        lines.append(f"  ... and {len(problems) - LISTED} more like these")
    return "\n".join(lines)


def split_samples(
    samples: Sequence[Sample], share: float, seed: int, grouped: bool
) -> tuple[list[Sample], list[Sample]]:
    """(training, validation) samples: seeded, independent of the order of rows, no group on both sides when grouped.

    Groups go to validation in a seeded order as long as that brings it nearer to `share` of the samples (0 to 0.5);
    when every group is too large for that, the smallest one goes. Rows without a group count as a group each.
    """
    units = defaultdict(list)
    for sample in samples:
        units[(sample.group if grouped else "") or sample.name].append(sample)
    if len(units) < 2:
        what = "groups (METADATA_GROUP_COLUMN)" if grouped else "usable images"
        raise ImageSetError(f"Training needs at least 2 {what} to keep some for validation; found {len(units)}.")
    order = sorted(units, key=lambda unit: hashlib.sha256(f"{seed}\0{unit}".encode()).digest())
    wanted = max(1, round(share * len(samples)))
    chosen, size = set(), 0
    for unit in order:
        if size + len(units[unit]) / 2 <= wanted:
            chosen.add(unit)
            size += len(units[unit])
    chosen = chosen or {min(order, key=lambda unit: len(units[unit]))}
    parts = [[s for unit in order if (unit in chosen) is side for s in units[unit]] for side in (False, True)]
    return tuple(sorted(part, key=lambda s: (s.row, s.name)) for part in parts)
