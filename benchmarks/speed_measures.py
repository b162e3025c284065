"""How fast a model trains and reads, as JSON-ready values; the machine's own rate is measured beside."""

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np

from benchmarks.speed_subject import Subject
from utilities.batches import WordBatches, buckets
from utilities.budget import made_ahead
from utilities.images import BUCKET, READING_BUCKET, Preprocessing, canvas_width, to_canvases
from utilities.model_cost import operations
from utilities.optimizer import compile_full_model
from utilities.peak_memory import forget_peak_memory, peak_memory
from utilities.prediction import predict_to_files
from utilities.reader import BATCH_SIZE, Reader, reader_for
from utilities.saved_model import Recognizer, load_recognizer, save_recognizer

TRAINING_FACTOR = 3  # operations of a training step over those of a prediction: forward, and backward twice that
WARM_UP_STEPS = 4  # of training, before the clock starts: the first ones trace the graph; JAX compiles for an epoch
PLANNED_STEPS = 10_000  # of the schedule: its warm-up is long, nothing diverges while the clock runs
LEAST_IMAGES = 16  # of a prediction, where so few already take longer than the time there is


class Cost:
    """Operations of a forward pass by canvas width, counted once for each width."""

    def __init__(self, how: Preprocessing, bucket: int, model: keras.Model):
        self._how, self._bucket, self._model = how, bucket, model
        self._known: dict[int, float] = {}

    def of(self, contents: Sequence[np.ndarray]) -> float:
        """Floating-point operations to read contents (H, w') uint8 once, padding to their canvases included."""
        return sum(self._of_width(canvas_width(content.shape[1], self._how, self._bucket)) for content in contents)

    def _of_width(self, width: int) -> float:
        if width not in self._known:
            self._known[width] = operations(self._model, width)
        return self._known[width]


def _rate(images: int, seconds: float, flops: float) -> dict:
    return {
        "images": images,
        "seconds": seconds,
        "images_per_second": images / seconds,
        "flop_per_second": flops / seconds,
        "operations_per_image": flops / images,
        "peak_memory_mb": peak_memory(),
    }


class _Stopwatch(keras.callbacks.Callback):
    """Times whole training steps after a warm-up, and stops when the time is over."""

    def __init__(self, batches: WordBatches, seconds: float):
        super().__init__()
        self._batches, self._seconds, self._step = batches, seconds, 0
        self._warm_up = len(batches) if keras.config.backend() == "jax" else WARM_UP_STEPS
        self.elapsed, self.indices = 0.0, []

    def on_train_batch_begin(self, batch, logs=None):
        self._of_this_batch = self._batches.indices(batch)

    def on_train_batch_end(self, batch, logs=None):
        self._step += 1
        if self._step <= self._warm_up:
            self._began = time.perf_counter()
            return
        self.elapsed = time.perf_counter() - self._began
        self.indices += self._of_this_batch
        if self.elapsed > self._seconds:
            self.model.stop_training = True


def training(recognizer: Recognizer, batches: WordBatches, seconds: float) -> dict:
    """Images a second of the training loop, the distortions of the batches in it; validation is not."""
    forget_peak_memory()
    full, spec = recognizer.full_model, recognizer.spec
    compile_full_model(full, spec.hyperparameters.learning_rate, PLANNED_STEPS)
    watch = _Stopwatch(batches, seconds)
    full.fit(batches, epochs=PLANNED_STEPS, shuffle=False, verbose=0, callbacks=[watch])
    cost = Cost(spec.preprocessing, BUCKET, recognizer.prediction_model)
    flops = TRAINING_FACTOR * cost.of([batches.words[i].content for i in watch.indices])
    return _rate(len(watch.indices), watch.elapsed, flops)


def batches_ready(batches: WordBatches, seconds: float) -> dict:
    """Images a second of preparing distorted batches to train on, with as many threads as training has for it."""
    with ThreadPoolExecutor(batches.workers) as pool:
        ready = made_ahead(lambda number: batches[number % len(batches)], pool, 2 * batches.workers)
        for _ in range(2 * batches.workers):  # those begun at once: they are not ready one after the other
            next(ready)
        images, began = 0, time.perf_counter()
        while images == 0 or time.perf_counter() - began < seconds:
            images += len(next(ready)[0]["image"])
        elapsed = time.perf_counter() - began
    return {
        "images_per_second": images / elapsed,
        "threads": batches.workers,
        "batch_size": batches.batch_size,
    }


def reading(subject: Subject, seconds: float) -> dict[str, dict]:
    """Both ways to measure how fast a model reads images, by their names."""
    return {"network alone": network_alone(subject, seconds), "file to text": file_to_text(subject, seconds)}


def network_alone(subject: Subject, seconds: float) -> dict:
    """Images a second of the network in the batches of a prediction: canvases are ready, nothing is decoded."""
    forget_peak_memory()
    contents, reader = subject.contents, Reader(subject.recognizer)
    model, widths = reader.model, [reader.canvas_width(content) for content in contents]
    batches = [
        to_canvases([contents[i] for i in b], widths[b[0]]) for b in buckets(enumerate(widths), reader.batch_size)
    ]
    for batch in {batch.shape: batch for batch in batches}.values():  # shapes are traced before the clock starts
        model.predict_on_batch(batch)
    rounds, elapsed = _repeat(lambda: [model.predict_on_batch(batch) for batch in batches], seconds)
    cost = Cost(reader.spec.preprocessing, READING_BUCKET, model)
    return _rate(rounds * len(contents), elapsed, rounds * cost.of(contents))


def file_to_text(subject: Subject, seconds: float) -> dict:
    """Images a second from the image files to the predictions CSV, as the prediction stage does it."""
    forget_peak_memory()
    reader = reader_for(subject.recognizer)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "predictions.csv"
        predict_to_files({out: reader}, subject.image_set)  # traces the shapes
        rounds, elapsed = _repeat(lambda: predict_to_files({out: reader}, subject.image_set), seconds)
    cost = Cost(reader.spec.preprocessing, READING_BUCKET, subject.recognizer.prediction_model)
    return _rate(rounds * len(subject.contents), elapsed, rounds * cost.of(subject.contents))


def _repeat(work: Callable[[], object], seconds: float) -> tuple[int, float]:
    """(times that the work was done, seconds that took): at least once, until the time is over."""
    rounds, began = 0, time.perf_counter()
    while rounds == 0 or time.perf_counter() - began < seconds:
        work()
        rounds += 1
    return rounds, time.perf_counter() - began


def images_for(few: Subject, most: int, seconds: float) -> int:
    """How many images to read so that one round takes about that long, by the pace of a few: at most `most`."""
    rate = network_alone(few, 0.0)["images_per_second"]
    return min(most, max(len(few.contents), int(rate * seconds)))


def first_batch(subject: Subject) -> dict:
    """Seconds to load the model's file, and from there to the readings of the first batch; the framework is loaded."""
    recognizer, contents = subject.recognizer, subject.contents[:BATCH_SIZE]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        save_recognizer(path, recognizer.spec, recognizer.full_model, {})
        began = time.perf_counter()
        reader = Reader(load_recognizer(path))
        loaded = time.perf_counter()
        reader.read(contents)
        done = time.perf_counter()
        reader.read(contents)
    again = time.perf_counter() - done
    return {"load_seconds": loaded - began, "first_batch_seconds": done - loaded, "second_batch_seconds": again}
