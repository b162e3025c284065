"""One training run of the accuracy benchmark: through the parts that the trainer is made of, judged on a test set."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from utilities.config import Config
from utilities.examination import columns_of, preprocessing_of
from utilities.full_model import build_full_model, train_only_heads, with_larger_alphabet
from utilities.headline_figures import Summary, summarize
from utilities.hyperparameters import resolve
from utilities.image_cache import CACHE_FOLDER, cached_images
from utilities.image_set import read_image_set, short_name
from utilities.images import READING_BUCKET, Preprocessing, canvas_width
from utilities.metrics import character_error_rate
from utilities.model import RecognizerSpec, frame_counter
from utilities.model_cost import operations
from utilities.optimizer import optimizer_of
from utilities.plan import Plan, fine_tuning_plan, head_plan
from utilities.reader import Reader, reader_for
from utilities.rows import Sample
from utilities.saved_model import Recognizer
from utilities.training import Progress
from utilities.training_run import TrainingRun
from utilities.training_set import TrainingSet, training_set_for
from utilities.transfer_set import transfer_set_for

CURVE_POINTS = 20  # about as many evaluations on the test set, spread over the budget


class TestWords:
    """The labelled words of a test set, decoded for one model; an image that cannot be read counts as read empty."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    def __init__(self, config: Config, how: Preprocessing):
        folder = config.test.image_set
        found = read_image_set(folder, columns_of(config.project), config.project.image_format, for_prediction=True)
        self.samples: Sequence[Sample] = [s for s in found.samples if s.label]
        decoded = cached_images(folder, [s.path for s in self.samples if s.path], how)
        contents = [decoded[s.path].content if s.path else None for s in self.samples]
        self.readable = [i for i, content in enumerate(contents) if content is not None]
        self.contents = [contents[i] for i in self.readable]
        self.truths = [s.label for s in self.samples]

    def read(self, reader: Reader) -> list[str]:
        """The reading of each word."""
        texts = [""] * len(self.samples)
        for i, reading in zip(self.readable, reader.read(self.contents), strict=True):
            texts[i] = reading.text
        return texts

    def summary(self, texts: Sequence[str]) -> Summary:
        """Headline figures with intervals by group; without groups, by word."""
        return summarize(self.truths, texts, [s.group for s in self.samples])


class Curve:
    """Test CER over training time, read after epochs; the clock stands still meanwhile. Pass it as `after_epoch`."""

    def __init__(self, reader: Reader, words: TestWords, minutes: float):
        self._reader, self._words, self._every = reader, words, minutes * 60 / CURVE_POINTS
        self._began, self._stood_still = time.perf_counter(), 0.0
        self.points: list[dict] = []
        self.epochs = 0

    @property
    def seconds(self) -> float:
        """Training time so far, in seconds: estimating the epochs and validation are in it, the test set is not."""
        return time.perf_counter() - self._began - self._stood_still

    @property
    def test_seconds(self) -> float:
        """Time spent on the test set."""
        return self._stood_still

    def __call__(self, history: Sequence[dict]) -> None:
        self.epochs += 1
        if self.seconds - (self.points[-1]["seconds"] if self.points else 0.0) >= self._every:
            self.read_now(history[-1]["val_cer"])

    def read_now(self, val_cer: float) -> list[str]:
        """Add a point for the weights as they are, and return the readings."""
        point = {"seconds": self.seconds, "epoch": self.epochs, "val_cer": val_cer}
        began = time.perf_counter()
        texts = self._words.read(self._reader)
        self.points.append(point | {"cer": character_error_rate(self._words.truths, texts)})
        self._stood_still += time.perf_counter() - began
        return texts


@dataclass(frozen=True)
class Run:
    """A finished run: the model, and its row of the table as JSON-ready values."""

    recognizer: Recognizer
    row: dict


def run_from_scratch(config: Config, train_folder: Path, cache: Path = CACHE_FOLDER) -> Run:
    """Train config's architecture on a folder and judge it on config's test set."""
    keras.utils.set_random_seed(config.train.seed)
    hyperparameters = resolve(config.train.architecture, config.train.hyperparameters)
    how = preprocessing_of(config.project)
    frames = frame_counter(config.train.architecture, how.height, hyperparameters)
    data = training_set_for(config, train_folder, how, frames, cache)
    spec = RecognizerSpec(config.train.architecture, data.alphabet, how, hyperparameters)
    plan = Plan.of(config.train, config.train.num_epochs, hyperparameters.learning_rate, config.train.max_minutes)
    recognizer = Recognizer(spec, build_full_model(spec), {"data": data.record})
    return _run(config, recognizer, data, [(False, lambda seconds: plan)], "scratch")


