"""Metadata CSV + image folder -> samples and a table of problems.

What a problem means for training is decided in `usable_samples`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from utilities.counts import number_of
from utilities.image_file import IMAGE_ENDINGS
from utilities.image_index import GUESSED, SURE, TABLE_ENDINGS, ImageIndex, printable
from utilities.metadata import Columns, ImageSetError, read_metadata
from utilities.rows import Problem, Sample, contradictions, empty_labels, list_problems, of_one_image, repeats
from utilities.texts import as_seen, normalize

# what else a user can do about a missing column where labels need not be
WITHOUT_CSV = ", or take {name} out of the folder: then all of its images are read, without transcriptions"


@dataclass(frozen=True)
class ImageSet:
    """The rows of an image set in the order of its CSV, and the problems found so far."""

    folder: Path
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...]
    group_column: str | None = None  # what the CSV calls the samples' groups
    without_table: str = ""  # a sentence for the user where there is no CSV

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names, labels and groups: two sets with the same rows share it."""
        digest = hashlib.sha256()
        for sample in self.samples:
            group = f"{sample.group}\0" if sample.group else ""
            digest.update(f"{sample.name}\0{sample.label}\0{group}".encode())
        return digest.hexdigest()


def read_image_set(folder: Path, columns: Columns, preferred_format: str, for_prediction: bool = False) -> ImageSet:
    """Read the metadata and find every row's image anywhere under the folder.

    Problems found here: image missing or ambiguous, empty label, two labels for one image; a repeated row is read once.
    For prediction labels may be empty, every row is kept, and a folder without a CSV gives all its images.
    Raises ImageSetError when the folder, the CSV or a column is missing.
    """
    images = ImageIndex(folder, preferred_format)
    metadata = folder / columns.file_name
    if for_prediction and not metadata.exists():
        paths = images.all_paths
        if not paths:
            endings = ", ".join(IMAGE_ENDINGS)
            raise ImageSetError(
                f"{folder} holds neither {columns.file_name} nor any image ({endings}). Name another in setup.cfg."
            )
        samples = [Sample(0, path.relative_to(folder).as_posix(), "", "", path) for path in paths]
        return ImageSet(folder, tuple(samples), (), without_table=_without_table(metadata, len(samples), images.others))
    if not metadata.exists() and (likely := _other_table(metadata)):
        raise ImageSetError(f"There is no file {metadata}.{likely}")
    samples, problems = [], []
    table = read_metadata(metadata, columns, WITHOUT_CSV.format(name=columns.file_name) if for_prediction else "")
    for row, name, label, group in table:
        path, trouble = images.find(name)
        samples.append(Sample(row, name, as_seen(label), normalize(group.strip()), path))
        if trouble:
            problems.append(Problem(row, name, *trouble))
    shared = of_one_image(samples)
    if wrong := _strays(images, samples) | _guesses(images, shared):
        problems += [Problem(s.row, s.name, *wrong[s.row]) for s in samples if s.row in wrong]
        samples = [replace(s, path=None) if s.row in wrong else s for s in samples]
        shared = of_one_image(samples)
    problems += contradictions(shared, lambda s: s.label)
    if not for_prediction:
        problems += empty_labels(samples)
        bad = {p.row for p in problems}
        repeated = {p.row for p in repeats(shared)} - bad
        samples = [s for s in samples if s.row not in repeated]
    return ImageSet(folder, tuple(samples), tuple(sorted(problems, key=lambda p: p.row)), columns.group)


def _without_table(metadata: Path, images: int, others: Sequence[str]) -> str:
    """What a missing table means. `others`: pictures that cannot be read."""
    taken = number_of(images, "image there is", "images there are")
    said = f"There is no {metadata}: {'all ' * (images > 1)}{taken} taken, without transcriptions."
    said += _other_table(metadata)
    if others:
        unread = number_of(len(others), "picture of another kind is", "pictures of other kinds are")
        said += f" {unread} not read, such as {printable(others[0])}: save as png."
    return said


