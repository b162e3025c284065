"""The hyperparameters of every architecture: their keys, ranges and defaults, in one table."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

ACTIVATIONS = ("relu", "elu", "gelu", "selu", "silu", "tanh", "leaky_relu")


@dataclass(frozen=True)
class Hyperparameters:
    """One choice of values. Batch size in images, kernel size in px, units per direction, dropout as a fraction."""

    batch_size: int
    kernel_size: int
    activation: str
    num_units_dense: int
    dropout: float
    num_units_lstm1: int
    num_units_lstm2: int
    learning_rate: float


@dataclass(frozen=True)
class Field:
    """How a hyperparameter is called in setup.cfg, read from text, and limited."""

    key: str
    kind: type
    allowed: str
    is_allowed: Callable[[object], bool]
    help: str
    clean: Callable[[str], str] = str.strip  # applied to the text before `kind` reads it
    logarithmic: bool = False  # between 0.001 and 0.01 as many values are tried as between 0.0001 and 0.001


def _whole(key: str, low: int, high: int, what: str) -> Field:
    return Field(key, int, f"a whole number from {low} to {high}", lambda v: low <= v <= high, what)


FIELDS: dict[str, Field] = {
    "batch_size": _whole("BATCH_SIZE", 1, 4096, "images a training step"),
    "kernel_size": _whole("KERNEL_SIZE", 1, 15, "side of the convolutions' square kernels, in px"),
    "activation": Field(
        "ACTIVATION_FUNCTION",
        str,
        f"one of {', '.join(ACTIVATIONS)}",
        lambda v: v in ACTIVATIONS,
        "activation of the convolutions and the dense layer",
        clean=lambda text: text.strip(" \t'\""),  # one published settings file has quotes around it
    ),
    "num_units_dense": _whole(
        "NUM_UNITS_DENSE", 0, 8192, "units of the dense layer before the LSTMs; 0: no such layer"
    ),
    "dropout": Field(
        "DROPOUT",
        float,
        "a number from 0 up to but not 1",
        lambda v: 0 <= v < 1,
        "share of features dropped in training",
    ),
    "num_units_lstm1": _whole("NUM_UNITS_LSTM1", 1, 8192, "units of the first LSTM, in each direction"),
    "num_units_lstm2": _whole("NUM_UNITS_LSTM2", 1, 8192, "units of every later LSTM, in each direction"),
    "learning_rate": Field(
        "LEARNING_RATE",
        float,
        "a number above 0 and at most 1",
        lambda v: 0 < v <= 1,
        "peak step size of the optimizer",
        logarithmic=True,
    ),
}
# what the tuner varies, in the order of its tables and of a trial's name
TUNED = ("batch_size", "kernel_size", "num_units_dense", "dropout", "num_units_lstm1", "learning_rate")
DEFAULTS: dict[str, Hyperparameters] = {
    # as published, but for the learning rate, which was 0.001
    "classic": Hyperparameters(105, 5, "relu", 128, 0.12489316869910207, 512, 1024, 0.0005),
    "compact": Hyperparameters(16, 3, "relu", 128, 0.2, 128, 128, 0.002),
    "residual": Hyperparameters(16, 3, "relu", 128, 0.2, 128, 128, 0.002),
    "retsinas": Hyperparameters(100, 3, "relu", 0, 0.2, 256, 256, 0.001),  # the paper's; it has no dense layer
}
ARCHITECTURES = tuple(DEFAULTS)
DEFAULT_ARCHITECTURE = "residual"
# what is tried where [tune] lists nothing: eight trials
DEFAULT_GRID: dict[str, tuple] = {"dropout": (0.1, 0.3), "num_units_lstm1": (128, 256), "learning_rate": (0.001, 0.002)}


def parse_value(name: str, text: str) -> object:
    """The value of a hyperparameter from text. Raises ValueError that says what was received and what is allowed."""
    field = FIELDS[name]
    try:
        value = field.kind(field.clean(text))
    except ValueError:
        value = None
    if value is None or not field.is_allowed(value):
        raise ValueError(f"{field.key} = {text.strip()}: allowed is {field.allowed}")
    return value


def resolve(architecture: str, *overrides: Mapping[str, object]) -> Hyperparameters:
    """The architecture's defaults with each mapping's values in turn; later ones win."""
    values = asdict(DEFAULTS[architecture])
    for override in overrides:
        values.update(override)
    return Hyperparameters(**values)


def as_settings(hyperparameters: Hyperparameters) -> dict[str, str]:
    """setup.cfg key -> text that reads back to the same value."""
    return {FIELDS[name].key: str(value) for name, value in asdict(hyperparameters).items()}


def combination_name(h: Hyperparameters) -> str:
    """A short name of the six tuned values that can be a folder's; different values give different names."""
    return (
        f"batch{h.batch_size}-kernel{h.kernel_size}-dense{h.num_units_dense}-dropout{_short(h.dropout)}"
        f"-lstm{h.num_units_lstm1}-lr{_short(h.learning_rate)}"
    )


def _short(value: float) -> str:
    rounded = f"{value:g}"
    return rounded if float(rounded) == value else repr(value)
