import numpy as np
import pytest

from utilities import calibration
from utilities.alphabet import Alphabet
from utilities.calibration import USUAL, USUAL_LEANING, calibrate, calibrate_leaning, calibrations, log_loss
from utilities.language_model import Language, LanguageModel, language_of
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


def test_the_loss_is_that_of_a_hand():
    assert log_loss(np.array([0.5, 0.5]), [True, False]) == pytest.approx(np.log(2))


def test_readings_by_a_language_are_brought_down_as_well():
    even = Language(LanguageModel({"a": 1, "b": 1}, ALPHABET))
    found = calibrate_leaning(predicted(Overconfident(), validation()), ALPHABET, even)
    assert found.temperature == pytest.approx(3, rel=0.2)
    assert found.words == 2000
    assert found.ece_after < 0.03 < found.ece_before


def test_of_more_words_than_memory_holds_some_are_enough(monkeypatch):
    batches = [validation(words=200)[0] for _ in range(4)]
    record = {"texts": {"a": 1, "b": 1}}
    assert calibrations(Overconfident(), batches, ALPHABET, record)["calibration"].words == 800
    monkeypatch.setattr(calibration, "MOST_BYTES", 3000)  # a batch has 2,400
    found = calibrations(Overconfident(), batches, ALPHABET, record)
    assert found["calibration"].words == found["language_calibration"].words == 400


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


def test_spaces_at_the_ends_of_a_reading_are_no_mistake():
    alphabet = Alphabet((" ", "a"))
    logits = np.tile(9.0 * np.eye(3, dtype=np.float32)[[2, 1]], (20, 1, 1))  # "a "
    one = np.ones((20, 1), int)
    seen = list(predicted(Echo(), [({"image": logits, "label": 2 * one, "label_length": one, "frames": 2 * one},)]))
    language = language_of({"data": {"texts": {"a": 1}}}, alphabet)
    assert calibrate(seen, alphabet).temperature < USUAL  # all are right
    assert calibrate_leaning(seen, alphabet, language).temperature < USUAL_LEANING
