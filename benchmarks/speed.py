"""How fast this machine trains and reads, beside what its own matrix product can do.

Prints one table and writes one JSON. Without IMAGE_SET it generates the sample words. Use --model for a trained model:
a fresh one reads long nonsense, which takes longer to decode. See benchmarks/README.md for the columns.
"""

import argparse
import logging
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arguments import COLUMN_KEYS, add_columns, canvas_size, columns_given
from benchmarks.speed_report import ORIGINAL, ratios, report
from benchmarks.tables import RESULTS, write_json
from utilities.command import hyperparameter, run_stage, start_framework
from utilities.config import Config
from utilities.errors import UserError
from utilities.examination import preprocessing_of
from utilities.hyperparameters import ARCHITECTURES, DEFAULT_ARCHITECTURE, DEFAULTS
from utilities.image_set import short_name
from utilities.model_card import check_model_file

ORIGINAL_CANVAS = (100, 400)  # px, height and width; every image is stretched to it
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

    from benchmarks import speed_measures as measures
    from benchmarks.machine import describe_machine, matrix_product_rate
    from utilities.alphabet import Alphabet
    from utilities.batches import Word
    from utilities.plan import Plan

    config, seconds = settings(args, folder, work), args.seconds
    say("The machine's matrix product")
    rates = [matrix_product_rate(RATE_SHARE * seconds)]
    recognizer, image_set, contents = prepared(args, config, folder)
    how, alphabet = recognizer.spec.preprocessing, recognizer.spec.alphabet
    say("Reading")
    count = measures.images_for(recognizer, contents, seconds)
    speeds = {"network alone": measures.network_alone(recognizer, contents[:count], seconds)}
    some = measures.some_of(image_set, count)
    speeds["file to text"] = measures.file_to_text(recognizer, some, contents[:count], seconds)
    latency = measures.first_batch(recognizer, contents)
    if not args.no_classic:
        say("Reading with the original model")
        speeds |= original(measures, args, alphabet, image_set)
    say("Training")
    labels = Alphabet.from_labels(s.label for s in image_set.samples)
    alphabet = alphabet.extended(labels.characters)  # a model given by --model may lack some of this set's
    words = [Word(c, alphabet.encode(s.label)) for c, s in zip(contents, image_set.samples, strict=True)]
    spec = recognizer.spec.with_alphabet(alphabet)
    if args.batch_size:
        spec = replace(spec, hyperparameters=replace(spec.hyperparameters, batch_size=args.batch_size))
    plan = Plan.of(config.train, 1, spec.hyperparameters.learning_rate, None)
    speeds["training"] = measures.training(spec, words, seconds, plan)
    ready = measures.batches_ready(spec, words, RATE_SHARE * seconds, plan.seed)
    say("Opening and decoding")
    opened, cache = measures.opening(args.rows), measures.cache_start(image_set, how)
    rates.append(matrix_product_rate(RATE_SHARE * seconds))
    for speed in speeds.values():
        speed["utilisation"] = speed["flop_per_second"] / max(rates)
    return {
        "machine": describe_machine() | {"matrix_flop_per_second": max(rates)},
        "seed": args.seed,
        "image_set": short_name(folder),
        "images": len(contents),
        "architecture": recognizer.spec.architecture,
        "canvas": [how.height, how.width],
        "compute_dtype": keras.config.dtype_policy().compute_dtype,
        "trained_model": args.model.name if args.model else None,
        "speed": speeds,
        "ratios": ratios(speeds),
        "batches": ready,
        "lstm_kernels": measures.lstm_kernels(recognizer, contents),
        "first_batch": latency,
        "opening": opened,
        "cache": cache,
        "padding": measures.padding(contents, how),
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


def prepared(args: argparse.Namespace, config: Config, folder: Path) -> tuple:
    """(recognizer, image set of readable labelled rows, their contents). Raises UserError when none is left."""
    from utilities.alphabet import Alphabet
    from utilities.decoders import decode_all
    from utilities.examination import columns_of
    from utilities.full_model import build_full_model
    from utilities.hyperparameters import resolve
    from utilities.image_set import ImageSet, read_image_set
    from utilities.model import RecognizerSpec
    from utilities.saved_model import Recognizer, load_recognizer

    found = read_image_set(folder, columns_of(config.project), config.project.image_format, for_prediction=True)
    samples = [s for s in found.samples if s.path and s.label]
    if args.model:
        recognizer = load_recognizer(args.model)
    else:
        how = preprocessing_of(config.project)
        hyperparameters = resolve(args.architecture, config.train.hyperparameters)
        spec = RecognizerSpec(args.architecture, Alphabet.from_labels(s.label for s in samples), how, hyperparameters)
        recognizer = Recognizer(spec, build_full_model(spec), {})
    decoded = decode_all([s.path for s in samples], recognizer.spec.preprocessing)
    pairs = [(s, d.content) for s, d in zip(samples, decoded, strict=True) if d.content is not None]
    if not pairs:
        raise UserError(f"{folder} has no readable image with a label. Name another image set.")
    samples, contents = zip(*pairs, strict=True)
    return recognizer, ImageSet(folder, samples, ()), list(contents)


def original(measures, args: argparse.Namespace, alphabet, image_set) -> dict:
    """The original workflow's model with its published settings, fresh: speed does not depend on its weights."""
    from utilities.decoders import decode_all
    from utilities.full_model import build_full_model
    from utilities.images import Preprocessing
    from utilities.model import RecognizerSpec
    from utilities.saved_model import Recognizer

    how = Preprocessing(*ORIGINAL_CANVAS, "stretch")
    spec = RecognizerSpec("classic", alphabet, how, DEFAULTS["classic"])
    recognizer = Recognizer(spec, build_full_model(spec), {})
    few = [d.content for d in decode_all([s.path for s in image_set.samples[: measures.LEAST_IMAGES]], how)]
    count = measures.images_for(recognizer, few * (1 + len(image_set.samples) // len(few)), args.seconds)
    some = measures.some_of(image_set, count)
    contents = [d.content for d in decode_all([s.path for s in some.samples], how)]
    return {
        f"{ORIGINAL}: network alone": measures.network_alone(recognizer, contents, args.seconds),
        f"{ORIGINAL}: file to text": measures.file_to_text(recognizer, some, contents, args.seconds),
    }


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
