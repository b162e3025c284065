"""What the speed benchmark measures, each as JSON-ready values; the machine's own rate is measured beside."""

import csv
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from utilities.batches import WordBatches, buckets
from utilities.budget import made_ahead
from utilities.full_model import build_full_model
from utilities.gpu import framework_gpus
from utilities.image_cache import cached_images
from utilities.image_set import ImageSet, read_image_set, usable_samples
from utilities.images import BUCKET, READING_BUCKET, Preprocessing, canvas_width, to_canvases
from utilities.metadata import Columns
from utilities.model import RecognizerSpec, frame_counter
from utilities.model_cost import operations
from utilities.optimizer import compile_full_model
from utilities.peak_memory import forget_peak_memory, peak_memory
from utilities.plan import Plan
from utilities.prediction import predict_to_files
from utilities.reader import BATCH_SIZE, Reader, reader_for
from utilities.rows import label_problems
from utilities.saved_model import Recognizer, load_recognizer, save_recognizer
from utilities.split import split_samples

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


def training(spec: RecognizerSpec, words: Sequence, seconds: float, plan: Plan) -> dict:
    """Images a second of the training loop with its distortions, a fresh model; validation is not in it."""
    forget_peak_memory()
    full = build_full_model(spec)
    batches = WordBatches(words, spec.preprocessing, frame_counter(spec), spec.hyperparameters.batch_size, plan.seed)
    compile_full_model(full, plan.learning_rate, PLANNED_STEPS)
    watch = _Stopwatch(batches, seconds)
    full.fit(batches, epochs=PLANNED_STEPS, shuffle=False, verbose=0, callbacks=[watch])
    cost = Cost(spec.preprocessing, BUCKET, Recognizer(spec, full, {}).prediction_model)
    flops = TRAINING_FACTOR * cost.of([words[i].content for i in watch.indices])
    return _rate(len(watch.indices), watch.elapsed, flops)


def batches_ready(spec: RecognizerSpec, words: Sequence, seconds: float, seed: int) -> dict:
    """Images a second of preparing distorted batches to train on, with as many threads as training has for it."""
    batches = WordBatches(words, spec.preprocessing, frame_counter(spec), spec.hyperparameters.batch_size, seed)
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
        "batch_size": spec.hyperparameters.batch_size,
    }


def lstm_kernels(recognizer: Recognizer, contents: Sequence[np.ndarray]) -> list[str]:
    """Names of what an LSTM ran in on a GPU: kernels that PyTorch's profiler saw, library calls that JAX compiled to.

    Keras' own loop over the columns is made of matrix products and has none: what is listed shows cuDNN at work. Empty
    without a GPU and on other backends.
    """
    find = {"torch": _torch_kernels, "jax": _jax_calls}.get(keras.config.backend())
    if find is None or not framework_gpus():
        return []
    batch = to_canvases(contents[:1], canvas_width(contents[0].shape[1], recognizer.spec.preprocessing))
    return sorted(name for name in find(recognizer.prediction_model, batch) if re.search("lstm|rnn", name, re.I))


def _torch_kernels(model: keras.Model, batch: np.ndarray) -> set[str]:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        model.predict_on_batch(batch)
    return {re.split(r"[<(]", event.key.removeprefix("void "))[0] for event in seen.key_averages()}


def _jax_calls(model: keras.Model, batch: np.ndarray) -> set[str]:
    import jax

    program = jax.jit(lambda images: model(images, training=False)).lower(batch).compile().as_text()
    return set(re.findall(r'custom_call_target="([^"]+)"', program))


def network_alone(recognizer: Recognizer, contents: Sequence[np.ndarray], seconds: float) -> dict:
    """Images a second of the network in the batches of a prediction: canvases are ready, nothing is decoded."""
    forget_peak_memory()
    reader = Reader(recognizer)
    model, widths = reader.model, [reader.canvas_width(content) for content in contents]
    batches = [
        to_canvases([contents[i] for i in b], widths[b[0]]) for b in buckets(enumerate(widths), reader.batch_size)
    ]
    for batch in {batch.shape: batch for batch in batches}.values():  # shapes are traced before the clock starts
        model.predict_on_batch(batch)
    rounds, elapsed = _repeat(lambda: [model.predict_on_batch(batch) for batch in batches], seconds)
    cost = Cost(recognizer.spec.preprocessing, READING_BUCKET, model)
    return _rate(rounds * len(contents), elapsed, rounds * cost.of(contents))


