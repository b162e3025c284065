"""What fits the time and the memory there is: tried with real steps before training, the weights left untouched."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import keras
import numpy as np

from utilities.batches import WordBatches
from utilities.framework import framework_gpus
from utilities.optimizer import compile_full_model

# training steps tried to fit a run to MAX_MINUTES, to warm up and then against the clock: (share of the minutes, most)
WARM_UP, TIMED = (0.01, 12), (0.02, 100)
LEAST_STEPS = 3  # of each, however long they take
Shape = tuple[int, int]  # of a batch: images, canvas width in px
OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError")  # TensorFlow's, PyTorch's, Python's
EXHAUSTED = "RESOURCE_EXHAUSTED"  # ... and how JAX says it


@contextmanager
def _untouched(full: keras.Model) -> Iterator[None]:
    """Put all variables of a model back as they were."""
    before = [np.copy(v) for v in map(keras.ops.convert_to_numpy, full.variables)]
    try:
        yield
    finally:
        for variable, value in zip(full.variables, before, strict=True):
            variable.assign(value)


def epochs_that_fit(
    full: keras.Model, network: keras.Model, batches: tuple[WordBatches, WordBatches], minutes: float, parts: int
) -> tuple[int, float]:
    """How many whole epochs, with their validation, fit in `minutes` (at least one), and the seconds of one.

    `parts`: see `parts_that_fit`.
    """
    began = time.perf_counter()
    training, validation = batches
    with _untouched(full), ThreadPoolExecutor(training.workers) as pool:
        compile_full_model(full, 1e-3, 1, parts)  # the rate does not change how long a step takes
        ready = made_ahead(lambda n: training[n % len(training)], pool, 2 * training.workers)
        shapes = []

        def step(_):
            batch = next(ready)
            shapes.append(batch[0]["image"].shape[:2])
            full.train_on_batch(*batch)

        times = step_times(step, minutes)
    an_epoch = time_of(training.shapes(), *settled(times, shapes)) + _validation_time(network, validation)
    left = minutes * 60 - (time.perf_counter() - began)
    return max(1, int(left / an_epoch)), an_epoch


def _validation_time(network: keras.Model, validation: WordBatches) -> float:
    images, areas = validation[0][0]["image"], list(map(math.prod, validation.shapes()))
    network.predict_on_batch(images)
    started = time.perf_counter()
    network.predict_on_batch(images)
    return (time.perf_counter() - started) * sum(areas) / areas[0]


def made_ahead(make: Callable[[int], object], pool: Executor, ahead: int) -> Iterator:
    """make(0), make(1), ... without end, so many of them made in advance by the pool, as `fit` has its batches made."""
    coming = deque(pool.submit(make, number) for number in range(ahead))
    for number in count(ahead):
        coming.append(pool.submit(make, number))
        yield coming.popleft().result()


def settled(times: Sequence[float], shapes: Sequence[Shape]) -> tuple[list[float], list[Shape]]:
    """Times (of the last steps) and their shapes without a shape's first step, which prepares much for all others.

    `shapes` of all steps, one for each. Where every shape is new, half of them, those that took the least time for
    their pixels: a framework prepares itself for many shapes at once, in a step that may take forty times as long.
    """
    before = len(shapes) - len(times)
    chosen = [i for i in range(before, len(shapes)) if shapes[i] in shapes[:i]]
    if not chosen:
        paces = np.array(times) / [math.prod(shape) for shape in shapes[before:]]
        chosen = before + np.flatnonzero(paces <= np.sort(paces)[len(paces) // 2])
    return [times[i - before] for i in chosen], [shapes[i] for i in chosen]


def time_of(steps: Sequence[Shape], times: Sequence[float], shapes: Sequence[Shape]) -> float:
    """Seconds of steps of these shapes (images, px), from the times of some others and their shapes.

    Time grows with the area along the line of least squares: a few dozen random batches are seldom as wide in the mean
    as those of an epoch. Neither what a step costs nor what a pixel does is below nothing, and beyond the areas that
    were tried time grows at most as they do.
    """
    area, known = (np.array([math.prod(shape) for shape in some], float) for some in (steps, shapes))
    away = known - known.mean()
    pace = np.mean(times) / known.mean()
    slope = min(pace, max(0.0, away @ times / (away @ away))) if away.any() else 0.0
    return float(len(steps) * (np.mean(times) + slope * (area.mean() - known.mean())))


def step_times(step: Callable[[int], object], minutes: float) -> list[float]:
    """Seconds of each timed step of a run of `minutes`, after some to warm up; `step` is given its number.

    The machine's pace varies: more steps say more, but a slow model must not spend its minutes on being timed.
    """
    number = 0
    for share, most in (WARM_UP, TIMED):
        seconds, until = [], time.perf_counter() + share * minutes * 60
        while len(seconds) < LEAST_STEPS or (len(seconds) < most and time.perf_counter() < until):
            started = time.perf_counter()
            step(number)
            seconds.append(time.perf_counter() - started)
            number += 1
    return seconds


def parts_that_fit(full: keras.Model, training: WordBatches) -> int:
    """In how many parts (1, 2, 4, ...) batches must be trained on so that the heaviest one fits the GPU's memory.

    1 without a GPU: there the system ends a process that asks for too much, and nothing can be tried. Raises what the
    framework raises when not even one image fits.
    """
    if not framework_gpus():
        return 1

    def step(size):
        batches = training.with_batch_size(size)
        _forget_dropout_masks(full)
        with _untouched(full):
            compile_full_model(full, 1e-3, 1)
            full.train_on_batch(*batches[batches.heaviest()])

    parts = halve_until_it_fits(step, training.batch_size)
    if parts > 1:
        print(
            f"A batch of {training.batch_size} images does not fit the GPU's memory: it is taken in {parts} parts, and"
            " their gradients are averaged."
        )
    return parts


def _forget_dropout_masks(full: keras.Model) -> None:
    """Clear what a step that failed half-way leaves in the LSTMs: masks of its own batch size."""
    for layer in full.layers:
        if isinstance(layer, keras.layers.Bidirectional):
            for direction in (layer.forward_layer, layer.backward_layer):
                direction.cell.reset_dropout_mask()


def halve_until_it_fits(step: Callable[[int], None], batch_size: int) -> int:
    """The smallest number of parts, a power of two, for which `step`, given the size of a part, finds enough memory."""
    parts = 1
    while True:
        try:
            step(part_size(batch_size, parts))
            return parts
        except Exception as error:
            if not _is_out_of_memory(error) or parts >= batch_size:
                raise
        parts *= 2


def part_size(batch_size: int, parts: int) -> int:
    """Images in a part of a batch."""
    return -(-batch_size // parts)


def _is_out_of_memory(error: Exception) -> bool:
    return type(error).__name__ in OUT_OF_MEMORY or EXHAUSTED in str(error)
