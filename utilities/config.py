"""setup.cfg -> frozen dataclasses. Every problem of a file is reported at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utilities.hyperparameters import DEFAULT_GRID, FIELDS, TUNED, Hyperparameters, as_settings, resolve
from utilities.search_space import Range, SearchSpace
from utilities.setting_keys import BASE_SET, FOLDER, HYPERPARAMETER_KEYS, KEYS, UNTRANSCRIBED
from utilities.settings_file import checked_settings, settings_error, settings_text

STAGE_SECTIONS = {"check": "train", "tune": "tune", "train": "train", "transfer": "train", "predict": "test"}  # images


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
    """[tune]: the search; `space` has the values for each name in TUNED, `storage` is None for the log folder's."""

    image_set: Path | None
    num_epochs: int
    seed: int
    space: SearchSpace
    method: str
    num_calls: int
    num_random_starts: int
    prune: bool
    storage: str | None
    workers: int


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
    synthetic_words: int
    architecture: str
    hyperparameters: Mapping[str, object]


@dataclass(frozen=True)
class Transfer:
    """[transfer]: the two phases; image sets to rehearse (`base_set`) and to learn from without a transcription."""

    retraining_epochs: int
    fine_tuning_epochs: int
    retraining_learning_rate: float
    fine_tuning_learning_rate: float
    max_minutes: float | None
    base_set: Path | None
    untranscribed: Path | None


