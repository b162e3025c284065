from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from utilities import budget
from utilities.batches import Word, WordBatches
from utilities.budget import (
    epochs_that_fit,
    halve_until_it_fits,
    made_ahead,
    part_size,
    parts_that_fit,
    settled,
    step_times,
    time_of,
)
from utilities.images import Preprocessing


class ResourceExhaustedError(Exception):
    """Called like TensorFlow's."""


@pytest.mark.parametrize("error", [ResourceExhaustedError("OOM"), MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: x")])
def test_batches_are_halved_until_they_fit(error):
    tried = []

    def step(size):
        tried.append(size)
        if size > 10:
            raise error

    assert halve_until_it_fits(step, 50) == 8
    assert tried == [50, 25, 13, 7]
    assert part_size(50, 8) == 7


def test_other_errors_and_an_image_that_does_not_fit_alone_are_not_hidden():
    def broken(size):
        raise ValueError("something else")

    def never(size):
        raise MemoryError(size)

    with pytest.raises(ValueError, match="something else"):
        halve_until_it_fits(broken, 8)
    with pytest.raises(MemoryError, match="1"):
        halve_until_it_fits(never, 8)


def test_batches_are_made_in_order_while_the_last_one_is_used():
    made = []

    def make(number):
        made.append(number)
        return number

    with ThreadPoolExecutor(1) as pool:
        ready = made_ahead(make, pool, 3)
        assert [next(ready) for _ in range(5)] == [0, 1, 2, 3, 4]
        pool.submit(int).result()  # what was asked for before is made by now
        assert made == [0, 1, 2, 3, 4, 5, 6, 7]


def test_the_first_step_of_a_shape_says_nothing_of_the_others():
    wide, narrow = (16, 256), (16, 64)
    shapes = [(4, 64), wide, narrow, wide, wide, narrow, (16, 512)]
    assert settled([9.0, 2.0, 2.0, 1.0, 9.0], shapes) == ([2.0, 2.0, 1.0], [wide, wide, narrow])
    assert settled([4.0, 2.0], [wide, narrow]) == ([4.0, 2.0], [wide, narrow])


def test_one_step_that_prepares_for_all_shapes_is_not_how_long_steps_take():
    """Steps of a transfer of a minute, of which so but one epoch was thought to fit."""
    tried = [(16, 192), (16, 64), (16, 192), (16, 128), (8, 256), (8, 192)]
    assert settled([0.12, 4.7, 0.11], tried) == ([0.12, 0.11], [(16, 128), (8, 192)])
    assert settled([4.0, 1.2, 3.0], [(16, 512), (16, 64), (16, 384)]) == ([4.0, 3.0], [(16, 512), (16, 384)])


def test_an_epoch_is_timed_by_the_area_of_its_batches():
    def seconds(shape):
        return 0.02 + shape[0] * shape[1] / 40_000

    epoch = [(16, 64)] * 10 + [(16, 256)] * 50 + [(16, 512)] * 30 + [(5, 512)]
    truth = sum(map(seconds, epoch))
    timed = epoch[5:30]  # narrower than most
    assert time_of(epoch, list(map(seconds, timed)), timed) == pytest.approx(truth)
    assert sum(map(seconds, timed)) / len(timed) * len(epoch) < 0.8 * truth  # as their mean would have it
    assert time_of(epoch, [0.3, 0.1], [(16, 64), (16, 64)]) == pytest.approx(0.2 * len(epoch))
    assert time_of(epoch, [0.3, 0.1], [(16, 64), (16, 512)]) == pytest.approx(0.2 * len(epoch))  # by chance


@pytest.mark.parametrize("times", [[4.0, 3.5], [3.5, 4.0], [4.0, 4.0]])
def test_two_steps_that_are_nearly_alike_say_little_of_much_smaller_and_larger_ones(times):
    tried = [(105, 128), (100, 128)]
    assert 1.8 < time_of([(105, 64)], times, tried) <= 4
    assert 3.7 < time_of([(105, 256)], times, tried) <= 8


@pytest.mark.parametrize(("a_step", "tried", "timed"), [(14.0, 6, 3), (0.1, 112, 100), (1.0, 36, 24)])
def test_a_slow_model_spends_little_of_its_minutes_on_being_timed(monkeypatch, a_step, tried, timed):
    clock, steps = [0.0], []

    def step(number):
        steps.append(number)
        clock[0] += a_step

    monkeypatch.setattr(budget.time, "perf_counter", lambda: clock[0])
    assert step_times(step, minutes=20) == pytest.approx([a_step] * timed)
    assert steps == list(range(tried))


def batches(*counts, batch_size=4):
    """So many words of each width in px."""
    words = [Word(np.zeros((32, width), np.uint8), np.array([1])) for width, count in counts for _ in range(count)]
    return WordBatches(words, Preprocessing(32, 256), lambda width: width // 4, batch_size)


@pytest.mark.parametrize(("minutes", "epochs"), [(30, 40), (0.001, 1)])
def test_as_many_epochs_fit_as_the_minutes_have_after_what_was_tried(monkeypatch, minutes, epochs):
    """Steps of 2 s, 20 an epoch, and validation of 2.5 batches of 1 s, the first of which takes 10."""
    clock, compiled, predicted, shown = [0.0], [], [], set()

    def pass_time(seconds):
        clock[0] += seconds

    def step(inputs):
        shown.add(inputs["image"].shape[:2])
        pass_time(2)

    def predict(images):
        predicted.append(images.shape)
        pass_time(10 if len(predicted) == 1 else 1)

    monkeypatch.setattr(budget.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(budget, "compile_full_model", lambda *arguments: compiled.append(arguments))
    full = SimpleNamespace(variables=[], train_on_batch=step)
    network = SimpleNamespace(predict_on_batch=predict)
    both = batches((60, 40), (250, 40)), batches((60, 10))
    found, an_epoch = epochs_that_fit(full, network, both, minutes, parts=3)
    assert (found, an_epoch) == (epochs, pytest.approx(42.5))  # of 1,800 s 54 went in steps, 11 in predictions
    assert [arguments[-1] for arguments in compiled] == [3] and shown == {(4, 64), (4, 256)}


def test_the_heaviest_batch_says_in_how_many_parts_all_are_taken(monkeypatch, capsys):
    tried = []

    def step(inputs):
        tried.append(inputs["image"].shape[:2])
        if np.prod(tried[-1]) > 4 * 256:
            raise MemoryError

    monkeypatch.setattr(budget, "compile_full_model", lambda *arguments: None)
    full = SimpleNamespace(variables=[], layers=[], train_on_batch=step)
    training = batches((60, 16), (250, 16), batch_size=16)
    monkeypatch.setattr(budget, "framework_gpus", lambda: [])
    assert parts_that_fit(full, training) == 1 and not tried
    monkeypatch.setattr(budget, "framework_gpus", lambda: ["gpu:0"])
    assert parts_that_fit(full, training) == 4
    assert tried == [(16, 256), (8, 256), (4, 256)]
    assert "batch of 16 images does not fit the GPU's memory: it is taken in 4 parts" in capsys.readouterr().out
