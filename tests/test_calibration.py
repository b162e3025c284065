import numpy as np
import pytest

from utilities import calibration
from utilities.alphabet import Alphabet
from utilities.calibration import SPREAD, USUAL, USUAL_LEANING, calibrate, calibrate_leaning, calibrations, log_loss
from utilities.language_model import Language, LanguageModel, language_of
from utilities.reliability import calibration_error_by_chance, expected_calibration_error
from utilities.validation import predicted

ALPHABET = Alphabet(tuple("ab"))


class Overconfident:
    """A model whose logits are three times as large as its knowledge deserves."""

    def predict_on_batch(self, images):
        return images


def validation(words=2000, scale=3.0):
    """Words of one frame: true with the probability that unscaled logits give."""
    rng = np.random.default_rng(1)
    margin = rng.normal(1.5, 1.0, words)
    right = rng.random(words) < 1 / (1 + np.exp(-np.abs(margin)))
    said = np.where(margin > 0, 1, 2)
    label = np.where(right, said, 3 - said)
    logits = np.full((words, 1, 3), -30.0, np.float32)
    logits[:, 0, 1], logits[:, 0, 2] = scale * margin, 0
    batch = {
        "image": logits,
        "label": label[:, None],
        "label_length": np.ones((words, 1), int),
        "frames": np.ones((words, 1), int),
    }
    return [(batch,)]


def test_an_overconfident_model_is_brought_down_to_what_it_knows():
    found = calibrate(predicted(Overconfident(), validation()), ALPHABET)
    assert found.temperature == pytest.approx(3, rel=0.2)
    assert found.words == 2000
    assert found.ece_after < 0.03 < found.ece_before


def test_a_model_that_knows_itself_is_left_alone():
    assert calibrate(predicted(Overconfident(), validation(scale=1.0)), ALPHABET).temperature == pytest.approx(
        1, rel=0.15
    )


@pytest.mark.parametrize("right", [False, True])
def test_few_words_move_the_temperature_the_way_they_point_and_not_to_the_end(right):
    def temperature(words):
        ((batch,),) = validation(words)
        said = np.where(batch["image"][:, 0, 1] > 0, 1, 2)
        batch = batch | {"label": (said if right else 3 - said)[:, None]}  # none read right, or all
        return calibrate(predicted(Overconfident(), [(batch,)]), ALPHABET).temperature

    usual, few, more = (temperature(words) for words in (1, 10, 30))
    assert (0.5 < more < few < usual) if right else (usual < few < more < 5)
    assert usual == pytest.approx(USUAL, rel=0.4)


@pytest.mark.parametrize(("scale", "least", "most"), [(4.5, 4, 5), (0.6, 0.5, 0.75)])
def test_models_may_be_much_too_sure_and_too_modest(scale, least, most):
    assert least < calibrate(predicted(Overconfident(), validation(scale=scale)), ALPHABET).temperature < most


def test_the_temperature_is_the_likeliest_one_given_what_is_usual():
    ((batch,),) = validation(10)
    said = np.where(batch["image"][:, 0, 1] > 0, 1, 2)
    none_right = [(batch | {"label": (3 - said)[:, None]},)]
    tried = np.geomspace(0.5, 5, 2000)
    probabilities = 1 / (1 + np.exp(-np.abs(batch["image"][:, 0, 1]) / tried[:, None]))
    losses = -np.log(1 - probabilities).sum(axis=1) + (np.log(tried / USUAL) / SPREAD) ** 2 / 2
    found = calibrate(predicted(Overconfident(), none_right), ALPHABET)
    assert found.temperature == pytest.approx(tried[losses.argmin()], rel=0.005)


def test_errors_are_of_the_confidences_as_computed_and_as_brought_down():
    ((batch,),) = validation()
    margin = batch["image"][:, 0, 1].astype(float)
    right = batch["label"][:, 0] == np.where(margin > 0, 1, 2)
    found = calibrate(predicted(Overconfident(), [(batch,)]), ALPHABET)
    before, after = (1 / (1 + np.exp(-np.abs(margin) / t)) for t in (1.0, found.temperature))
    assert found.ece_before == pytest.approx(expected_calibration_error(before, right), abs=1e-3)
    assert found.ece_after == pytest.approx(expected_calibration_error(after, right), abs=1e-3)
    assert found.ece_by_chance == pytest.approx(calibration_error_by_chance(after), abs=1e-3)
    assert len({round(error, 3) for error in (found.ece_before, found.ece_after, found.ece_by_chance)}) == 3


