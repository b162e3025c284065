"""setup.cfg -> frozen dataclasses. Every problem of a file is reported at once; the only importer of configparser."""

import configparser
import difflib
import io
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from utilities.errors import UserError
from utilities.hyperparameters import (
    ARCHITECTURES,
    DEFAULT_ARCHITECTURE,
    DEFAULT_GRID,
    FIELDS,
    TUNED,
    Hyperparameters,
    as_settings,
    parse_value,
    resolve,
)

STAGE_SECTIONS = {"tune": "tune", "train": "train", "transfer": "train", "predict": "test"}  # whose images it reads


class SettingsError(UserError, ValueError):
    """A settings file that cannot be used; the text lists every problem."""


@dataclass(frozen=True)
class Project:
    """[project]: what all stages share."""

    image_format: str
    max_label_length: int
    img_height: int
    img_width: int
    metadata_file_name: str
    metadata_image_column: str
    metadata_transcription_column: str
    metadata_group_column: str | None
    alphabet: str | None
    model_format: str
    on_bad_rows: str


@dataclass(frozen=True)
class Tune:
    """[tune]: the grid; `grid` has a tuple of values for each name in TUNED."""

    image_set: Path | None
    num_epochs: int
    seed: int
    grid: Mapping[str, tuple]
    num_calls: int | None
    num_random_starts: int | None


@dataclass(frozen=True)
class Train:
    """[train]: how to train; `hyperparameters` holds only those that the file gives."""

    image_set: Path | None
    num_epochs: int
    seed: int
    early_stopping: bool
    patience: int
    validation_share: float
    max_minutes: float | None
    architecture: str
    hyperparameters: Mapping[str, object]


@dataclass(frozen=True)
class Transfer:
    """[transfer]: the two phases."""

    retraining_epochs: int
    fine_tuning_epochs: int
    retraining_learning_rate: float
    fine_tuning_learning_rate: float
    max_minutes: float | None


