"""Words of the base model's own set, seen again while it learns others: a few hundred new ones are soon known by heart.

Rehearsal (Robins 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal"). Nothing is validated on these words.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from utilities.alphabet import Alphabet
from utilities.batches import rehearsed_an_epoch
from utilities.config import Project
from utilities.counts import number_of
from utilities.examination import examine
from utilities.image_cache import CACHE_FOLDER
from utilities.image_set import short_name, usable_samples
from utilities.metadata import ImageSetError, read_table
from utilities.rows import Problem, list_problems
from utilities.training_set import TrainingSet, pictures_by_name


def project_of_base_set(project: Project, folder: Path) -> Project:
    """The settings by which a set is read that is learnt again: without groups where its table has none."""
    with suppress(ImageSetError):  # then reading it says what is wrong
        if project.metadata_group_column in read_table(folder / project.metadata_file_name):
            return project
    return replace(project, metadata_group_column=None)


def with_rehearsal(
    data: TrainingSet, frames: Callable[[int], int], project: Project, folder: Path, cache: Path = CACHE_FOLDER
) -> tuple[TrainingSet, Sequence[Problem]]:
    """The training set with the words of another to rehearse, but for images that are in it; and what was left out.

    Where the other set's table has the column of groups, those that are validated on are left alone, too. The record
    says what is rehearsed, under "rehearsed". `frames`: width of a content in px -> time steps. Raises ImageSetError
    listing every bad row, and when no word is left.
    """
    examined = examine(project_of_base_set(project, folder), folder, data.how, frames, cache)
    samples = usable_samples(examined.image_set, examined.problems, project.on_bad_rows)
    known, decoded = set(data.record["image_digests"]), examined.decoded
    validated = {s.group for s in data.validation if s.group}
    learnt = known | set(data.record.get("untranscribed_digests", ()))
    others = tuple(s for s in samples if decoded[s.path].digest not in learnt and s.group not in validated)
    if not others:
        raise ImageSetError(
            f"Nothing is left to rehearse of {number_of(len(samples), 'image')} in {folder}: already in the training"
            " set, or of a group that is validated on. Name the image set that MODEL was trained with under"
            " BASE_SET_NAME in setup.cfg, or leave it out."
        )
    again = {s.path: decoded[s.path].digest for s in others}
    rehearsed = {
        "image_set": short_name(folder),
        "images": len(others),
        "left_out": len(examined.image_set.samples) - len(samples),
        "fingerprint": examined.image_set.fingerprint,
        "pictures_by_name": pictures_by_name(others, again),
    }
    digests = sorted({*known, *again.values()})
    with_others = replace(
        data,
        rehearsed=others,
        contents=data.contents | {s.path: decoded[s.path].content for s in others},
        alphabet=data.alphabet.extended(Alphabet.from_labels(s.label for s in others).characters),
        record=data.record
        | {
            "image_digests": digests,
            "groups": sorted({*data.record["groups"], *(s.group for s in others if s.group)}),
            "rehearsed": rehearsed,
        },
    )
    return with_others, examined.problems


def announce_rehearsal(data: TrainingSet, left_out: Sequence[Problem]) -> str:
    """What is rehearsed, for the user."""
    again, name = rehearsed_an_epoch(len(data.training), len(data.rehearsed)), data.record["rehearsed"]["image_set"]
    words = number_of(len(data.rehearsed), "word")
    line = f"Learnt again in each epoch, others each time: {again:,} of {words} of {name}."
    return line + (f"\nLeft out of these (ON_BAD_ROWS = skip):\n{list_problems(left_out)}" if left_out else "")