def file_to_text(recognizer: Recognizer, image_set: ImageSet, contents: Sequence[np.ndarray], seconds: float) -> dict:
    """Images a second from the image files to the predictions CSV, as the prediction stage does it."""
    forget_peak_memory()
    reader = reader_for(recognizer)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "predictions.csv"
        predict_to_files({out: reader}, image_set)  # traces the shapes
        rounds, elapsed = _repeat(lambda: predict_to_files({out: reader}, image_set), seconds)
    cost = Cost(recognizer.spec.preprocessing, READING_BUCKET, recognizer.prediction_model)
    return _rate(rounds * len(image_set.samples), elapsed, rounds * cost.of(contents))


def _repeat(work: Callable[[], object], seconds: float) -> tuple[int, float]:
    """(times that the work was done, seconds that took): at least once, until the time is over."""
    rounds, began = 0, time.perf_counter()
    while rounds == 0 or time.perf_counter() - began < seconds:
        work()
        rounds += 1
    return rounds, time.perf_counter() - began


def images_for(recognizer: Recognizer, contents: Sequence[np.ndarray], seconds: float) -> int:
    """How many images to read so that one round takes about that long: at least LEAST_IMAGES, at most all."""
    few = list(contents[:LEAST_IMAGES])
    rate = network_alone(recognizer, few, 0.0)["images_per_second"]
    return min(len(contents), max(len(few), int(rate * seconds)))


def first_batch(recognizer: Recognizer, contents: Sequence[np.ndarray]) -> dict:
    """Seconds to load the model's file, and from there to the readings of the first batch; the framework is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        save_recognizer(path, recognizer.spec, recognizer.full_model, {})
        began = time.perf_counter()
        reader = Reader(load_recognizer(path))
        loaded = time.perf_counter()
        reader.read(contents[:BATCH_SIZE])
        done = time.perf_counter()
        reader.read(contents[:BATCH_SIZE])
    again = time.perf_counter() - done
    return {"load_seconds": loaded - began, "first_batch_seconds": done - loaded, "second_batch_seconds": again}


def opening(rows: int) -> dict:
    """Seconds to open a generated image set of that many rows: join, checks other than decoding, split."""
    columns = Columns("words_metadata.csv", "image_location", "transcription", "specimen")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        with (folder / columns.file_name).open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow((columns.image, columns.transcription, columns.group))
            for row in range(rows):
                image = f"images/w{row:06d}.png"
                (folder / image).touch()  # nothing is decoded, so nothing needs to be in it
                table.writerow((image, f"word {row % 977}", f"s{row // 40}"))
        began = time.perf_counter()
        found = read_image_set(folder, columns, "png")
        problems = [*found.problems, *label_problems(found.samples, 40, None, {})]
        split_samples(usable_samples(found, problems, "stop"), 0.1, 2, grouped=True)
        seconds = time.perf_counter() - began
    return {"rows": rows, "seconds": seconds}


def cache_start(image_set: ImageSet, how: Preprocessing) -> dict:
    """Seconds to decode an image set into a new cache, and to start from that cache; files are in the system's."""
    paths = [s.path for s in image_set.samples]
    seconds = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2):
            began = time.perf_counter()
            cached_images(image_set.folder, paths, how, Path(cache))
            seconds.append(time.perf_counter() - began)
    return {"decoding_seconds": seconds[0], "cache_seconds": seconds[1], "ratio": seconds[0] / seconds[1]}


def padding(contents: Sequence[np.ndarray], how: Preprocessing) -> dict:
    """Pixels computed with width buckets, in reading and in training, as shares of what one canvas for all would need.

    What stands outside `training` is of reading.
    """
    return _padding(contents, how, READING_BUCKET) | {"training": _padding(contents, how, BUCKET)}


def _padding(contents: Sequence[np.ndarray], how: Preprocessing, bucket: int) -> dict:
    widths = np.array([content.shape[1] for content in contents])
    canvases = np.array([canvas_width(int(width), how, bucket) for width in widths])
    return {
        "ink_share": float(widths.sum() / canvases.sum()),  # of the computed pixels that are content, not padding
        "of_widest_needed": float(canvases.sum() / (canvases.max() * len(canvases))),
        "of_img_width": float(canvases.sum() / (how.width * len(canvases))),
        "buckets": len(set(canvases.tolist())),
    }


def some_of(image_set: ImageSet, count: int) -> ImageSet:
    """The image set's first rows."""
    return replace(image_set, samples=image_set.samples[:count], problems=())
