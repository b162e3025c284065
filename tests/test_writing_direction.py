"""Hebrew and Arabic on images: what stands furthest to the left comes first."""

import numpy as np
import pytest

from utilities.alphabet import Alphabet
from utilities.decoding import log_softmax, read
from utilities.language_model import Language, LanguageModel
from utilities.language_reading import read_leaning
from utilities.writing_direction import visual_order


def on_the_image(text):
    return "".join(text[i] for i in visual_order(text))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Carex alba 12", "Carex alba 12"),
        ("שלום", "םולש"),
        ("שנת 1954, 3.5", "3.5 ,1954 תנש"),
        ("סוג Carex alba בגליל", "לילגב Carex alba גוס"),
        ("Carex (שלום 12) alba", "Carex (םולש 12) alba"),
        ("סוג Carex alba", "Carex alba גוס"),
        ("סוג Carex L. בגליל", "לילגב Carex L. גוס"),
        ("אב 50%, 32°15′ 5%.5", "5%.5 32°15′ ,50% בא"),
        ("محمد", "دمحم"),
        ("", ""),
    ],
)
def test_what_stands_on_the_left_comes_first(text, seen):
    assert on_the_image(text) == seen


def test_every_text_is_found_again():
    rng = np.random.default_rng(2)
    for _ in range(3000):
        text = "".join(rng.choice(list("abאבג12.,- ()\u05b7%°′"), rng.integers(0, 14)))
        assert on_the_image(on_the_image(text)) == text, text


def test_an_image_of_hebrew_is_read_from_the_right():
    alphabet = Alphabet.from_labels(["שלום 12"])
    ids = alphabet.encode("שלום 12")
    assert alphabet.decode(ids) == "שלום 12" and alphabet.characters[ids[0] - 1] == "1"
    path = [step for i in ids for step in (i, 0)]
    logits = 9.0 * np.eye(alphabet.classes, dtype=np.float32)[path][None]
    logits[0, 2 * 6] *= 0.5  # its rightmost letter, the first that is read, is less sure
    frames = np.array([len(path)])
    (reading,) = read(logits, frames, alphabet)
    assert reading.text == "שלום 12"
    language = Language(LanguageModel({"שלום 12": 3}, alphabet))
    (leaning,) = read_leaning(logits, frames, alphabet, language, with_details=True)
    assert leaning.text == "שלום 12"
    confidences = leaning.details.characters
    assert confidences[0] == min(confidences) == pytest.approx(np.exp(log_softmax(logits)[0, 12, ids[6]]), abs=1e-5)
