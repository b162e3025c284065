"""Every key of setup.cfg, with its default and what is allowed, in one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from utilities.hyperparameters import ARCHITECTURES, DEFAULT_ARCHITECTURE, FIELDS, TUNED, parse_value
from utilities.search_space import parse_values
from utilities.texts import normalize


@dataclass(frozen=True)
class Key:
    """One key: its default, how its text becomes a value, and what is allowed (for the message)."""

    default: object
    convert: Callable[[str], object]
    allowed: str
    may_be_empty: bool = False  # empty means absent
    may_have_lines: bool = False  # its value may go on in indented lines


class Refusal(ValueError):
    """A refusal that says more than what is allowed."""


def _number(kind: type, low: float, high: float, above: bool = False) -> Callable[[str], object]:
    def convert(text):
        value = kind(text)
        if not (low < value if above else low <= value) or value > high:
            raise ValueError
        return value

    return convert


def _whole(default: int | None, low: int, high: int) -> Key:
    return Key(default, _number(int, low, high), f"a whole number from {low} to {high}")


def _above_zero(default: float | None, high: float, what: str = "a number", may_be_empty: bool = False) -> Key:
    return Key(default, _number(float, 0, high, above=True), f"{what} above 0 and at most {high:g}", may_be_empty)


def _choice(default: object, allowed: str, values: Mapping[str, object]) -> Key:
    return Key(default, lambda text: values[text.lower()], allowed)


def _one_of(default: str, *choices: str) -> Key:
    return _choice(default, " or ".join(choices), {choice: choice for choice in choices})


def _text(default: str | None, allowed: str, may_be_empty: bool = False) -> Key:
    def convert(text):
        if not text or "\0" in text:
            raise ValueError
        return text

    return Key(default, convert, allowed, may_be_empty)


def _alphabet(text: str) -> str:
    text = normalize(text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text)
    twice = sorted({c for c in text if text.count(c) > 1})
    if twice:
        raise Refusal(f"more than once: {' '.join(map(repr, twice))}")
    if not text:
        raise ValueError
    return text


def _values_of(name: str) -> Key:
    def convert(text):
        try:
            return parse_values(name, text)
        except ValueError as error:
            raise Refusal(str(error)) from None

    each = f"each {FIELDS[name].allowed}"
    return Key(None, convert, f"values with commas between, or a range LOW..HIGH, {each}", may_have_lines=True)


_COUNT = (1, 100_000)
_MINUTES = _above_zero(None, 100_000, "a number of minutes", may_be_empty=True)
FOLDER = _text(None, "a folder of images, written without quotes, relative to the settings file's folder")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
HYPERPARAMETER_KEYS = {f.key: Key(None, partial(parse_value, name), f.allowed) for name, f in FIELDS.items()}
BASE_SET, UNTRANSCRIBED = "BASE_SET_NAME", "UNTRANSCRIBED_SET_NAME"  # under [transfer]
KEYS: dict[str, dict[str, Key]] = {
    "project": {
        "IMAGE_FORMAT": _one_of("png", "png", "jpg", "jpeg", "tif", "tiff"),
        "MAX_LABEL_LENGTH": _whole(40, 1, 1000),
        "BATCH_SIZE": HYPERPARAMETER_KEYS["BATCH_SIZE"],  # where the older published file has it
        "IMG_HEIGHT": _whole(40, 16, 1024),
        "IMG_WIDTH": _whole(512, 16, 8192),
        "METADATA_FILE_NAME": _text("words_metadata.csv", "a file name"),
        "METADATA_IMAGE_COLUMN": _text("image_location", "a column name"),
        "METADATA_TRANSCRIPTION_COLUMN": _text("transcription", "a column name"),
        "METADATA_GROUP_COLUMN": _text(None, "a column name", may_be_empty=True),
        "ALPHABET": Key(None, _alphabet, "characters, each once", may_be_empty=True),
        "MODEL_FORMAT": _one_of("h5", "h5", "keras"),
        "ON_BAD_ROWS": _one_of("stop", "stop", "skip"),
    },
    "tune": {
        "IMAGE_SET_NAME": FOLDER,
        "NUM_EPOCHS": _whole(None, *_COUNT),  # else [train]'s
        "METHOD": _one_of("grid", "grid", "random", "bayes"),
        "NUM_CALLS": _whole(30, *_COUNT),
        "NUM_RANDOM_STARTS": _whole(5, *_COUNT),
        "PRUNE": _choice(None, "True or False", _TRUTH),  # else by METHOD
        "STORAGE": _text(None, "an address of a database, such as sqlite:///search.db", may_be_empty=True),
        "WORKERS": _whole(1, 1, 1000),
        "SEED": _whole(None, 0, 2**31 - 1),  # else [train]'s
        **{FIELDS[name].key: _values_of(name) for name in TUNED},
    },
    "train": {
        "IMAGE_SET_NAME": FOLDER,
        "NUM_EPOCHS": _whole(250, *_COUNT),
        "MAX_MINUTES": _MINUTES,
        "SEED": _whole(2, 0, 2**31 - 1),
        "EARLY_STOPPING": _choice(False, "True or False", _TRUTH),
        "PATIENCE": _whole(20, *_COUNT),
        "VALIDATION_SHARE": _above_zero(0.1, 0.5),
        "SYNTHETIC_WORDS": _whole(5000, 0, 100_000),
        "ARCHITECTURE": _one_of(DEFAULT_ARCHITECTURE, *ARCHITECTURES),
        **HYPERPARAMETER_KEYS,
    },
    "transfer": {
        "RETRAINING_EPOCHS": _whole(10, *_COUNT),
        "FINE_TUNING_EPOCHS": _whole(250, *_COUNT),
        "RETRAINING_LEARNING_RATE": _above_zero(0.003, 1),
        "FINE_TUNING_LEARNING_RATE": _above_zero(0.0015, 1),
        "MAX_MINUTES": _MINUTES,
        BASE_SET: _text(None, FOLDER.allowed, may_be_empty=True),
        UNTRANSCRIBED: _text(None, FOLDER.allowed, may_be_empty=True),
    },
    "test": {
        "IMAGE_SET_NAME": FOLDER,
        "LEXICON": _text(
            None, "a text file, written without quotes, relative to the settings file's folder", may_be_empty=True
        ),
        "LANGUAGE_WEIGHT": Key(  # else language_model.WEIGHT
            None, _number(float, 0, 2), "a number from 0 (only what the image shows) to 2", may_be_empty=True
        ),
        "SEVERAL_VIEWS": _choice(False, "True or False", _TRUTH),
        "TARGET_ERROR": Key(0.01, _number(float, 0.0001, 0.5), "a share from 0.0001 to 0.5, such as 0.01 for 1 in 100"),
    },
}
