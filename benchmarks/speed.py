"""How fast this machine trains and reads, beside what its own matrix product can do.

Prints one table and writes one JSON. Without IMAGE_SET it generates the sample words. Use --model for a trained model:
a fresh one reads long nonsense, which takes longer to decode. See benchmarks/README.md for the columns.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arguments import COLUMN_KEYS, add_columns, canvas_size, columns_given
from benchmarks.speed_report import ORIGINAL, ratios, report
from benchmarks.tables import RESULTS, write_json
from utilities.command import hyperparameter, run_stage
from utilities.config import Config
from utilities.framework import start_framework
from utilities.hyperparameters import ARCHITECTURES, DEFAULT_ARCHITECTURE
from utilities.image_set import short_name
from utilities.model_card import check_model_file

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
RATE_SHARE = 0.5  # of --seconds for measuring the matrix product, before and after


def parse_args(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image_set", type=Path, nargs="?", metavar="IMAGE_SET", help="(default: generated words)")
    parser.add_argument("--model", type=Path, help="a trained model (default: a fresh one of --architecture)")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=DEFAULT_ARCHITECTURE)
    parser.add_argument("--canvas", type=canvas_size, metavar="HEIGHTxWIDTH",
                        help="canvas of a fresh model in px (default: setup.cfg's)")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=20, help="about how long each measurement takes (default: 20)")
    parser.add_argument("--rows", type=int, default=100_000, help="of the image set that is opened (default: 100,000)")
    parser.add_argument("--no-classic", action="store_true", help="leave out the original model, which is slow")
    parser.add_argument("--batch-size", type=hyperparameter("batch_size"), metavar="N",
                        help="images a training step (default: the model's)")  # fmt: skip
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0], help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=2)
    add_columns(parser, COLUMN_KEYS)
    parser.add_argument("--out", type=Path, metavar="FILE.json", help=f"(default: {RESULTS.name}/speed-IMAGE_SET.json)")
    args = parser.parse_args(argv)
    if args.model and args.canvas:
        parser.error("--canvas is for a fresh model: one given by --model has its own")
    return args


def measure(args: argparse.Namespace, folder: Path, work: Path) -> dict:
    """Every measurement, JSON-ready."""
    import keras

    from benchmarks.image_set_measures import cache_start, opening, padding
    from benchmarks.lstm_kernels import lstm_kernels
    from benchmarks.machine import describe_machine, matrix_product_rate
    from benchmarks.speed_measures import first_batch
    from benchmarks.speed_subject import subject_of

    config = settings(args, folder, work)
    say("The machine's matrix product")
    rates = [matrix_product_rate(RATE_SHARE * args.seconds)]
    subject = subject_of(config, args.model)
    spec, contents = subject.recognizer.spec, subject.contents
    speeds = speeds_of_reading(args, subject)
    latency = first_batch(subject)
    say("Training")
    speeds["training"], ready = speeds_of_training(args, subject, config.train.seed)
    say("Opening and decoding")
    opened, cache = opening(args.rows), cache_start(subject.image_set, spec.preprocessing)
    rates.append(matrix_product_rate(RATE_SHARE * args.seconds))
    for speed in speeds.values():
        speed["utilisation"] = speed["flop_per_second"] / max(rates)
    return {
        "machine": describe_machine() | {"matrix_flop_per_second": max(rates)},
        "seed": args.seed,
        "image_set": short_name(folder),
        "images": len(contents),
        "architecture": spec.architecture,
        "canvas": [spec.preprocessing.height, spec.preprocessing.width],
        "compute_dtype": keras.config.dtype_policy().compute_dtype,
        "trained_model": args.model.name if args.model else None,
        "speed": speeds,
        "ratios": ratios(speeds),
        "batches": ready,
        "lstm_kernels": lstm_kernels(subject.recognizer, contents),
        "first_batch": latency,
        "opening": opened,
        "cache": cache,
        "padding": padding(contents, spec.preprocessing),
    }


def settings(args: argparse.Namespace, folder: Path, work: Path) -> Config:
    """The shipped settings for this image set, with what the arguments say; written to `work`."""
    from benchmarks.experiment import Sets, experiment

    columns = {"METADATA_GROUP_COLUMN": "", **columns_given(args, COLUMN_KEYS)}
    sets, changes = Sets(folder, folder, columns), {"SEED": str(args.seed)}
    return experiment(work, args.architecture, sets, args.canvas, args.seconds / 60, changes)


def say(what: str) -> None:
    """Progress, since each step takes a while."""
    print(f"{what} ...")


def speeds_of_reading(args: argparse.Namespace, subject) -> dict[str, dict]:
    """How fast the model reads and, if that is wanted, the original workflow's: each as many images as fit the time."""
    from benchmarks.speed_measures import LEAST_IMAGES, images_for, reading
    from benchmarks.speed_subject import Subject, original_recognizer

    say("Reading")
    few, most = subject.first(LEAST_IMAGES), len(subject.contents)
    speeds = reading(subject.first(images_for(few, most, args.seconds)), args.seconds)
    if args.no_classic:
        return speeds
    say("Reading with the original model")
    recognizer = original_recognizer(subject.recognizer.spec.alphabet)
    count = images_for(Subject.of(recognizer, few.image_set), most, args.seconds)
    found = reading(Subject.of(recognizer, subject.first(count).image_set), args.seconds)
    return speeds | {f"{ORIGINAL}: {name}": speed for name, speed in found.items()}


def speeds_of_training(args: argparse.Namespace, subject, seed: int) -> tuple[dict, dict]:
    """How fast a fresh model like this one trains, and how fast its batches are made ready."""
    from benchmarks.speed_measures import batches_ready, training
    from benchmarks.speed_subject import fresh
    from utilities.alphabet import Alphabet
    from utilities.batches import Word, WordBatches
    from utilities.model import FrameCounter

    spec, samples = subject.recognizer.spec, subject.image_set.samples
    # a model given by --model may lack some of this set's characters
    spec = spec.with_alphabet(spec.alphabet.extended(Alphabet.from_labels(s.label for s in samples).characters))
    words = [Word(c, spec.alphabet.encode(s.label)) for c, s in zip(subject.contents, samples, strict=True)]
    recognizer, size = fresh(spec), args.batch_size or spec.hyperparameters.batch_size
    batches = WordBatches(words, spec.preprocessing, FrameCounter(recognizer.prediction_model), size, seed)
    return training(recognizer, batches, args.seconds), batches_ready(batches, RATE_SHARE * args.seconds)


def run(args: argparse.Namespace) -> None:
    """Measure, print, write."""
    if args.model:
        check_model_file(args.model)
    start_framework(args.seed)
    import keras

    keras.config.set_dtype_policy(args.precision)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # several models in a process: it advises on that

    from benchmarks.machine import one_line
    from utilities.sample_words import write_sample

    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if args.image_set is None:
            write_sample(work / "sample", args.seed)
        folder = args.image_set or work / "sample" / "first_hand" / "test"
        result = measure(args, folder, work)
    out = args.out or RESULTS / f"speed-{result['image_set'].replace('/', '-')}.json"
    write_json(out, result)
    print(f"\n{one_line(result['machine'])}; seed {args.seed}\n{report(result)}\nWritten: {out}")


def main(argv=None) -> int:
    """Run the benchmark and return its exit status."""
    args = parse_args(argv)
    return run_stage(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
