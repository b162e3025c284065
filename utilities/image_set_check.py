"""A report on all image sets of a settings file before any training time is spent."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from utilities.alphabet import Alphabet
from utilities.config import Config
from utilities.hyperparameters import resolve
from utilities.image_set import Problem, list_problems, split_samples
from utilities.images import Preprocessing
from utilities.metadata import ImageSetError
from utilities.model import FrameCounter
from utilities.safe_files import write_text_whole
from utilities.training_set import Examined, examine, explicit_alphabet, overlap_with_test

PROBLEMS_FILE = Path("logs/image_set_problems.csv")  # under the working directory
COLUMNS = ("image_set", "row", "image", "finding", "detail")


@dataclass
class CheckReport:
    """What was found: lines for people, bad rows by folder, and whether training would fail."""

    lines: list[str] = field(default_factory=list)
    problems: list[tuple[Path, Problem]] = field(default_factory=list)
    training_would_fail: bool = False


def check_image_sets(config: Config) -> CheckReport:
    """Examine every image set that the settings name, each folder once, as the stage that reads it would."""
    report, train = CheckReport(), config.train
    how = Preprocessing(config.project.img_height, config.project.img_width)
    frames = FrameCounter(train.architecture, how.height, resolve(train.architecture, train.hyperparameters))
    alphabet = explicit_alphabet(config.project)
    for section in ("tune", "train", "test"):
        folder = getattr(config, section).image_set
        if folder is None or (section == "tune" and folder == train.image_set):
            continue
        report.lines.append(f"[{section}] {folder}")
        try:
            found = examine(config.project, folder, how, frames)
            if section != "test":
                alphabet = alphabet or Alphabet.from_labels(s.label for s in found.image_set.samples)
                _judge_training(config, found, report)
        except ImageSetError as error:
            report.lines.append(f"  {error}")
            report.training_would_fail |= section != "test"
            continue
        report.lines += _description(config, found, alphabet if section == "test" else None)
        report.problems += [(folder, problem) for problem in found.problems]
    return report


def _judge_training(config: Config, found: Examined, report: CheckReport) -> None:
    """Note whether training on this set would fail, and what it shares with the test set."""
    bad = {p.row for p in found.problems}
    usable = [s for s in found.image_set.samples if s.row not in bad]
    if bad and config.project.on_bad_rows == "stop":
        report.training_would_fail = True
        report.lines.append("  Training would stop at the bad rows below (or leave them out: ON_BAD_ROWS = skip).")
    split_samples(usable, config.train.validation_share, config.train.seed, bool(config.project.metadata_group_column))
    digests, groups = [found.decoded[s.path].digest for s in usable], {s.group for s in usable if s.group}
    if overlap := overlap_with_test(config, found.image_set.folder, digests, groups):
        report.lines.append(f"  {overlap}")


def _description(config: Config, found: Examined, known: Alphabet | None) -> list[str]:
    """A set in a few lines; for a test set also the characters that `known`, the training labels, lack."""
    samples, bad = found.image_set.samples, {p.row for p in found.problems}
    groups = {s.group for s in samples if s.group}
    line = f"  {len(samples)} rows, {len(samples) - len(bad)} usable"
    line += f", {len(groups)} {config.project.metadata_group_column}s" if groups else ""
    lines = [line, f"  characters: {''.join(sorted(set(''.join(s.label for s in samples))))}"]
    unknown = Counter(c for s in samples for c in (known.unknown(s.label) if known else ()))
    if unknown:
        counts = ", ".join(f"{c!r} {n} times" for c, n in unknown.most_common())
        lines.append(f"  characters that no training label has, which will always be read wrong: {counts}")
    if found.problems:
        lines += [f"  {len(bad)} bad rows:", list_problems(found.problems)]
    return lines


def write_problems(report: CheckReport, path: Path = PROBLEMS_FILE) -> None:
    """Every bad row as a table, whole; only its header when there are none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((folder, p.row, p.name, p.finding, p.detail) for folder, p in report.problems)
    write_text_whole(path, text.getvalue())