def run_transfer(config: Config, base: Recognizer, train_folder: Path, cache: Path = CACHE_FOLDER) -> Run:
    """Teach a model another set in the two phases of the transfer stage; the base model stays as it was."""
    keras.utils.set_random_seed(config.train.seed)
    spec, data = transfer_set_for(config, train_folder, base, cache)
    full = with_larger_alphabet(base.full_model, base.spec, spec.alphabet, config.train.seed)
    recognizer = Recognizer(spec, full, {"data": data.record, "base": base.record})
    phases = [
        (True, lambda seconds: head_plan(config.train, config.transfer)),
        (False, lambda seconds: fine_tuning_plan(config.train, config.transfer, seconds)),
    ]
    return _run(config, recognizer, data, phases, "transfer")


def _run(
    config: Config,
    recognizer: Recognizer,
    data: TrainingSet,
    phases: Sequence[tuple[bool, Callable[[float], Plan]]],
    start: str,
) -> Run:
    """Train in phases under one clock, then read the test set with the weights kept.

    A phase: whether only the heads are trained, and its plan after so many seconds of training.
    """
    spec, full = recognizer.spec, recognizer.full_model
    words = TestWords(config, spec.preprocessing)
    minutes = (config.transfer if start == "transfer" else config.train).max_minutes
    curve = Curve(Reader(recognizer, still_training=True), words, minutes)
    history = []
    for only_heads, plan_after in phases:
        plan = plan_after(curve.seconds)
        train_only_heads(full, only_heads)
        run = TrainingRun(spec, full, recognizer.prediction_model, data, plan)
        progress = run.train(curve)
        history += progress.history
    seconds = curve.seconds
    summary = words.summary(curve.read_now(progress.best["val_cer"]))
    trained = Recognizer(run.spec, full, run.record(progress, recognizer.record.get("base")))
    leaning, several = (
        words.summary(words.read(reader_for(trained, several_views=several_views))) for several_views in (False, True)
    )
    row = {
        **_learnt(config, data, run, progress, start),
        "minutes": minutes,
        "seed": config.train.seed,
        **_scores(summary, len(words.samples) - len(words.readable)),
        "leaning": _errors(leaning),
        "several_views": _errors(several),
        **_effort(progress, curve, seconds, run.batches[0].images_an_epoch),
        **_size(recognizer, words),
        "canvas": [spec.preprocessing.height, spec.preprocessing.width],
        "resize": spec.preprocessing.resize,
        "hyperparameters": asdict(run.spec.hyperparameters),
        "curve": curve.points,
        "history": history,
    }
    return Run(trained, row)


def _learnt(config: Config, data: TrainingSet, run: TrainingRun, progress: Progress, start: str) -> dict:
    """What learned, and from what."""
    return {
        "architecture": run.spec.architecture,
        "optimizer": optimizer_of(progress.epochs_planned * len(run.batches[0])),
        "start": start,
        "training_set": short_name(config.train.image_set),
        "test_set": short_name(config.test.image_set),
        "words": data.record["training_images"] + data.record["validation_images"],
        "training_words": len(data.training),
        "untranscribed": len(data.texts),
        "rehearsed": len(data.rehearsed),
        "synthetic": progress.synthetic,
        "left_out": len(data.left_out),
    }


def _scores(summary: Summary, unread: int) -> dict:
    counts = {"test_words": summary.texts, "characters": summary.characters, "groups": summary.units, "unread": unread}
    return counts | _errors(summary)


def _errors(summary: Summary) -> dict:
    found = {}
    for name in ("cer", "exact"):
        estimate = getattr(summary, name)
        found |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return found


def _effort(progress: Progress, curve: Curve, seconds: float, images_an_epoch: int) -> dict:
    return {
        "seconds": seconds,
        "test_seconds": curve.test_seconds,
        "epochs": curve.epochs,
        "best_epoch": progress.best_epoch,
        "val_cer": progress.best["val_cer"],
        "images_per_second": images_an_epoch * curve.epochs / seconds,
    }


def _size(recognizer: Recognizer, words: TestWords) -> dict:
    """Parameters of the prediction model, and its operations for a mean test image."""
    model, how = recognizer.prediction_model, recognizer.spec.preprocessing
    canvases = [canvas_width(c.shape[1], how, READING_BUCKET) for c in words.contents]
    widths, counts = np.unique(canvases, return_counts=True)
    total = sum(operations(model, int(width)) * int(count) for width, count in zip(widths, counts, strict=True))
    return {"parameters": model.count_params(), "operations_per_image": total / max(1, counts.sum())}
