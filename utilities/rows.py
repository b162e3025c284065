"""The rows of an image set's table: what each says, and what is wrong with it."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utilities.alphabet import Alphabet, frames_needed
from utilities.spreadsheet import is_error

REPEATED = "repeated row"  # the finding of a row that says again what another says of the same image
LISTED = 200  # problems written out in a message; the rest is counted


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


def empty_labels(samples: Sequence[Sample]) -> list[Problem]:
    """Rows that do not say what stands on their image."""
    return [
        Problem(s.row, s.name, "empty label", "fill in the transcription or delete the row")
        for s in samples
        if not s.label
    ]


def contradictory_copies(samples: Iterable[Sample], digests: Mapping[Path, str]) -> list[Problem]:
    """Rows of different files with the same content (and so digest) that say different things."""
    copies = _sharing((s for s in samples if s.label), lambda s: digests.get(s.path))
    return contradictions(
        (same for same in copies if len({s.path for s in same}) > 1), lambda s: f"{s.name}: {s.label}"
    )


def contradictions(shared: Iterable[Sequence[Sample]], said: Callable[[Sample], str]) -> list[Problem]:
    """Rows of one image that say different things, of each what is `said`; saying nothing is no contradiction."""
    return [
        Problem(
            s.row, s.name, "two different labels for one image", " / ".join(sorted({said(s) for s in same if s.label}))
        )
        for same in shared
        if len({s.label for s in same if s.label}) > 1
        for s in same
    ]


def repeats(shared: Iterable[Sequence[Sample]]) -> list[Problem]:
    """Rows that only say again what an earlier one says of the same image."""
    repeated = []
    for same in shared:
        said: dict[str, int] = {}
        for s in same:
            if s.label in said:
                detail = f"says of the same image what row {said[s.label]} says; they count once"
                repeated.append(Problem(s.row, s.name, REPEATED, detail))
            said.setdefault(s.label, s.row)
    return repeated


def of_one_image(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Rows of the same image, where there are several."""
    return _sharing(samples, lambda s: s.path)


def _sharing(samples: Iterable[Sample], key: Callable[[Sample], Hashable]) -> list[list[Sample]]:
    """Rows of the same key, where there are several; those without one are left out."""
    rows = defaultdict(list)
    for sample in samples:
        if shared := key(sample):
            rows[shared].append(sample)
    return [same for same in rows.values() if len(same) > 1]


def label_problems(
    samples: Iterable[Sample], max_label_length: float, alphabet: Alphabet | None, frames: Mapping[Path | None, int]
) -> list[Problem]:
    """Labels that cannot be learnt: of several lines, a spreadsheet's error, too long, outside an explicit alphabet, or
    longer than their image's time steps.

    `frames` gives the time steps of each decoded image; images that are not in it are not judged.
    """
    problems = []
    for s in samples:
        if len(s.label.splitlines()) > 1:
            detail = f"{s.label!r}; an image shows one line. Is a double quote missing, or one too many, here or above?"
            problems.append(Problem(s.row, s.name, "label of several lines", detail))
        elif is_error(s.label):
            detail = f"{s.label}; write what the image shows, in a column that the spreadsheet takes for Text"
            problems.append(Problem(s.row, s.name, "label is a spreadsheet's error", detail))
        elif len(s.label) > max_label_length:
            detail = f"{len(s.label)} characters, MAX_LABEL_LENGTH = {max_label_length}"
            problems.append(Problem(s.row, s.name, "label too long", detail))
        elif s.path in frames and (needed := frames_needed(s.label)) > frames[s.path]:
            detail = (
                f"{s.label!r} needs {needed} time steps, the image gives {frames[s.path]}; is it cropped to the word?"
            )
            problems.append(Problem(s.row, s.name, "label too long for its image", detail))
        unknown = alphabet.unknown(s.label) if alphabet else []
        if unknown:
            problems.append(Problem(s.row, s.name, "character outside ALPHABET", " ".join(map(repr, unknown))))
    return problems


def problem_cell(problems: Iterable[Problem]) -> str:
    """What is wrong with a row, as it stands in a predictions CSV."""
    return "; ".join(f"{p.finding} ({p.detail})" for p in problems)


def is_repeated(cell: str) -> bool:
    """Whether one of the problems in a `problem_cell` is that the row is REPEATED."""
    return f"{REPEATED} (" in cell


def first_finding(cell: str) -> str:
    """The finding of the first problem in a `problem_cell`."""
    return cell.split(" (")[0]


def list_problems(problems: Sequence[Problem]) -> str:
    """Problems one a line; beyond LISTED they are counted."""
    lines = [f"  {p}" for p in problems[:LISTED]]
    if len(problems) > LISTED:
        lines.append(f"  ... and {len(problems) - LISTED} more like these")
    return "\n".join(lines)
