import gc

import keras
import numpy as np
import pytest
from conftest import small_recognizer

from utilities.batches import Word, WordBatches
from utilities.full_model import HEADS
from utilities.model import FrameCounter
from utilities.muon import LARGEST, STEP, Muon
from utilities.optimizer import WarmupCosine, compile_full_model, weight_decay_for

RATE = 0.01


def test_the_rate_rises_then_falls():
    schedule = WarmupCosine(1.0, 1000)
    rates = [float(schedule(step)) for step in (0, 25, 50, 525, 1000)]
    assert rates[0] < rates[1] < rates[2] == pytest.approx(1.0, abs=0.01)
    assert rates[2] > rates[3] > rates[4] == pytest.approx(0.01, abs=1e-3)


@pytest.mark.parametrize(("steps", "rising"), [(1000, 50), (20_000, 500), (6, 1)])
def test_the_rate_rises_for_a_twentieth_of_the_steps_but_never_for_more_than_five_hundred(steps, rising):
    schedule = WarmupCosine(1.0, steps)
    assert float(schedule(0)) == pytest.approx(1 / rising)
    assert float(schedule(rising - 1)) == pytest.approx(1, abs=1e-3)
    assert float(schedule(2 * rising)) < 1
    assert float(schedule(rising + (steps - rising) / 2)) == pytest.approx(0.505)  # half-way down to a hundredth


def test_batches_taken_in_parts_have_the_recipe_of_whole_ones():
    whole, parts = WarmupCosine(1.0, 12_000), WarmupCosine(1.0, 48_000, parts=4)
    for step in (0, 100, 499, 3000, 11_999):
        assert float(parts(4 * step + 3)) == pytest.approx(float(whole(step)), abs=0.01)
    full = small_recognizer().full_model
    for total, parts in ((600, 1), (2400, 4)):
        compile_full_model(full, RATE, total, parts)
        assert full.optimizer.weight_decay == pytest.approx(weight_decay_for(600))


def steps_of(layer, features, optimizer, count=2) -> dict[str, np.ndarray]:
    """How far the variables of a layer go, by their names, with gradients by chance; rare directions are small."""
    rng = np.random.default_rng(3)
    layer.build(features)
    before = [keras.ops.convert_to_numpy(v) for v in layer.trainable_variables]
    optimizer.build(layer.trainable_variables)
    for _ in range(count):
        gradients = [rng.normal(size=v.shape) * np.geomspace(1, 1e-2, v.shape[-1]) for v in layer.trainable_variables]
        optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradients])
    return {
        v.path.split("/")[-1]: keras.ops.convert_to_numpy(v) - was
        for v, was in zip(layer.trainable_variables, before, strict=True)
    }


def singular_values(step) -> np.ndarray:
    rows, columns = step.reshape(-1, step.shape[-1]).shape
    return np.linalg.svd(step.reshape(rows, columns), compute_uv=False) / (RATE * STEP * max(rows, columns) ** 0.5)


@pytest.mark.parametrize(
    ("layer", "features", "matrices"),
    [
        (keras.layers.Dense(24), (None, 40), {"kernel": 1}),
        (keras.layers.Dense(40), (None, 24), {"kernel": 1}),
        (keras.layers.Conv2D(20, 3), (None, 8, 8, 12), {"kernel": 1}),
        (keras.layers.LSTM(16), (None, None, 24), {"kernel": 4, "recurrent_kernel": 4}),
    ],
)
def test_kernels_step_alike_in_all_directions(layer, features, matrices):
    steps = steps_of(layer, features, Muon(RATE, weight_decay=0.0), count=1)
    for name, count in matrices.items():
        for matrix in np.split(steps[name], count, axis=-1):
            values = singular_values(matrix)
            assert values.min() > 0.6
            assert values.max() < 1.3
            assert np.sqrt(np.mean(matrix**2)) == pytest.approx(STEP * RATE, rel=0.3)


@pytest.mark.parametrize(
    ("layer", "features", "names"),
    [
        (keras.layers.Dense(8, name="head"), (None, 6), {"kernel", "bias"}),
        (keras.layers.Dense(8), (None, 6), {"bias"}),
        (keras.layers.Dense(LARGEST + 1), (None, LARGEST + 1), {"kernel", "bias"}),
        (keras.layers.BatchNormalization(), (None, 6), {"gamma", "beta"}),
        (keras.layers.Conv2D(LARGEST + 1, 3), (None, 4, 4, 40), {"kernel", "bias"}),
        (keras.layers.LSTM(256), (None, None, 300), {"bias"}),  # a matrix a gate, as in `retsinas`
        (keras.layers.LSTM(512), (None, None, 512), {"kernel", "recurrent_kernel", "bias"}),  # as those of `classic`
    ],
)
def test_heads_biases_norms_and_large_matrices_step_as_with_adamw(layer, features, names):
    twin = layer.__class__.from_config(layer.get_config())
    ours = steps_of(layer, features, Muon(RATE, weight_decay=0.0, adamw_layers=["head"]))
    adamw = steps_of(twin, features, keras.optimizers.AdamW(RATE, weight_decay=0.0))
    same = {name for name in ours if np.allclose(ours[name], adamw[name], rtol=1e-3, atol=1e-6)}
    assert same == names