@dataclass(frozen=True)
class Test:
    """[test]: what to read."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    image_set: Path | None
    lexicon: Path | None
    language_weight: float | None
    several_views: bool
    target_error: float


@dataclass(frozen=True)
class Config:
    """A whole settings file. An `image_set` is None where the file names none."""

    path: Path
    project: Project
    tune: Tune
    train: Train
    transfer: Transfer
    test: Test


GIVE_HYPERPARAMETERS = (
    "Give the tuner's best_hyperparameters.cfg, or leave --hyperparameters out: then the values of setup.cfg are used."
)
TUNE_EPOCHS = 15  # where neither [tune] nor [train] says: enough to rank the trials


def load_config(path: Path, stage: str) -> Config:
    """Read and check a settings file for a stage (a key of STAGE_SECTIONS).

    Everything in the file is checked; only the image set that the stage reads must exist.
    Raises SettingsError that lists every problem with its section, key, value, and what is allowed.
    """
    path = Path(path)
    given, values, problems = checked_settings(path, KEYS)
    folders = {s: _path(path, values[s]["IMAGE_SET_NAME"]) for s in ("tune", "train", "test")}
    read_from = [STAGE_SECTIONS[stage]]  # the sections that may name the stage's image set, the first that does wins
    if read_from == ["tune"]:
        read_from.append("train")
        folders["tune"] = folders["tune"] or folders["train"]
    problems += _image_set_problems(given, folders, read_from) + _range_problems(given, values["tune"])
    for key in (BASE_SET, UNTRANSCRIBED):
        more = _path(path, values["transfer"][key])
        if stage == "transfer" and more:
            problems += _folder_problems(given, "transfer", key, more)
    if problems:
        raise settings_error(path, problems)
    return _assemble(path, given, values, folders)


def _range_problems(given: dict[str, dict[str, str]], tune: dict[str, object]) -> list[str]:
    """A grid has no end with a range in it."""
    ranges = [FIELDS[name].key for name in TUNED if isinstance(tune[FIELDS[name].key], Range)]
    if tune["METHOD"] != "grid":
        return []
    advice = "a range needs METHOD = random or bayes; for a grid, allowed are values with commas between"
    return [f"[tune] {key} = {given['tune'][key]}: {advice}" for key in ranges]


def _image_set_problems(given: dict, folders: dict[str, Path | None], read_from: Sequence[str]) -> list[str]:
    first = read_from[0]
    if first not in given:
        return [f"[{first}] is missing: this stage needs that section, with IMAGE_SET_NAME"]
    folder = folders[first]
    named = [section for section in read_from if "IMAGE_SET_NAME" in given.get(section, {})]
    if folder is None:  # a name that is refused has its own message already
        return [] if named else [f"[{first}] IMAGE_SET_NAME is missing: allowed is {FOLDER.allowed}"]
    return _folder_problems(given, named[0], "IMAGE_SET_NAME", folder)


def _folder_problems(given: dict, section: str, key: str, folder: Path) -> list[str]:
    try:
        folder.stat()
        found = "that is a file" if not folder.is_dir() else ""
    except FileNotFoundError:
        found = "no such folder"
    except OSError as error:
        found = f"no such folder can be read ({error.strerror})"
    name = given[section][key]
    return [f"[{section}] {key} = {name}: {found}: {folder.absolute()}; allowed is {FOLDER.allowed}"] if found else []


def _path(path: Path, name: str | None) -> Path | None:
    if name is None:
        return None
    try:
        return path.parent / Path(name).expanduser()
    except RuntimeError:  # ~someone who has no home here: then it is a name like any other
        return path.parent / name


def _assemble(path: Path, given: dict, values: dict[str, dict], folders: dict[str, Path | None]) -> Config:
    project, tune, train, transfer, test = (values[s] for s in ("project", "tune", "train", "transfer", "test"))
    lexicon = _path(path, test["LEXICON"])
    chosen = {name: train[f.key] for name, f in FIELDS.items() if train[f.key] is not None}
    if project["BATCH_SIZE"] is not None:  # the older published file has it there
        chosen.setdefault("batch_size", project["BATCH_SIZE"])
    base = resolve(train["ARCHITECTURE"], chosen)
    lists = {n: tune[FIELDS[n].key] for n in TUNED if tune[FIELDS[n].key] is not None} or DEFAULT_GRID
    space = {n: lists.get(n, (getattr(base, n),)) for n in TUNED}
    epochs_in_train = train["NUM_EPOCHS"] if "NUM_EPOCHS" in given.get("train", {}) else TUNE_EPOCHS
    epochs = epochs_in_train if tune["NUM_EPOCHS"] is None else tune["NUM_EPOCHS"]
    seed = train["SEED"] if tune["SEED"] is None else tune["SEED"]
    plain = [key for key in KEYS["train"] if key not in ("IMAGE_SET_NAME", *HYPERPARAMETER_KEYS)]
    return Config(
        path=path,
        project=Project(**{k.lower(): v for k, v in project.items() if k != "BATCH_SIZE"}),
        tune=Tune(
            folders["tune"],
            epochs,
            seed,
            space,
            tune["METHOD"],
            tune["NUM_CALLS"],
            tune["NUM_RANDOM_STARTS"],
            tune["METHOD"] != "grid" if tune["PRUNE"] is None else tune["PRUNE"],
            tune["STORAGE"],
            tune["WORKERS"],
        ),
        train=Train(folders["train"], hyperparameters=chosen, **{k.lower(): train[k] for k in plain}),
        transfer=Transfer(
            base_set=_path(path, transfer[BASE_SET]),
            untranscribed=_path(path, transfer[UNTRANSCRIBED]),
            **{k.lower(): v for k, v in transfer.items() if k not in (BASE_SET, UNTRANSCRIBED)},
        ),
        test=Test(
            folders["test"],
            lexicon,
            **{k.lower(): test[k] for k in ("LANGUAGE_WEIGHT", "SEVERAL_VIEWS", "TARGET_ERROR")},
        ),
    )


def read_hyperparameters(path: Path) -> tuple[str | None, dict[str, object]]:
    """Architecture (None if not given) and hyperparameters of a `best_hyperparameters.cfg`. Raises SettingsError."""
    allowed = {"train": {"ARCHITECTURE": KEYS["train"]["ARCHITECTURE"], **HYPERPARAMETER_KEYS}}
    given, values, problems = checked_settings(Path(path), allowed, GIVE_HYPERPARAMETERS)
    if not given.get("train"):
        problems.append("[train] is missing or empty: it holds the hyperparameters")
    if problems:
        raise settings_error(path, problems, GIVE_HYPERPARAMETERS)
    present = given["train"]
    architecture = values["train"]["ARCHITECTURE"] if "ARCHITECTURE" in present else None
    return architecture, {name: values["train"][f.key] for name, f in FIELDS.items() if f.key in present}


def format_hyperparameters(architecture: str, hyperparameters: Hyperparameters, notes: Sequence[str]) -> str:
    """The text of a `best_hyperparameters.cfg`, with the notes as comments on top."""
    return settings_text({"train": {"ARCHITECTURE": architecture} | as_settings(hyperparameters)}, notes)
