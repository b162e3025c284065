"""A predictions CSV while it is written: a row for each image, read or not."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from utilities.decoded_image import Decoded
from utilities.decoding import Reading
from utilities.ensemble import Ensemble
from utilities.prediction_summary import ReadingCounts
from utilities.predictions_table import OPTIONAL, REQUIRED
from utilities.reader import Reader
from utilities.rows import Problem, Sample, label_problems, problem_cell

COLUMNS = (*REQUIRED, *OPTIONAL)
DETAIL_COLUMNS = ("character_confidences", "runner_up", "runner_up_confidence")


@dataclass
class PredictionsFile:
    """The readings of one reader or of an ensemble, on their way to the file, and what came of them."""

    reader: Reader | Ensemble
    file: TextIO
    found: Mapping[int, Sequence[Problem]]  # row -> what is wrong with it whoever reads it
    max_label_length: float  # characters
    group_column: str | None  # what the image set's table calls its groups
    unreadable: list[Problem] = field(default_factory=list)  # what kept rows from being read
    summary: ReadingCounts = field(default_factory=ReadingCounts)
    _said: dict[str, Sample] = field(default_factory=dict)  # digest -> its first row with a label
    _counted: set[tuple[Path | None, str]] = field(default_factory=set)  # they count once

    def begin(self) -> None:
        """Write the header."""
        self._write([COLUMNS + DETAIL_COLUMNS if self.reader.with_details else COLUMNS])

    def add(self, samples: Sequence[Sample], images: Sequence[Decoded | None], readings: Iterable[Reading]) -> None:
        """Write a row for each sample, count it; readings are of the images that could be decoded."""
        coming = iter(readings)
        self._write(self._row(s, image, coming) for s, image in zip(samples, images, strict=True))

    def _write(self, rows: Iterable[tuple]) -> None:
        csv.writer(self.file, lineterminator="\n").writerows(rows)

    def _row(self, s: Sample, image: Decoded | None, readings: Iterator[Reading]) -> tuple:
        self.summary.rows += 1
        self.summary.transcribed += bool(s.label)
        self.summary.unknown_characters.update(self.reader.alphabet.unknown(s.label))
        if image is None or image.content is None:
            self.summary.unread += 1
            first = [Problem(s.row, s.name, "image unreadable", image.problem)] if image else []
            self.unreadable += first or self.found.get(s.row, ())
            problem = self._told(first, s, {})
            details = ("" for _ in DETAIL_COLUMNS if self.reader.with_details)
            return (s.name, s.label, "", "", s.group, problem, *details)
        reading = next(readings)
        if image.digest in self.reader.digests or (self.group_column, s.group) in self.reader.groups:
            self.summary.seen_in_training.add(s.name)
        self.summary.learnt_untranscribed += image.digest in self.reader.untranscribed
        if (s.path, s.label) not in self._counted or not s.label:
            self.summary.add(s.label, reading)
        self._counted.add((s.path, s.label))
        copies = self._contradicted(s, image.digest)
        problem = self._told(copies, s, {s.path: self.reader.frames(image.content)})
        return (s.name, s.label, reading.text, f"{reading.confidence:.4f}", s.group, problem, *_detail_cells(reading))

    def _contradicted(self, s: Sample, digest: str) -> list[Problem]:
        """Whether an earlier row has another file with the same picture and says something else of it."""
        if not s.label:
            return []
        other = self._said.setdefault(digest, s)
        if other.path == s.path or other.label == s.label:
            return []
        said = f"row {other.row}, {other.name}, with the same picture: {other.label} / {s.label}"
        return [Problem(s.row, s.name, "two different labels for one image", said)]

    def _told(self, first: Sequence[Problem], s: Sample, frames: Mapping[Path | None, int]) -> str:
        """All that is wrong with a row, in the column's words; what the model cannot read is told elsewhere."""
        of_label = label_problems([s], self.max_label_length, None, frames)
        return problem_cell((*first, *self.found.get(s.row, ()), *of_label))


def _detail_cells(reading: Reading) -> tuple[str, ...]:
    """The cells of DETAIL_COLUMNS: confidences of the characters in their order, with spaces between."""
    found = reading.details
    if found is None:
        return ()
    if found.runner_up is None:
        return " ".join(f"{p:.2f}" for p in found.characters), "", ""
    return " ".join(f"{p:.2f}" for p in found.characters), found.runner_up, f"{found.runner_up_confidence:.4f}"
