"""An image set read and decoded as the settings say, with every bad row of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from utilities.alphabet import Alphabet
from utilities.config import Project
from utilities.decoded_image import Decoded
from utilities.image_cache import CACHE_FOLDER, cached_images
from utilities.image_set import ImageSet, read_image_set
from utilities.images import Preprocessing
from utilities.metadata import Columns
from utilities.rows import Problem, contradictory_copies, label_problems


def columns_of(project: Project) -> Columns:
    """The metadata columns that the settings name."""
    return Columns(
        project.metadata_file_name,
        project.metadata_image_column,
        project.metadata_transcription_column,
        project.metadata_group_column,
    )


def preprocessing_of(project: Project) -> Preprocessing:
    """How a new model gets its images."""
    return Preprocessing(project.img_height, project.img_width)


def explicit_alphabet(project: Project) -> Alphabet | None:
    """The alphabet that the settings fix, if they do."""
    return Alphabet(tuple(project.alphabet)) if project.alphabet else None


@dataclass(frozen=True)
class Examined:
    """An image set read and decoded, with every bad row of it; a row may have several problems."""

    image_set: ImageSet
    decoded: dict[Path, Decoded]
    problems: tuple[Problem, ...]


def examine(
    project: Project,
    folder: Path,
    how: Preprocessing,
    frames: Callable[[int], int],
    cache: Path = CACHE_FOLDER,
    for_prediction: bool = False,
) -> Examined:
    """Read and decode an image set and find its bad rows. Raises ImageSetError when it cannot be read at all.

    `for_prediction`: see `read_image_set`.
    """
    image_set = read_image_set(folder, columns_of(project), project.image_format, for_prediction)
    decoded = cached_images(folder, [s.path for s in image_set.samples if s.path], how, cache)
    lengths = {path: frames(image.content.shape[1]) for path, image in decoded.items() if image.content is not None}
    unreadable = [
        Problem(s.row, s.name, "image unreadable", decoded[s.path].problem)
        for s in image_set.samples
        if s.path and s.path not in lengths
    ]
    of_labels = label_problems(image_set.samples, project.max_label_length, explicit_alphabet(project), lengths)
    copies = contradictory_copies(image_set.samples, {path: decoded[path].digest for path in lengths})
    problems = sorted([*image_set.problems, *unreadable, *of_labels, *copies], key=lambda p: p.row)
    return Examined(image_set, decoded, tuple(problems))
