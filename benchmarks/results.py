"""Print the README's table of results from the JSON files that `accuracy.py` wrote to benchmarks/results/."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.tables import RESULTS

HEADER = ("images", "start", "model", "words", "minutes", "epochs", "validation CER", "test CER", "exact")


def runs_of(files: Sequence[Path]) -> list[dict]:
    """The runs of accuracy files, in the order of the files and of each file."""
    return [run for file in files for run in json.loads(file.read_text(encoding="utf-8"))["runs"]]


def markdown_table(runs: Sequence[dict]) -> str:
    """The runs as a Markdown table, one a line, with their 95 % intervals."""
    lines = [HEADER, ("---",) * len(HEADER), *map(_cells, runs)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(run: dict) -> tuple[str, ...]:
    def percent(name):
        low, high = (f"{100 * run[f'{name}_{end}']:.1f}" for end in ("low", "high"))
        return f"{100 * run[name]:.1f} % ({low} to {high})"

    return (
        run["training_set"].split("/")[0],
        run["start"],
        run["architecture"],
        f"{run['words']:,}",
        f"{run['seconds'] / 60:.0f}",
        str(run["epochs"]),
        f"{100 * run['val_cer']:.1f} %",
        percent("cer"),
        percent("exact"),
    )


def main() -> int:
    """Print the table of all files."""
    print(markdown_table(runs_of(sorted(RESULTS.glob("accuracy-*.json")))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
