"""How much of a trial of the tuner is not training: building the model, tracing, first steps, logging, keeping results.

Runs the tuner as a process in a temporary folder and takes the time at which each of its lines comes. A trial's
training is its epochs at the pace of its later ones; what the trial took beyond that is overhead. The first trial also
bears the worker's start and the decoding of the images, and is shown apart. Writes one JSON.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.tables import RESULTS, text_table, write_json
from utilities.command import run_stage
from utilities.config import load_config
from utilities.errors import UserError
from utilities.framework import start_framework

BEGUN, EPOCH = re.compile(r"Trial (\d+) of \d+: batch"), re.compile(r"epoch\s+\d+/\d+ ")
ENDED = re.compile(r"Trial (\d+) of \d+: validation CER")


@dataclass
class Timing:
    """Seconds since the tuner's start at which a trial began, finished each epoch, and ended."""

    begun: float
    epochs: list[float]
    ended: float = 0.0

    @property
    def training(self) -> float:
        """Seconds of all epochs, each as long as the median of those after the first."""
        return len(self.epochs) * median(b - a for a, b in zip(self.epochs, self.epochs[1:], strict=False))

    @property
    def overhead(self) -> float:
        """Seconds of the trial that were not training."""
        return self.ended - self.begun - self.training


def timed_search(setup: Path) -> list[Timing]:
    """Run the tuner with these settings and time its trials. Raises UserError when it fails."""
    command = [sys.executable, "-u", str(ROOT / "hyperparameter_tuner" / "task.py"), str(setup.resolve())]
    timings: list[Timing] = []
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            print(line, end="")
            now = time.perf_counter() - started
            if BEGUN.match(line):
                timings.append(Timing(now, []))
            elif EPOCH.match(line):
                timings[-1].epochs.append(now)
            elif ENDED.match(line):
                timings[-1].ended = now
        if status := process.wait():
            raise UserError(f"The tuner ended with status {status}: nothing was timed. What it said stands above.")
    return timings


def run(setup: Path, out: Path) -> None:
    """Run the tuner once, print a row a trial, write them."""
    seed, timings = load_config(setup, "tune").tune.seed, timed_search(setup)
    start_framework(seed, announce=False)

    from benchmarks.machine import describe_machine, one_line

    machine = describe_machine()
    rows = [
        (str(n), f"{t.ended - t.begun:.1f}", f"{t.training:.1f}", f"{t.overhead:.1f}", f"{100 * t.overhead / 120:.1f}")
        for n, t in enumerate(timings, start=1)
    ]
    trials = [{"seconds": t.ended - t.begun, "training": t.training, "overhead": t.overhead} for t in timings]
    write_json(out, {"machine": machine, "seed": seed, "trials": trials})
    print(f"\n{one_line(machine)}; seed {seed}")
    print(text_table(("trial", "seconds", "training", "overhead", "% of two minutes"), rows) + f"\nWritten: {out}")


def main(argv=None) -> int:
    """Run the benchmark and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setup", type=Path, help="settings with WORKERS = 1, a grid, and at least 3 epochs a trial")
    parser.add_argument("--out", type=Path, default=RESULTS / "trial_overhead.json", help="(default: %(default)s)")
    args = parser.parse_args(argv)
    return run_stage(lambda: run(args.setup, args.out))


if __name__ == "__main__":
    sys.exit(main())
