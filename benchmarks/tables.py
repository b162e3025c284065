"""A benchmark's output: one table on the screen, one JSON file."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from utilities.hyperparameters import DEFAULTS
from utilities.safe_files import write_text_whole

RESULTS = Path(__file__).resolve().parent / "results"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell: the first to the left, the others to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def model_of(run: dict) -> str:
    """The architecture of a run of `accuracy_runs`, and what units its LSTMs have if not those of setup.cfg."""
    values, usual = run.get("hyperparameters", {}), DEFAULTS[run["architecture"]]
    units = [values.get(name, getattr(usual, name)) for name in ("num_units_lstm1", "num_units_lstm2")]
    if units == [usual.num_units_lstm1, usual.num_units_lstm2]:
        return run["architecture"]
    return f"{run['architecture']}, LSTMs of {' and '.join(map(str, dict.fromkeys(units)))}"


# what else a run of `accuracy_runs` may learn from, by its key in the run: first what the user names; whether words are
# drawn follows from the number of words and of epochs
NAMED = {"untranscribed": "untranscribed", "rehearsed": "learnt again"}
BESIDE = NAMED | {"synthetic": "drawn by the computer"}


def words_of(run: dict, unit: str = "", named: Mapping[str, str] = BESIDE) -> str:
    """What a run of `accuracy_runs` learned from: its own words, `unit` behind their number, and others `named` so."""
    more = ((run.get(key), name) for key, name in named.items())
    return " and ".join([f"{run['words']:,}{unit}", *(f"{number:,} {name}" for number, name in more if number)])


def write_json(path: Path, result: dict) -> None:
    """Write the result whole; numbers that are none become null, since JSON knows no NaN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_whole(path, json.dumps(_plain(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value
