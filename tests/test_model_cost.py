import pytest

from utilities.alphabet import Alphabet
from utilities.hyperparameters import resolve
from utilities.images import Preprocessing
from utilities.model import RecognizerSpec, build_prediction_model
from utilities.model_cost import operations


def spec(architecture, **values):
    return RecognizerSpec(architecture, Alphabet(tuple("abc")), Preprocessing(32, 256), resolve(architecture, values))


def test_classic_costs_what_a_hand_counts():
    s = spec("classic", kernel_size=3, num_units_dense=10, num_units_lstm1=4, num_units_lstm2=6)
    frames = 64 // 4
    by_hand = 2 * (64 * 32) * 9 * 32  # first convolution, on the whole canvas
    by_hand += 2 * (32 * 16) * 9 * 32 * 64  # second, on a quarter
    by_hand += 2 * frames * (8 * 64) * 10
    by_hand += 2 * 2 * frames * 4 * 4 * (10 + 4)
    by_hand += 2 * 2 * frames * 4 * 6 * (8 + 6)
    by_hand += 2 * frames * 12 * 4
    assert operations(build_prediction_model(s), 64) == pytest.approx(by_hand)


def test_cost_grows_with_width_and_units():
    small = build_prediction_model(spec("compact", num_units_lstm1=16))
    large = build_prediction_model(spec("compact", num_units_lstm1=64))
    assert operations(small, 256) == pytest.approx(2 * operations(small, 128))
    assert operations(large, 128) > operations(small, 128)


def test_retsinas_costs_what_a_hand_counts_with_the_ways_around_its_blocks():
    values = {"kernel_size": 3, "num_units_lstm1": 4, "num_units_lstm2": 6}
    stem = (64 // 2) * (32 // 2)  # pixels left after it; a quarter of them after each pooling
    by_hand = 2 * stem * 49 * 32
    for pixels, blocks, before, filters in ((stem, 2, 32, 64), (stem // 4, 4, 64, 128), (stem // 16, 4, 128, 256)):
        by_hand += 2 * pixels * 9 * filters * (before + (2 * blocks - 1) * filters)
        by_hand += 2 * pixels * before * filters  # the first block's way around
    frames = 64 // 8
    by_hand += 2 * 2 * frames * 4 * (4 * (256 + 4) + 6 * (8 + 6) + 6 * (12 + 6))
    by_hand += 2 * frames * 12 * 4
    assert operations(build_prediction_model(spec("retsinas", **values)), 64) == pytest.approx(by_hand)
