"""Print the README's tables of results, and draw its chart of few words, from the JSON files in benchmarks/results/."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.curve_chart import kind_of, words_chart
from benchmarks.tables import NAMED, RESULTS, words_of
from utilities.command import run_stage
from utilities.safe_files import whole_file

HEADER = (
    "images", "start", "model", "words", "processor", "optimizer", "minutes", "epochs", "validation CER", "test CER",
    "exact", "leaning: test CER", "exact", "five views: test CER",
)  # fmt: skip
FIRST_OPTIMIZER = "AdamW"  # of runs from before there was another


def read_all(files: Sequence[Path]) -> list[dict]:
    """What is in each file."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def runs_of(results: Sequence[dict]) -> list[dict]:
    """The runs of accuracy results, each with the `processor` it ran on and its `optimizer`."""
    return [
        {"optimizer": FIRST_OPTIMIZER} | run | {"processor": _processor(result["machine"])}
        for result in results
        for run in result["runs"]
    ]


def accuracy_table(runs: Sequence[dict]) -> str:
    """The runs as a Markdown table, one a line, with their 95 % intervals; those to compare stand together."""
    order = ("training_set", "start", "minutes", "architecture", "words")
    return _markdown(HEADER, map(_cells, sorted(runs, key=lambda run: [run[name] for name in order])))


def runs_by_words(runs: Sequence[dict]) -> list[dict]:
    """The runs of which others differ in the number of words alone; none that also learned from other images."""
    runs = [run for run in runs if not any(run.get(key) for key in NAMED)]
    words = defaultdict(set)
    for run in runs:
        words[kind_of(run)].add(run["words"])
    return [run for run in runs if len(words[kind_of(run)]) > 1]


def speed_table(results: Sequence[dict]) -> str:
    """What `speed.py` measured as a Markdown table, a column for each image set; empty where it did not measure."""
    columns = [_speeds(result) for result in results]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [(name, *(column.get(name, "") for column in columns)) for name in names]
    return _markdown(("", *map(_where, results)), rows)


def _where(result: dict) -> str:
    machine = result["machine"]
    if not machine["gpus"]:
        return f"{result['image_set']}, {_processor(machine)}"
    return f"{result['image_set']}, {', '.join(machine['gpus'])} ({machine['backend']})"


def _processor(machine: dict) -> str:
    """The processor's name without what says nothing: "Intel(R) Xeon(R) Processor" is an Intel Xeon."""
    return machine["cpu"].replace("(R)", "").removesuffix(" Processor")


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ("---",) * len(header), *rows])


def _speeds(result: dict) -> dict[str, str]:
    """Row name -> cell."""
    cells = {
        name: f"{speed['images_per_second']:,.1f} images/s, {100 * speed['utilisation']:.0f} % of the machine"
        for name, speed in result["speed"].items()
    }
    opened = result["opening"]
    return (
        cells
        | {name: f"{ratio:.2f}" for name, ratio in result["ratios"].items()}
        | {
            f"opening a set of {opened['rows']:,} rows": f"{opened['seconds']:.1f} s",
            "starting from the cache / decoding": f"{result['cache']['ratio']:.0f} times faster",
            "pixels computed, of one canvas for all": f"{100 * result['padding']['of_widest_needed']:.0f} %",
            "memory, file to text": f"{result['speed']['file to text']['peak_memory_mb']:,.0f} MB",
        }
    )


def _cells(run: dict) -> tuple[str, ...]:
    def percent(found, name):
        if not found:  # measured before the toolkit could read so
            return ""
        low, high = (found[f"{name}_{end}"] for end in ("low", "high"))
        interval = "" if low is None else f" ({100 * low:.1f} to {100 * high:.1f})"  # of one group there is none
        return f"{100 * found[name]:.1f} %{interval}"

    return (
        run["training_set"].split("/")[0],
        run["start"],
        run["architecture"],
        words_of(run),
        run["processor"],
        run["optimizer"],
        f"{run['seconds'] / 60:.0f} of {run['minutes']:g}",
        str(run["epochs"]),
        f"{100 * run['val_cer']:.1f} %",
        *(percent(found, name) for found in (run, run.get("leaning")) for name in ("cer", "exact")),
        percent(run.get("several_views"), "cer"),
    )


def run() -> None:
    """Print the tables of all files, and draw a chart of few words for each test set."""
    runs = runs_of(read_all(sorted(RESULTS.glob("accuracy-*.json"))))
    print(accuracy_table(runs))
    print()
    print(speed_table(read_all(sorted(RESULTS.glob("speed-*.json")))))
    few = runs_by_words(runs)
    for test_set in sorted({run["test_set"] for run in few}):
        chart = RESULTS / f"words-{test_set.replace('/', '-')}.png"
        with whole_file(chart) as temporary:
            words_chart([run for run in few if run["test_set"] == test_set]).savefig(temporary)
        print(f"\nDrawn: {chart.relative_to(RESULTS.parents[1])}")


if __name__ == "__main__":
    sys.exit(run_stage(run))
