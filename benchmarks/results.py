"""Print the tables of results of the README and of RESULTS.md, and draw their chart of few words.

All are made from the JSON files in benchmarks/results/.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.curve_chart import kind_of, words_chart
from benchmarks.tables import NAMED, RESULTS, model_of, words_of
from utilities.command import run_stage
from utilities.counts import percent
from utilities.safe_files import whole_file

HEADER = (
    "images", "start", "model", "words", "processor", "optimizer", "minutes", "epochs", "validation CER", "test CER",
    "exact", "leaning: test CER", "exact", "five views: test CER",
)  # fmt: skip
SHORT_HEADER = (
    "images", "words", "start", "model", "minutes", "wrong characters", "exact words", "five views: wrong characters",
    "the image alone: wrong characters",
)  # fmt: skip
SHORT_SPEEDS_OF = "dhsd_words/test"
SHORT_SPEEDS = (
    "network alone",
    "file to text",
    "training",
    "classic, original settings: network alone",
    "network alone / original's",
    "file to text / network alone",
)
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


def short_accuracy_table(runs: Sequence[dict]) -> str:
    """The README's table: what stage 4 writes, and of runs that only the machine's pace tells apart the longest."""
    longest = {}
    for run in sorted(runs, key=lambda run: run["epochs"]):
        beside = tuple(run.get(key) or 0 for key in NAMED)
        longest[run["training_set"], run["start"], run["minutes"], run["words"], beside, model_of(run)] = run
    return _markdown(SHORT_HEADER, (_short_cells(longest[key]) for key in sorted(longest)))


def runs_by_words(runs: Sequence[dict]) -> list[dict]:
    """The runs of which others differ in the number of words alone; none that also learned from other images."""
    runs = [run for run in runs if not any(run.get(key) for key in NAMED)]
    words = defaultdict(set)
    for run in runs:
        words[kind_of(run)].add(run["words"])
    return [run for run in runs if len(words[kind_of(run)]) > 1]


def speed_table(results: Sequence[dict], names: Sequence[str] = ()) -> str:
    """What `speed.py` measured as a Markdown table, a column for each image set; empty where it did not measure.

    All its rows, or those of these names.
    """
    columns = [_speeds(result) for result in results]
    names = names or list(dict.fromkeys(name for column in columns for name in column))
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
        name: f"{speed['images_per_second']:,.1f} images/s, {percent(100 * speed['utilisation'], 0)} % of the machine"
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


def short_speed_table(results: Sequence[dict]) -> str:
    """The README's rows of `speed_table`, of one image set."""
    return speed_table([result for result in results if result["image_set"] == SHORT_SPEEDS_OF], SHORT_SPEEDS)


def _percent(found: dict | None, name: str) -> str:
    """A share with its interval, in percent; nothing where it was not measured."""
    if not found:  # the toolkit could not read so yet
        return ""
    low, high = (found[f"{name}_{end}"] for end in ("low", "high"))
    interval = "" if low is None else f" ({100 * low:.1f} to {100 * high:.1f})"  # of one group there is none
    return f"{100 * found[name]:.1f} %{interval}"


def _images_of(run: dict) -> str:
    return run["training_set"].split("/")[0]


def _short_cells(run: dict) -> tuple[str, ...]:
    leaning = run.get("leaning")
    return (
        _images_of(run),
        words_of(run, named=NAMED),
        run["start"],
        model_of(run),
        f"{run['minutes']:g}",
        _percent(leaning, "cer"),
        f"{100 * leaning['exact']:.1f} %" if leaning else "",
        *(f"{100 * found['cer']:.1f} %" if found else "" for found in (run.get("several_views"), run)),
    )


def _cells(run: dict) -> tuple[str, ...]:
    return (
        _images_of(run),
        run["start"],
        model_of(run),
        words_of(run),
        run["processor"],
        run["optimizer"],
        f"{run['seconds'] / 60:.0f} of {run['minutes']:g}",
        str(run["epochs"]),
        f"{100 * run['val_cer']:.1f} %",
        *(_percent(found, name) for found in (run, run.get("leaning")) for name in ("cer", "exact")),
        _percent(run.get("several_views"), "cer"),
    )


def run() -> None:
    """Print the tables of all files, and draw a chart of few words for each test set."""
    runs = runs_of(read_all(sorted(RESULTS.glob("accuracy-*.json"))))
    speeds = read_all(sorted(RESULTS.glob("speed-*.json")))
    for file, tables in {
        "README.md": (short_accuracy_table(runs), short_speed_table(speeds)),
        "benchmarks/RESULTS.md": (accuracy_table(runs), speed_table(speeds)),
    }.items():
        print(f"{file}:", *tables, sep="\n\n", end="\n\n")
    few = runs_by_words(runs)
    for test_set in sorted({run["test_set"] for run in few}):
        chart = RESULTS / f"words-{test_set.replace('/', '-')}.png"
        with whole_file(chart) as temporary:
            words_chart([run for run in few if run["test_set"] == test_set]).savefig(temporary)
        print(f"Drawn: {chart.relative_to(RESULTS.parents[1])}")


if __name__ == "__main__":
    sys.exit(run_stage(run))
