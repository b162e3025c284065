"""The settings of a benchmark: the shipped setup.cfg with other image sets, budgets and architectures."""

import csv
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utilities.chance import in_seeded_order
from utilities.config import Config, load_config
from utilities.errors import UserError
from utilities.examination import columns_of
from utilities.image_set import read_image_set
from utilities.metadata import ImageSetError
from utilities.rows import Sample
from utilities.safe_files import write_text_whole
from utilities.setting_keys import HYPERPARAMETER_KEYS, KEYS
from utilities.settings_file import read_settings, settings_error, settings_text

ROOT = Path(__file__).resolve().parents[1]
# (height, width) in px where an architecture's own recipe differs from setup.cfg's
CANVASES = {"classic": (100, 400), "retsinas": (64, 256)}
SECTIONS = ("train", "project", "transfer")  # where a changed key is looked for, in this order


@dataclass(frozen=True)
class Sets:
    """A pair of image sets, and the columns of their metadata where they are not setup.cfg's (setup.cfg key: value)."""

    train: Path
    test: Path
    columns: Mapping[str, str]


def experiment(
    folder: Path, architecture: str, sets: Sets, canvas: tuple[int, int] | None, minutes: float, changes: Mapping
) -> Config:
    """The shipped settings, changed and written to `folder`, then read and checked as a stage would read them.

    Other architectures than setup.cfg's get their own default hyperparameters and CANVASES. Bad rows are left out.
    `changes` (setup.cfg key: text) come last. Raises SettingsError, or UserError for a key that is in no section.
    """
    given, problems = read_settings(ROOT / "setup.cfg")
    if problems:
        raise settings_error(ROOT / "setup.cfg", problems)
    settings = {section: given[section] for section in ("project", "train", "transfer", "test")}
    if architecture != settings["train"]["ARCHITECTURE"]:
        settings["train"] = {k: v for k, v in settings["train"].items() if k not in HYPERPARAMETER_KEYS}
    height, width = canvas or CANVASES.get(architecture) or (None, None)
    settings["project"] |= {"ON_BAD_ROWS": "skip", **sets.columns}
    if height:
        settings["project"] |= {"IMG_HEIGHT": str(height), "IMG_WIDTH": str(width)}
    settings["train"] |= {"ARCHITECTURE": architecture, "IMAGE_SET_NAME": str(sets.train.resolve())}
    settings["test"]["IMAGE_SET_NAME"] = str(sets.test.resolve())
    for section in ("train", "transfer"):
        settings[section]["MAX_MINUTES"] = str(minutes)
    for key, text in changes.items():
        settings[_section_of(key)][key] = text
    path = folder / "setup.cfg"
    write_text_whole(path, settings_text(settings, ()))
    return load_config(path, "train")


def _section_of(key: str) -> str:
    for section in SECTIONS:
        if key in KEYS[section]:
            return section
    allowed = sorted({key for section in SECTIONS for key in KEYS[section]})
    raise UserError(f"--set {key}: no such key of setup.cfg; allowed are {', '.join(allowed)}.")


def first_words(config: Config, count: int, destination: Path) -> Path:
    """A smaller image set in `destination`, made of copies: the first `count` words of config's training set.

    Groups come in an order that follows from the seed, each whole but the last, so that a small set has few hands, as
    a small collection has; a smaller sample is part of a larger one. Raises ImageSetError when there are too few words.
    """
    columns = columns_of(config.project)
    source = config.train.image_set
    samples = [s for s in read_image_set(source, columns, config.project.image_format).samples if s.path]
    if len(samples) < count:
        raise ImageSetError(f"{source} has {len(samples)} words: --words {count} is more.")
    chosen = _in_seeded_groups(samples, config.train.seed)[:count]
    header = [columns.image, columns.transcription, *([columns.group] if columns.group else [])]
    destination.mkdir(parents=True)
    with (destination / columns.file_name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([s.name, s.label, s.group][: len(header)] for s in chosen)
    for sample in chosen:
        copy = destination / sample.path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sample.path, copy)
    return destination


def _in_seeded_groups(samples: Sequence[Sample], seed: int) -> list[Sample]:
    groups = defaultdict(list)
    for sample in samples:
        groups[sample.group or sample.name].append(sample)
    return [sample for group in in_seeded_order(groups, seed) for sample in groups[group]]