@dataclass(frozen=True)
class Test:
    """[test]: what to read."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    image_set: Path | None


@dataclass(frozen=True)
class Config:
    """A whole settings file. An `image_set` is None where the file names none."""

    path: Path
    project: Project
    tune: Tune
    train: Train
    transfer: Transfer
    test: Test


@dataclass(frozen=True)
class _Key:
    """One key: its default, how its text becomes a value, and what is allowed (for the message)."""

    default: object
    convert: Callable[[str], object]
    allowed: str
    may_be_empty: bool = False  # empty means absent
    may_have_lines: bool = False  # its value may go on in indented lines


class _Detail(ValueError):
    """A refusal that says more than what is allowed."""


def _number(kind: type, low: float, high: float, above: bool = False) -> Callable[[str], object]:
    def convert(text):
        value = kind(text)
        if not (low < value if above else low <= value) or value > high:
            raise ValueError
        return value

    return convert


def _whole(default: int | None, low: int, high: int) -> _Key:
    return _Key(default, _number(int, low, high), f"a whole number from {low} to {high}")


def _above_zero(default: float | None, high: float, what: str = "a number", may_be_empty: bool = False) -> _Key:
    return _Key(default, _number(float, 0, high, above=True), f"{what} above 0 and at most {high:g}", may_be_empty)


def _choice(default: object, allowed: str, values: Mapping[str, object]) -> _Key:
    return _Key(default, lambda text: values[text.lower()], allowed)


def _one_of(default: str, *choices: str) -> _Key:
    return _choice(default, " or ".join(choices), {choice: choice for choice in choices})


def _text(default: str | None, allowed: str, may_be_empty: bool = False) -> _Key:
    def convert(text):
        if not text or "\0" in text:
            raise ValueError
        return text

    return _Key(default, convert, allowed, may_be_empty)


def _alphabet(text: str) -> str:
    text = unicodedata.normalize("NFC", text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text)
    twice = sorted({c for c in text if text.count(c) > 1})
    if twice:
        raise _Detail(f"more than once: {' '.join(map(repr, twice))}")
    if not text:
        raise ValueError
    return text


def _list_of(name: str) -> _Key:
    def convert(text):
        parts = [part.strip() for part in text.split(",")]
        for part in parts:
            try:
                parse_value(name, part)
            except ValueError:
                raise _Detail(f"{part!r} cannot be in the list") from None
        return tuple(dict.fromkeys(parse_value(name, part) for part in parts))

    return _Key(None, convert, f"values with commas between, each {FIELDS[name].allowed}", may_have_lines=True)


_COUNT = (1, 100_000)
_MINUTES = _above_zero(None, 100_000, "a number of minutes", may_be_empty=True)
_FOLDER = _text(None, "a folder of images, written relative to the settings file's folder")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_HYPERPARAMETERS = {f.key: _Key(None, partial(parse_value, name), f.allowed) for name, f in FIELDS.items()}
_KEYS: dict[str, dict[str, _Key]] = {
    "project": {
        "IMAGE_FORMAT": _one_of("png", "png", "jpg", "jpeg", "tif", "tiff"),
        "MAX_LABEL_LENGTH": _whole(40, 1, 1000),
        "BATCH_SIZE": _HYPERPARAMETERS["BATCH_SIZE"],  # where the older published file has it
        "IMG_HEIGHT": _whole(48, 16, 1024),
        "IMG_WIDTH": _whole(512, 16, 8192),
        "METADATA_FILE_NAME": _text("words_metadata.csv", "a file name"),
        "METADATA_IMAGE_COLUMN": _text("image_location", "a column name"),
        "METADATA_TRANSCRIPTION_COLUMN": _text("transcription", "a column name"),
        "METADATA_GROUP_COLUMN": _text(None, "a column name", may_be_empty=True),
        "ALPHABET": _Key(None, _alphabet, "characters, each once", may_be_empty=True),
        "MODEL_FORMAT": _one_of("h5", "h5", "keras"),
        "ON_BAD_ROWS": _one_of("stop", "stop", "skip"),
    },
    "tune": {
        "IMAGE_SET_NAME": _FOLDER,
        "NUM_EPOCHS": _whole(None, *_COUNT),  # else [train]'s
        "NUM_CALLS": _whole(None, *_COUNT),
        "NUM_RANDOM_STARTS": _whole(None, 0, 100_000),
        "SEED": _whole(None, 0, 2**31 - 1),  # else [train]'s
        **{FIELDS[name].key: _list_of(name) for name in TUNED},
    },
    "train": {
        "IMAGE_SET_NAME": _FOLDER,
        "NUM_EPOCHS": _whole(125, *_COUNT),
        "MAX_MINUTES": _MINUTES,
        "SEED": _whole(2, 0, 2**31 - 1),
        "EARLY_STOPPING": _choice(True, "True or False", _TRUTH),
        "PATIENCE": _whole(20, *_COUNT),
        "VALIDATION_SHARE": _above_zero(0.1, 0.5),
        "ARCHITECTURE": _one_of(DEFAULT_ARCHITECTURE, *ARCHITECTURES),
        **_HYPERPARAMETERS,
    },
    "transfer": {
        "RETRAINING_EPOCHS": _whole(15, *_COUNT),
        "FINE_TUNING_EPOCHS": _whole(40, *_COUNT),
        "RETRAINING_LEARNING_RATE": _above_zero(0.001, 1),
        "FINE_TUNING_LEARNING_RATE": _above_zero(0.0005, 1),
        "MAX_MINUTES": _MINUTES,
    },
    "test": {"IMAGE_SET_NAME": _FOLDER},
}
TUNE_EPOCHS = 15  # where neither [tune] nor [train] says: enough to rank the trials


def load_config(path: Path, stage: str) -> Config:
    """Read and check a settings file for a stage (a key of STAGE_SECTIONS).

    Everything in the file is checked; only the image set that the stage reads must exist.
    Raises SettingsError that lists every problem with its section, key, value, and what is allowed.
    """
    path = Path(path)
    given = _read(path)
    values, problems = _check(given, _KEYS)
    folders = {s: _folder(path, values[s]["IMAGE_SET_NAME"]) for s in ("tune", "train", "test")}
    read_from = [STAGE_SECTIONS[stage]]  # the sections that may name the stage's image set, the first that does wins
    if read_from == ["tune"]:
        read_from.append("train")
        folders["tune"] = folders["tune"] or folders["train"]
    problems += _image_set_problems(given, folders, read_from)
    if problems:
        raise _error(path, problems)
    return _assemble(path, given, values, folders)


def _image_set_problems(given: dict, folders: dict[str, Path | None], read_from: Sequence[str]) -> list[str]:
    first = read_from[0]
    if first not in given:
        return [f"[{first}] is missing: this stage needs that section, with IMAGE_SET_NAME"]
    folder = folders[first]
    named = [section for section in read_from if "IMAGE_SET_NAME" in given.get(section, {})]
    if folder is None:  # a name that is refused has its own message already
        return [] if named else [f"[{first}] IMAGE_SET_NAME is missing: allowed is {_FOLDER.allowed}"]
    try:
        folder.stat()
        found = "that is a file" if not folder.is_dir() else ""
    except FileNotFoundError:
        found = "no such folder"
    except OSError as error:
        found = f"no such folder can be read ({error.strerror})"
    name = given[named[0]]["IMAGE_SET_NAME"]
    return (
        [f"[{named[0]}] IMAGE_SET_NAME = {name}: {found}: {folder.absolute()}; allowed is {_FOLDER.allowed}"]
        if found
        else []
    )


def _error(path: Path, problems: Sequence[str]) -> SettingsError:
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = [f"{path} has {count}:", *(f"  {p}" for p in problems), "Correct the file and run the command again."]
    return SettingsError("\n".join(lines))


def _read(path: Path) -> dict[str, dict[str, str]]:
    """Section -> key (upper case) -> text, from a file that can be read as settings at all."""
    give = "Give the path of your settings file, such as setup.cfg."
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"There is no settings file {path}. {give}") from None
    except IsADirectoryError:
        raise SettingsError(f"{path} is a folder, not a settings file. {give}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not a text file (in UTF-8), so not a settings file. {give}") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}. {give}") from None
    parser = configparser.ConfigParser(interpolation=None, default_section="\0", empty_lines_in_values=False)
    parser.optionxform = str.upper
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise _error(path, _syntax_problems(error)) from None
    return {section: dict(parser[section]) for section in parser.sections()}


def _syntax_problems(error: configparser.Error) -> list[str]:
    if isinstance(error, configparser.DuplicateOptionError):
        return [f"line {error.lineno}: [{error.section}] {error.option} is given a second time; allowed is once"]
    if isinstance(error, configparser.DuplicateSectionError):
        return [f"line {error.lineno}: section [{error.section}] begins a second time; allowed is once"]
    if isinstance(error, configparser.MissingSectionHeaderError):
        before, sections = repr(error.line.strip()[:60]), " ".join(f"[{s}]" for s in _KEYS)
        return [f"line {error.lineno}: {before} stands before the first section; allowed are the sections {sections}"]
    return [
        f"line {number}: {line[:60]} is neither KEY = VALUE nor [section] nor a comment"
        for number, line in error.errors
    ]


def _check(given: dict[str, dict[str, str]], keys: dict[str, dict[str, _Key]]) -> tuple[dict[str, dict], list[str]]:
    """Values of every known key (given or default), and the problems."""
    problems = []
    values = {section: {key: k.default for key, k in known.items()} for section, known in keys.items()}
    for section, items in given.items():
        if section not in keys:
            allowed = " ".join(f"[{s}]" for s in keys)
            problems.append(
                f"[{section}]: no such section; did you mean [{_nearest(section.lower(), keys)}]? Allowed: {allowed}"
            )
            continue
        for key, text in items.items():
            known, shown = keys[section].get(key), f"[{section}] {key} = {text}".replace("\n", " ")
            if known is None:
                problems.append(f"{shown}: no such key; {_suggestion(section, key, keys)}")
            elif text or not known.may_be_empty:
                try:
                    values[section][key] = _convert(known, text)
                except (ValueError, KeyError) as error:
                    detail = f"{error}; " if isinstance(error, _Detail) else ""
                    problems.append(f"{shown}: {detail}allowed is {known.allowed}")
    return values, problems


def _convert(known: _Key, text: str) -> object:
    if "\n" in text and not known.may_have_lines:
        raise _Detail("the next line begins with a space, so it goes on there; begin each line at the left margin")
    return known.convert(text)


def _suggestion(section: str, key: str, keys: dict[str, dict[str, _Key]]) -> str:
    elsewhere = [f"[{s}]" for s, known in keys.items() if key in known]
    return (
        f"it belongs under {' or '.join(elsewhere)}" if elsewhere else f"did you mean {_nearest(key, keys[section])}?"
    )


def _nearest(word: str, known: Mapping[str, object]) -> str:
    return difflib.get_close_matches(word, known, 1, 0.0)[0]


def _folder(path: Path, name: str | None) -> Path | None:
    if name is None:
        return None
    try:
        return path.parent / Path(name).expanduser()
    except RuntimeError:  # ~someone who has no home here: then it is a name like any other
        return path.parent / name


def _assemble(path: Path, given: dict, values: dict[str, dict], folders: dict[str, Path | None]) -> Config:
    project, tune, train, transfer = (values[s] for s in ("project", "tune", "train", "transfer"))
    chosen = {name: train[f.key] for name, f in FIELDS.items() if train[f.key] is not None}
    if project["BATCH_SIZE"] is not None:  # the older published file has it there
        chosen.setdefault("batch_size", project["BATCH_SIZE"])
    base = resolve(train["ARCHITECTURE"], chosen)
    lists = {n: tune[FIELDS[n].key] for n in TUNED if tune[FIELDS[n].key] is not None} or DEFAULT_GRID
    grid = {n: lists.get(n, (getattr(base, n),)) for n in TUNED}
    epochs_in_train = train["NUM_EPOCHS"] if "NUM_EPOCHS" in given.get("train", {}) else TUNE_EPOCHS
    epochs = epochs_in_train if tune["NUM_EPOCHS"] is None else tune["NUM_EPOCHS"]
    seed = train["SEED"] if tune["SEED"] is None else tune["SEED"]
    plain = ("NUM_EPOCHS", "SEED", "EARLY_STOPPING", "PATIENCE", "VALIDATION_SHARE", "MAX_MINUTES", "ARCHITECTURE")
    return Config(
        path=path,
        project=Project(**{k.lower(): v for k, v in project.items() if k != "BATCH_SIZE"}),
        tune=Tune(folders["tune"], epochs, seed, grid, tune["NUM_CALLS"], tune["NUM_RANDOM_STARTS"]),
        train=Train(folders["train"], hyperparameters=chosen, **{k.lower(): train[k] for k in plain}),
        transfer=Transfer(**{k.lower(): v for k, v in transfer.items()}),
        test=Test(folders["test"]),
    )


def read_hyperparameters(path: Path) -> tuple[str | None, dict[str, object]]:
    """Architecture (None if not given) and hyperparameters of a `best_hyperparameters.cfg`. Raises SettingsError."""
    allowed = {"train": {"ARCHITECTURE": _KEYS["train"]["ARCHITECTURE"], **_HYPERPARAMETERS}}
    given = _read(Path(path))
    values, problems = _check(given, allowed)
    if not given.get("train"):
        problems.append("[train] is missing or empty: it holds the hyperparameters")
    if problems:
        raise _error(path, problems)
    present = given["train"]
    architecture = values["train"]["ARCHITECTURE"] if "ARCHITECTURE" in present else None
    return architecture, {name: values["train"][f.key] for name, f in FIELDS.items() if f.key in present}


def format_hyperparameters(architecture: str, hyperparameters: Hyperparameters, notes: Sequence[str]) -> str:
    """The text of a `best_hyperparameters.cfg`, with the notes as comments on top."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str.upper
    parser["train"] = {"ARCHITECTURE": architecture} | as_settings(hyperparameters)
    text = io.StringIO()
    parser.write(text)
    return "".join(f"# {line}\n" for note in notes for line in note.splitlines()) + text.getvalue()