def test_kernels_decay_and_biases_and_norms_do_not():
    full = small_recognizer().full_model
    compile_full_model(full, RATE, total_steps=1)
    for variable in full.trainable_variables:
        variable.assign(keras.ops.ones_like(variable))
    full.optimizer.apply([keras.ops.zeros_like(v) for v in full.trainable_variables])
    for variable in full.trainable_variables:
        decays = variable.path.endswith("kernel")
        left = keras.ops.convert_to_numpy(variable)
        assert np.allclose(left, 1 - RATE * weight_decay_for(1) if decays else 1.0, atol=1e-6), variable.path


def test_weights_decay_less_in_short_runs():
    assert [weight_decay_for(steps) for steps in (1, 405, 900, 1500, 30_000)] == pytest.approx([0.3, 0.3, 0.6, 1, 1])


def test_the_optimizer_survives_its_configuration():
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(Muon(RATE, adamw_layers=["head"]))
    )
    assert again.adamw_layers == ["head"]


def moved(full, *scales, parts=1):
    """How far each variable of a full model goes, by its path, from 0 with gradients by chance, times these scales."""
    compile_full_model(full, RATE, total_steps=1, parts=parts)
    for variable in full.trainable_variables:
        variable.assign(keras.ops.zeros_like(variable))
    rng = np.random.default_rng(1)
    for scale in scales:
        gradients = [scale * rng.normal(size=v.shape) for v in full.trainable_variables]
        full.optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradients])
    return {v.path: keras.ops.convert_to_numpy(v) for v in full.trainable_variables}


def test_a_huge_gradient_is_clipped_and_does_not_steer_the_steps_after_it():
    full = small_recognizer().full_model
    usual, huge = moved(full, 1.0, 1.0), moved(full, 1e4, 1.0)
    assert all(np.allclose(usual[path], huge[path], atol=1e-4) for path in usual)


def test_a_gradient_counts_as_it_is_up_to_a_norm_of_five():
    full = small_recognizer().full_model
    rng = np.random.default_rng(1)  # as `moved` draws them
    norm = np.sqrt(sum(np.sum(rng.normal(size=v.shape) ** 2) for v in full.trainable_variables))
    low, five, high = (moved(full, length / norm, 5 / norm) for length in (2.5, 5, 50))
    assert all(np.allclose(five[path], high[path], atol=1e-5) for path in five)
    assert not all(np.allclose(five[path], low[path], atol=1e-4) for path in five)


def test_parts_of_a_batch_change_the_weights_together():
    full = small_recognizer().full_model
    assert not any(step.any() for step in moved(full, 1.0, parts=2).values())
    assert all(step.any() for step in moved(full, 1.0, 1.0, parts=2).values())


def test_the_heads_of_a_full_model_step_as_with_adamw():
    steps = moved(small_recognizer().full_model, 1.0)
    alike = {
        path.split("/")[-2]
        for path, step in steps.items()
        if path.endswith("kernel") and np.median(abs(step)) > 0.9 * RATE
    }
    assert alike == set(HEADS)  # AdamW's first step is as long for every weight


@pytest.mark.parametrize(("scale", "direction"), [(-0.45, 1), (-0.48, -1)])
def test_a_kernel_goes_on_in_the_direction_of_the_steps_before_unless_a_gradient_is_half_as_large(scale, direction):
    layer, optimizer = keras.layers.Dense(24), Muon(RATE, weight_decay=0.0)
    layer.build((None, 40))
    optimizer.build([layer.kernel])
    gradient, places = np.random.default_rng(1).normal(size=(40, 24)), [keras.ops.convert_to_numpy(layer.kernel)]
    for times in (1.0, scale):  # the second step: 0.95 (0.95 + scale) + scale times the gradient
        optimizer.apply([keras.ops.convert_to_tensor(times * gradient, "float32")])
        places.append(keras.ops.convert_to_numpy(layer.kernel))
    first, second = np.diff(places, axis=0)
    assert np.allclose(first, direction * second, atol=1e-5)


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="only TensorFlow keeps graphs")
def test_the_graph_of_a_training_step_goes_with_its_model():
    def graphs_of_steps() -> int:
        gc.collect()
        graphs = [thing for thing in gc.get_objects() if type(thing).__name__ == "FuncGraph"]
        return sum(len(graph.get_operations()) > 1000 for graph in graphs)

    def train() -> int:
        made = small_recognizer()
        spec = made.spec
        words = [Word(np.full((32, 64), 9, np.uint8), spec.alphabet.encode("Rosa"))]
        compile_full_model(made.full_model, RATE, 100)
        frames = FrameCounter(made.prediction_model)
        made.full_model.train_on_batch(*WordBatches(words, spec.preprocessing, frames, 1, 2)[0])
        return graphs_of_steps()

    before = graphs_of_steps()
    while_it_trains = train()
    keras.utils.clear_session()  # Keras itself remembers the last model
    assert while_it_trains > before == graphs_of_steps()  # a search has hundreds of trials in one process
