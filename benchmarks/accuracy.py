"""Train architectures on an image set for the same wall time, with the shipped defaults, and judge them on another.

Prints one table and writes one JSON and one chart. Test CER over time is read after epochs; that time is not part of
the budget. See benchmarks/README.md for the columns.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arguments import COLUMN_KEYS, add_columns, canvas_size, columns_given
from benchmarks.tables import RESULTS, text_table, words_of, write_json
from utilities.command import run_stage
from utilities.errors import UserError
from utilities.framework import start_framework
from utilities.hyperparameters import ARCHITECTURES
from utilities.model_card import check_model_file
from utilities.setting_keys import BASE_SET, UNTRANSCRIBED

GROUP_KEY = "METADATA_GROUP_COLUMN"
KEYS_GIVEN = {"group_column": GROUP_KEY, **COLUMN_KEYS}
HEADER = (
    "model", "start", "words", "CER %", "95 % interval", "exact %", "leaning CER %", "exact %",
    "in several views CER %", "exact %", "minutes", "images/s", "epochs", "parameters", "Gflop/image",
)  # fmt: skip


def parse_args(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, metavar="TRAIN", help="an image set to train on")
    parser.add_argument("test", type=Path, metavar="TEST", help="an image set to judge by")
    parser.add_argument("--minutes", type=float, default=20, help="training time of each run (default: 20)")
    parser.add_argument("--architectures", nargs="+", choices=ARCHITECTURES, metavar="NAME",
                        help=f"(default: {' '.join(ARCHITECTURES)})")  # fmt: skip
    parser.add_argument("--words", nargs="+", type=_words, default=[None], metavar="N",
                        help="train on the first N words of a seeded sample, or `all`; several give a run each;"
                        " with --transfer: words of TRAIN2")  # fmt: skip
    parser.add_argument("--transfer", nargs=2, type=Path, metavar=("TRAIN2", "TEST2"), help="then transfer each model")
    parser.add_argument("--transfer-minutes", type=float, help="time of each transfer (default: as --minutes)")
    parser.add_argument("--base", type=Path, metavar="MODEL", help="no training from scratch: transfer this model")
    parser.add_argument("--untranscribed", type=Path, metavar="FOLDER",
                        help="transfers also learn from these images, without looking at a transcription")  # fmt: skip
    parser.add_argument("--rehearse", type=Path, metavar="FOLDER",
                        help="transfers also learn some words of this set again (BASE_SET_NAME)")  # fmt: skip
    parser.add_argument("--seed", type=int, help="start of the random numbers (default: setup.cfg's)")
    parser.add_argument("--canvas", nargs="+", type=_canvas, default=[], metavar="NAME=HEIGHTxWIDTH",
                        help="an architecture's canvas in px")  # fmt: skip
    parser.add_argument("--set", nargs="+", type=_setting, default=[], metavar="KEY=VALUE", dest="changes",
                        help="change a key of setup.cfg in every run")  # fmt: skip
    add_columns(parser, KEYS_GIVEN)
    parser.add_argument("--transfer-group-column", help="of TRAIN2 and TEST2 (default: as --group-column)")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep the models there")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help=f"(default: {RESULTS.name}/accuracy-TRAIN.json)")
    args = parser.parse_args(argv)
    if args.base and (args.transfer or args.architectures):
        parser.error("--base transfers one model to TRAIN: without --transfer and --architectures")
    if not args.transfer and (args.transfer_minutes or args.transfer_group_column is not None):
        parser.error("--transfer-minutes and --transfer-group-column are of --transfer")
    return args


def _words(text: str) -> int | None:
    return None if text == "all" else int(text)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text}: write KEY=VALUE")
    return key.strip().upper(), value.strip()


def _canvas(text: str) -> tuple[str, tuple[int, int]]:
    name, _, size = text.partition("=")
    if name not in ARCHITECTURES:
        raise argparse.ArgumentTypeError(f"{text}: write NAME=HEIGHTxWIDTH, with a name of {', '.join(ARCHITECTURES)}")
    return name, canvas_size(size)


class Benchmark:
    """All runs of one call; what is finished is written after every run."""

    def __init__(self, args: argparse.Namespace, work: Path):
        from benchmarks.experiment import Sets

        self._args, self._work = args, work
        self._changes = dict(args.changes) | ({} if args.seed is None else {"SEED": str(args.seed)})
        for key, folder in ((UNTRANSCRIBED, args.untranscribed), (BASE_SET, args.rehearse)):
            if folder:
                self._changes[key] = str(folder.resolve())
        columns = columns_given(args, KEYS_GIVEN)
        self._first = Sets(args.train, args.test, columns)
        self._second = None
        if args.transfer:
            group = args.transfer_group_column
            more = {GROUP_KEY: group} if group is not None else {}
            self._second = Sets(*args.transfer, columns | more)
        self._rows: list[dict] = []

    def run(self) -> list[dict]:
        """Every run that the arguments ask for: the rows of the table."""
        if self._args.base:
            from utilities.saved_model import load_recognizer

            self._transfers(load_recognizer(self._args.base), self._first, self._args.minutes)
            return self._rows
        for architecture in self._args.architectures or ARCHITECTURES:
            for words in [None] if self._second else self._args.words:
                base = self._one(architecture, self._first, self._args.minutes, words)
            if self._second:
                self._transfers(base, self._second, self._args.transfer_minutes or self._args.minutes)
        return self._rows

    def _transfers(self, base, sets, minutes):
        for words in self._args.words:
            self._one(base.spec.architecture, sets, minutes, words, base)

    def _one(self, architecture, sets, minutes, words, base=None):
        from benchmarks.accuracy_runs import run_from_scratch, run_transfer
        from benchmarks.experiment import experiment, first_words

        number = len(self._rows)
        folder = self._work / f"run{number}"
        folder.mkdir()
        canvas = dict(self._args.canvas).get(architecture)
        config = experiment(folder, architecture, sets, canvas, minutes, self._changes)
        where = () if words is None else (first_words(config, words, folder / "words"), folder / "cache")
        where = where or (config.train.image_set,)
        title = f"{architecture}, {'transfer' if base else 'from scratch'}, {words or 'all'} words of {sets.train}"
        print(f"\n{title}, {minutes:g} minutes:")
        done = run_transfer(config, base, *where) if base else run_from_scratch(config, *where)
        self._rows.append(done.row)
        if self._args.save:
            from utilities.saved_model import save_recognizer

            name = f"{architecture}-{done.row['start']}-{done.row['words']}_words-{minutes:g}_minutes.h5"
            save_recognizer(
                self._args.save / name, done.recognizer.spec, done.recognizer.full_model, done.recognizer.record
            )
        self._write()
        return done.recognizer

    def _write(self):
        from benchmarks.curve_chart import curve_chart
        from benchmarks.machine import describe_machine
        from utilities.safe_files import whole_file

        out = out_file(self._args)
        command = " ".join(["benchmarks/accuracy.py", *map(_without_place, sys.argv[1:])])
        seed = self._rows[0]["seed"]
        write_json(out, {"machine": describe_machine(), "seed": seed, "command": command, "runs": self._rows})
        with whole_file(out.with_suffix(".png")) as temporary:
            curve_chart(self._rows).savefig(temporary)


def _without_place(word: str) -> str:
    """A word of the command line; of a whole path, what says which image set it is and not where."""
    return "/".join(Path(word).parts[-2:]) if Path(word).is_absolute() else word


def out_file(args: argparse.Namespace) -> Path:
    """Where the JSON goes; the chart is beside it."""
    train = args.train.resolve()
    return args.out or RESULTS / f"accuracy-{train.parent.name}-{train.name}.json"


def _percent(errors: dict) -> tuple[str, str]:
    return f"{100 * errors['cer']:.2f}", f"{100 * errors['exact']:.1f}"


def table(rows: list[dict]) -> str:
    """The runs, one a line."""
    return text_table(
        HEADER,
        [
            (
                row["architecture"],
                row["start"],
                words_of(row),
                f"{100 * row['cer']:.2f}",
                f"{100 * row['cer_low']:.2f} to {100 * row['cer_high']:.2f}",
                f"{100 * row['exact']:.1f}",
                *_percent(row["leaning"]),
                *_percent(row["several_views"]),
                f"{row['seconds'] / 60:.1f}",
                f"{row['images_per_second']:.1f}",
                str(row["epochs"]),
                f"{row['parameters']:,}",
                f"{row['operations_per_image'] / 1e9:.2f}",
            )
            for row in rows
        ],
    )


def run(args: argparse.Namespace) -> None:
    """Train, judge, print."""
    if args.base:
        check_model_file(args.base)
    for flag, folder in (("--untranscribed", args.untranscribed), ("--rehearse", args.rehearse)):
        if folder and not (args.base or args.transfer):
            raise UserError(f"{flag} is for transfers: it needs --base or --transfer.")
        if folder and not folder.is_dir():
            raise UserError(f"{flag} {folder}: there is no such folder.")
    start_framework(0 if args.seed is None else args.seed)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # several models in a process: it advises on that

    from benchmarks.machine import describe_machine, one_line

    with tempfile.TemporaryDirectory() as work:
        rows = Benchmark(args, Path(work)).run()
    out = out_file(args)
    print(f"\n{one_line(describe_machine())}; seed {rows[0]['seed']}\n{table(rows)}")
    print(f"Written: {out} and {out.with_suffix('.png')}")


def main(argv=None) -> int:
    """Run the benchmark and return its exit status."""
    args = parse_args(argv)
    return run_stage(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