def _other_table(metadata: Path) -> str:
    """Which file beside a missing table may be it, as a sentence; "" where there is none."""
    tables = sorted(
        (p for p in metadata.parent.glob("[!.]*") if p.suffix.lower() in TABLE_ENDINGS),
        key=lambda path: (TABLE_ENDINGS.index(path.suffix.lower()), path.name),
    )
    if not tables:
        return ""
    return f" (Is {tables[0].name} the table? Save it as CSV UTF-8 and correct METADATA_FILE_NAME, or rename it.)"


def _strays(images: ImageIndex, samples: Iterable[Sample]) -> dict[int, tuple[str, str]]:
    """Row -> (finding, detail) of rows whose image is missing: what was found lies in another folder than they name.

    A table may come from another machine with other folders, but not where other rows' folders are those here.
    """
    named = [s for s in samples if s.path and ("/" in s.name or "\\" in s.name)]
    likeness = {s.row: images.likeness(s.name, s.path)[0] for s in named}
    if SURE not in likeness.values():
        return {}
    detail = "{} has this name, but lies in another folder; those of other rows are right, so it is not taken"
    return {s.row: ("image missing", detail.format(s.path)) for s in named if likeness[s.row] == GUESSED}


def _guesses(images: ImageIndex, shared: Iterable[Sequence[Sample]]) -> dict[int, tuple[str, str]]:
    """Row -> (finding, detail) of rows whose image is missing: what was found for them is other rows', by its folders.

    A table may come from another machine with other folders. But where `B/1.png` is missing, `A/1.png` is not it.
    """
    wrong = {}
    for same in shared:
        if len({s.name for s in same}) < 2:
            continue
        path = same[0].path
        likeness = {s.name: images.likeness(s.name, path) for s in same}
        best = max(likeness.values())
        meant = {name for name, like in likeness.items() if like == best}
        if len(meant) > 1 and best[0] != SURE:
            meant = set()
        detail = f"{path} is so called, too, but other rows name it"
        wrong |= {s.row: ("image missing", detail) for s in same if s.name not in meant}
    return wrong


def short_name(folder: Path) -> str:
    """What an image set is called, such as `first_hand/test`: enough to know it, and the rest is nobody's business."""
    return "/".join(folder.absolute().parts[-2:])


def require_an_image(image_set: ImageSet) -> None:
    """Raise ImageSetError where no row has an image: the settings are wrong, or the folder."""
    if not any(s.path for s in image_set.samples):
        raise ImageSetError(
            f"Of {number_of(len(image_set.samples), 'row')} of {image_set.folder} none names an image there:\n"
            f"{list_problems(image_set.problems)}\n"
            "Correct IMAGE_SET_NAME or METADATA_IMAGE_COLUMN in setup.cfg, or the names in the table."
        )


def usable_samples(image_set: ImageSet, problems: Iterable[Problem], on_bad_rows: str) -> tuple[Sample, ...]:
    """The rows to train on. Bad rows stop everything, all listed (`stop`), or are left out (`skip`).

    Raises ImageSetError with every bad row under `stop`, and when no row is usable.
    """
    problems = sorted(problems, key=lambda p: p.row)
    if problems and on_bad_rows == "stop":
        bad = number_of(len({p.row for p in problems}), "bad row")
        raise ImageSetError(
            f"{image_set.folder} has {bad}:\n{list_problems(problems)}\n"
            "Correct them, or set ON_BAD_ROWS = skip under [project] in setup.cfg to train without them."
        )
    bad = {p.row for p in problems}
    usable = tuple(s for s in image_set.samples if s.row not in bad)
    if not usable:
        raise ImageSetError(
            f"{image_set.folder} has no usable row:\n{list_problems(problems)}\nCorrect the metadata first."
        )
    return usable
