"""A report on all image sets of a settings file before any training time is spent."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from utilities.alphabet import Alphabet
from utilities.config import Config, Project
from utilities.counts import number_of
from utilities.examination import Examined, examine, explicit_alphabet, preprocessing_of
from utilities.hyperparameters import resolve
from utilities.image_set import usable_samples
from utilities.metadata import MARK, ImageSetError
from utilities.model import frame_counter
from utilities.rehearsal import project_of_base_set
from utilities.rows import Problem, Sample, list_problems
from utilities.safe_files import write_csv_whole
from utilities.split import split_samples
from utilities.training_set import overlap_with_test

PROBLEMS_FILE = Path("logs/image_set_problems.csv")  # under the working directory
COLUMNS = ("image_set", "row", "image", "finding", "detail")


@dataclass
class CheckReport:
    """What was found: lines for people, bad rows by folder, sets that no row can be taken of, and whether training
    would fail.
    """

    lines: list[str] = field(default_factory=list)
    problems: list[tuple[Path, Problem]] = field(default_factory=list)
    unreadable: int = 0
    training_would_fail: bool = False


@dataclass(frozen=True)
class _Named:
    """An image set that the settings name, and what is looked at there."""

    title: str
    folder: Path
    project: Project
    trains: bool  # bad rows matter as they do to training; else as they do to prediction
    splits: bool = False  # some of it is set aside for validation
    is_tested_on: bool = False
    beside: bool = False  # what it holds is learnt beside the images of [train]


def _named_sets(config: Config) -> Iterator[_Named]:
    project, transfer = config.project, config.transfer
    if config.tune.image_set and config.tune.image_set != config.train.image_set:
        yield _Named("[tune]", config.tune.image_set, project, True, True)
    if config.train.image_set:
        yield _Named("[train]", config.train.image_set, project, True, True)
    if transfer.base_set:
        base_project = project_of_base_set(project, transfer.base_set)
        yield _Named("[transfer] BASE_SET_NAME:", transfer.base_set, base_project, True, beside=True)
    if transfer.untranscribed:
        untranscribed = replace(project, metadata_transcription_column=None)
        yield _Named("[transfer] UNTRANSCRIBED_SET_NAME:", transfer.untranscribed, untranscribed, False, beside=True)
    if config.test.image_set:
        yield _Named("[test]", config.test.image_set, project, False, is_tested_on=True)


def check_image_sets(config: Config) -> CheckReport:
    """Examine every image set that the settings name as the stage that reads it would."""
    report, train = CheckReport(), config.train
    how = preprocessing_of(config.project)
    frames = frame_counter(train.architecture, how.height, resolve(train.architecture, train.hyperparameters))
    fixed = learnt = explicit_alphabet(config.project)
    transcribed: set[str] = set()  # digests of the images of [train]
    for named in _named_sets(config):
        report.lines.append(f"{named.title} {named.folder}")
        try:
            found = examine(named.project, named.folder, how, frames, for_prediction=not named.trains)
        except ImageSetError as error:
            report.lines.append(f"  {error}")
            report.unreadable += 1
            report.training_would_fail |= not named.is_tested_on
            continue
        digests = {found.decoded[s.path].digest for s in _usable(found)}
        if named.folder == train.image_set and named.splits:
            transcribed = digests
        if named.beside and digests and digests <= transcribed:
            report.training_would_fail = True
            report.lines.append("  All these images are in [train], too: a transfer would stop. Name others, or none.")
        if named.trains:
            labels = Alphabet.from_labels(s.label for s in _usable(found))
            learnt = fixed or (labels if named.splits else learnt and learnt.extended(labels.characters))
            _judge_training(config, found, named, report)
        report.lines += _description(named.project, found, learnt if named.is_tested_on else None)
        report.problems += [(named.folder, problem) for problem in found.problems]
    report.problems = list(dict.fromkeys(report.problems))
    return report


def _judge_training(config: Config, found: Examined, named: _Named, report: CheckReport) -> None:
    """Note whether training on this set would fail, and what it shares with the test set."""
    if found.problems and config.project.on_bad_rows == "stop":
        report.training_would_fail = True
        report.lines.append("  Training would stop at the bad rows below (or leave them out: ON_BAD_ROWS = skip).")
    usable = _usable(found)
    digests = {s.path: found.decoded[s.path].digest for s in usable}
    try:
        if named.splits:
            grouped = bool(config.project.metadata_group_column)
            split_samples(usable, config.train.validation_share, config.train.seed, grouped, digests)
        else:
            usable_samples(found.image_set, found.problems, "skip")
    except ImageSetError as error:
        report.training_would_fail = True
        report.lines.append(f"  {error}")
    groups = {s.group for s in usable if s.group}
    if overlap := overlap_with_test(config, found.image_set.folder, digests.values(), groups):
        report.lines.append(f"  {overlap}")


def _usable(found: Examined) -> list[Sample]:
    """The rows without a problem; images without a table have no numbers, but names."""
    bad = {(p.row, p.name) for p in found.problems}
    return [s for s in found.image_set.samples if (s.row, s.name) not in bad]


def _description(project: Project, found: Examined, known: Alphabet | None) -> list[str]:
    """A set in a few lines; for a test set also the characters that `known`, the training labels, lack."""
    samples, usable = found.image_set.samples, _usable(found)
    groups = {s.group for s in samples if s.group}
    untranscribed = sum(not s.label for s in samples)
    line = f"  {number_of(len(samples), 'row')}, {len(usable):,} usable"
    line += f", {number_of(len(groups), 'group')} ({project.metadata_group_column})" if groups else ""
    line += f", {untranscribed:,} without a transcription" if untranscribed else ""
    lines = [line]
    if found.image_set.without_table:
        lines.append(f"  {found.image_set.without_table}")
    if characters := "".join(sorted(filter(str.isprintable, {c for s in samples for c in s.label}))):
        lines.append(f"  characters: {characters}")
    unknown = Counter(c for s in samples for c in (known.unknown(s.label) if known else ()))
    if unknown:
        counts = ", ".join(f"{c!r} {number_of(n, 'time')}" for c, n in unknown.most_common())
        lines.append(
            "  characters that no training label has, which will always be read wrong (unless the model that you"
            f" transfer from knows them): {counts}"
        )
    if found.problems:
        bad = len({(p.row, p.name) for p in found.problems})
        lines += [f"  {number_of(bad, 'bad row')}:", list_problems(found.problems)]
    return lines


def write_problems(report: CheckReport, path: Path = PROBLEMS_FILE) -> None:
    """Every bad row as a table, whole; only its header when there are none."""
    rows = ((folder, p.row, p.name, p.finding, p.detail) for folder, p in report.problems)
    write_csv_whole(path, chain([COLUMNS], rows), mark=MARK)
