"""Prepare image sets.

sample DEST   generate a demonstration set: word images of two invented hands, train and test, with their CSVs
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from utilities.command import run_stage


def parse_args(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sample = commands.add_parser("sample", help="generate a demonstration set")
    sample.add_argument("destination", type=Path, metavar="DEST", help="a folder that does not exist yet")
    sample.add_argument("--seed", type=int, default=2, help="another seed gives other words (default: 2)")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Generate the sample set."""
    from utilities.sample_words import write_sample

    for folder, count in write_sample(args.destination, args.seed).items():
        print(f"{count:5d} images in {args.destination / folder}")


def main(argv=None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(argv)
    return run_stage(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
