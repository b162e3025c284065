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
