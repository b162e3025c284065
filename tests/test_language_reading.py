import numpy as np
import pytest

from utilities.alphabet import Alphabet
from utilities.beam_search import Beam, Hypothesis
from utilities.decoding import read
from utilities.language_model import Language, LanguageModel
from utilities.language_reading import read_leaning, shares_of_beams

AB = Alphabet(("a", "b"))
DOUBT = np.log([[[0.02, 0.5, 0.48], [0.98, 0.01, 0.01], [0.02, 0.49, 0.49]]])


def test_readings_lean_towards_what_is_likely_and_say_how_sure_that_makes_them():
    frames = np.array([3])
    (shown,), (leaning,) = (
        read(DOUBT, frames, AB),
        read_leaning(DOUBT, frames, AB, Language(LanguageModel({"ba": 2, "aa": 1}, AB)), with_details=True),
    )
    assert (shown.text, leaning.text) == ("aa", "ba")
    assert shown.confidence < 0.3 < leaning.confidence < 1
    assert leaning.details.runner_up == "aa"
    assert 0 < leaning.details.runner_up_confidence < leaning.confidence
    assert leaning.details.characters == pytest.approx((0.48, 0.49))


def test_a_higher_temperature_makes_less_sure():
    language = Language(LanguageModel({"ba": 10}, AB))
    confidences = [read_leaning(DOUBT, np.array([3]), AB, language, t)[0].confidence for t in (0.5, 1.0, 3.0)]
    assert confidences == sorted(confidences, reverse=True)


def test_the_texts_that_are_not_in_the_beam_have_their_share():
    """The beam holds 0.4 of the image's probability; the language weighs its texts by 1 and 1/2, the others by 1/2."""
    lean = np.log(0.5)
    beam = [Hypothesis((1,), np.log(0.3), np.log(0.3)), Hypothesis((2,), np.log(0.1) + lean, np.log(0.1))]
    everything = 0.3 + 0.1 / 2 + 0.6 / 2
    assert shares_of_beams([Beam.of(beam)], 1.0)[0, :2] == pytest.approx([0.3 / everything, 0.05 / everything])


def test_a_certain_reading_by_a_language_has_no_runner_up():
    logits = 30.0 * np.eye(3)[[[1, 0, 2]]]
    language = Language(LanguageModel({"ab": 2}, AB))
    (reading,) = read_leaning(logits, np.array([3]), AB, language, with_details=True)
    assert (reading.text, reading.details.runner_up, reading.details.runner_up_confidence) == ("ab", None, 0.0)


def test_spaces_at_the_ends_are_no_part_of_a_leaning_reading():
    alphabet = Alphabet((" ", "a"))
    logits = 9.0 * np.eye(3)[[[1, 2, 0, 1]]]
    (reading,) = read_leaning(logits, np.array([4]), alphabet, Language(LanguageModel({"a": 1}, alphabet)), 1.0, True)
    assert reading.text == "a" and len(reading.details.characters) == 1
