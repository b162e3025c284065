"""Prepare image sets.

sample DEST       generate a demonstration set: word images of two invented hands, train and test, with their CSVs
check setup.cfg   look at all image sets that the settings name and list what would stop training or spoil a figure
merge setup.cfg REVIEW.csv --out NEW.csv   put what a review says into a new metadata CSV of the [test] images
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from utilities.command import leave, run_stage
from utilities.config import Config, load_config
from utilities.counts import number_of
from utilities.errors import UserError
from utilities.framework import start_framework


def parse_args(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sample = commands.add_parser("sample", help="generate a demonstration set")
    sample.add_argument("destination", type=Path, metavar="DEST", help="a folder that does not exist yet")
    sample.add_argument("--seed", type=seed, default=2, help="another seed gives other words (default: 2)")
    check = commands.add_parser("check", help="check all image sets of a settings file")
    check.add_argument("setup", type=Path, help="the settings file")
    merge = commands.add_parser("merge", help="merge a review list into a new metadata CSV")
    merge.add_argument("setup", type=Path, help="the settings file whose [test] images were reviewed")
    merge.add_argument("review", type=Path, metavar="REVIEW.csv", help="the list that you have filled in")
    merge.add_argument("--out", type=Path, required=True, metavar="NEW.csv", help="a CSV to write; it must not exist")
    return parser.parse_args(argv)


def seed(text: str) -> int:
    """The argparse type of a seed: what numpy takes for one."""
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 0 on")
    return number


def generate_sample(destination: Path, seed: int) -> None:
    """Generate the sample set."""
    from utilities.sample_words import write_sample

    for folder, count in write_sample(destination, seed).items():
        print(f"{count:5d} images in {destination / folder}")


def check(config: Config) -> None:
    """Print what was found and write the table of bad rows. Raises UserError when training would fail."""
    start_framework(config.train.seed)

    from utilities.image_set_check import PROBLEMS_FILE, check_image_sets, write_problems

    report = check_image_sets(config)
    print(*report.lines, sep="\n")
    write_problems(report)
    unreadable = f"{number_of(report.unreadable, 'image set')} cannot be read; " if report.unreadable else ""
    print(f"\n{unreadable}{number_of(len(report.problems), 'problem')}, listed in {PROBLEMS_FILE}.")
    if report.training_would_fail:
        raise UserError("Training would fail. Correct what is listed above and check again.")


def merge(config: Config, review: Path, out: Path) -> None:
    """Write the corrected metadata and say what changed."""
    from utilities.examination import columns_of
    from utilities.merging import merge_review

    columns = columns_of(config.project)
    table = config.test.image_set / columns.file_name
    merged = merge_review(review, config.test.image_set, columns, out)
    for change in merged.changes:
        print(f"{change.image}: {change.old or '(nothing)'} -> {change.new}")
    print(f"{number_of(len(merged.changes), 'transcription')} changed. Written: {out}")
    if merged.left_out:
        listed = "\n".join(f"  {image}" for image in merged.left_out)
        print(
            f"WARNING: what {review} says of {number_of(len(merged.left_out), 'image')} was not taken, since the list"
            f" shows another transcription than {table} has:\n{listed}\nHas the table been corrected since, all is"
            " well. Else cells of the list have moved: write these corrections into a list as stage 4 makes it."
        )
    if merged.overlooked:
        print(
            f"WARNING: in {number_of(merged.overlooked, 'row')} of {review} other columns than `correction` and `right`"
            " were changed. Such changes are ignored, but for a `prediction` that an x says to be right: write what"
            " stands on the image into the column `correction`, an x into `right`."
        )
    if merged.untranscribed:
        without = number_of(merged.untranscribed, "image has", "images have")
        print(f"{without} none yet; ON_BAD_ROWS = skip trains on the others.")
    if merged.untranscribed and not merged.confirmed:
        print(
            "WARNING: no reading was said to be right (an x in the column `right`). What a model misread alone says"
            " nothing of how well it reads, and teaches another less than all that you have looked at."
        )
    keep = f"rename {table} to keep it, and move {out} to its place" if table.exists() else f"move {out} to {table}"
    print(f"To use it, {keep}.")


def main(argv=None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(argv)
    if args.command == "sample":
        return run_stage(lambda: generate_sample(args.destination, args.seed))
    if args.command == "merge":
        return run_stage(lambda: merge(load_config(args.setup, "predict"), args.review, args.out))
    return run_stage(lambda: check(load_config(args.setup, "check")))


if __name__ == "__main__":
    leave(main())