def test_the_loss_is_that_of_a_hand_and_one_surprise_does_not_outweigh_all():
    assert log_loss(np.array([0.5, 0.5]), [True, False]) == pytest.approx(np.log(2))
    assert log_loss(np.array([1.0, 0.0]), [False, True]) == pytest.approx(6 * np.log(10))


def test_readings_by_a_language_are_brought_down_as_well():
    even = Language(LanguageModel({"a": 1, "b": 1}, ALPHABET))
    found = calibrate_leaning(predicted(Overconfident(), validation()), ALPHABET, even)
    assert found.temperature == pytest.approx(3, rel=0.2)
    assert found.words == 2000
    assert found.ece_after < 0.03 < found.ece_before


def test_what_all_logits_of_an_image_have_in_common_says_nothing():
    logits, one = np.random.default_rng(1).normal(size=(40, 8, 3)).astype(np.float32), np.ones((40, 1), int)
    batch = {"label": one, "label_length": one, "frames": 8 * one}  # of 8 time steps, whose texts no beam holds all
    language = language_of({"data": {"texts": {"a": 1, "b": 9}}}, ALPHABET)
    found = [
        calibrate_leaning(predicted(Overconfident(), [(batch | {"image": logits + more},)]), ALPHABET, language)
        for more in (0, 5)
    ]
    assert found[0].temperature == pytest.approx(found[1].temperature, abs=1e-3)


def test_of_more_words_than_memory_holds_some_are_enough(monkeypatch):
    batches = [validation(words=200)[0] for _ in range(4)]
    record = {"texts": {"a": 1, "b": 1}}
    assert calibrations(Overconfident(), batches, ALPHABET, record)["calibration"].words == 800
    monkeypatch.setattr(calibration, "MOST_BYTES", 3000)  # a batch has 2,400
    found = calibrations(Overconfident(), batches, ALPHABET, record)
    assert found["calibration"].words == found["language_calibration"].words == 400


def test_of_more_words_than_memory_holds_not_the_first_ones_are_taken(monkeypatch):
    class Batches(list):
        def __getitem__(self, number):
            taken.append(number)
            return super().__getitem__(number)

    taken, batches = [], Batches(validation(words=200)[0] for _ in range(20))
    monkeypatch.setattr(calibration, "MOST_BYTES", 9 * 2400)
    calibrations(Overconfident(), batches, ALPHABET, {"texts": {"a": 1, "b": 1}})
    assert len(set(taken)) == len(taken) == 10 and min(taken) < 10 <= max(taken)


class Echo:
    """A model that gives its images for logits."""

    def predict_on_batch(self, images):
        return images


def words(count):
    """Words of one frame, all but surely an a, which they are."""
    logits = np.zeros((count, 1, 3), np.float32)
    logits[:, 0, 1] = 3.0
    one = np.ones((count, 1), int)
    return [({"image": logits, "label": one, "label_length": one, "frames": one},)]


def test_a_record_has_a_temperature_for_each_way_to_read():
    texts = {"data": {"texts": {"a": 1, "b": 9}}}
    found = calibrations(Echo(), words(30), ALPHABET, texts["data"])
    seen = list(predicted(Echo(), words(30)))
    assert found["calibration"] == calibrate(seen, ALPHABET)
    assert found["language_calibration"] == calibrate_leaning(seen, ALPHABET, language_of(texts, ALPHABET))
    assert found["calibration"] != found["language_calibration"]


def test_hardly_any_words_leave_what_is_usual_of_each_way_to_read():
    even = language_of({"data": {"texts": {"a": 1, "b": 1}}}, ALPHABET)
    leaning = calibrate_leaning(predicted(Echo(), words(1)), ALPHABET, even).temperature
    plain = calibrate(predicted(Echo(), words(1)), ALPHABET).temperature
    assert abs(leaning / plain - USUAL_LEANING / USUAL) < 0.2
    assert leaning > plain  # readings by a language are surer than they ought to be


def test_spaces_at_the_ends_of_a_reading_are_no_mistake():
    alphabet = Alphabet((" ", "a"))
    logits = np.tile(9.0 * np.eye(3, dtype=np.float32)[[2, 1]], (20, 1, 1))  # "a "
    one = np.ones((20, 1), int)
    seen = list(predicted(Echo(), [({"image": logits, "label": 2 * one, "label_length": one, "frames": 2 * one},)]))
    language = language_of({"data": {"texts": {"a": 1}}}, alphabet)
    assert calibrate(seen, alphabet).temperature < USUAL  # all are right
    assert calibrate_leaning(seen, alphabet, language).temperature < USUAL_LEANING
