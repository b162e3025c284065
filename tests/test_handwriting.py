from dataclasses import replace

import numpy as np
import pytest

from utilities.handwriting import FONTS, Hand, Sheet, can_be_drawn, draw_word
from utilities.slant import slant
from utilities.writing_box import find_writing

HANDS = [Hand(font, 0.2, 1.0, 0.0, 2, 1.0) for font in sorted(set(FONTS))]
EUROPEAN = (
    "Großkmehlen|Łódź|Žluťoučký kůň|Sæby|Œuvre|Ærø|București|Győr|Šķērsiela|Dąb|Ġgantija"
    "|l’herbier|„Carex“|«Rosa»|12–14 km|3 ♂, 2 ♀|20° × 7′"
).split("|")
SHEET = Sheet(paper=230, ink=30, pen=0, ruled=False)


def drawn(text: str, hand: Hand) -> np.ndarray:
    """A word, the same wobble each time."""
    return draw_word(text, hand, np.random.default_rng(1), SHEET)


@pytest.mark.parametrize("text", EUROPEAN)
def test_what_labels_in_latin_letters_say_can_be_drawn(text):
    assert can_be_drawn(text)
    for hand in HANDS:
        assert (drawn(text, hand) < 128).any()


@pytest.mark.parametrize("text", ["Роза", "薔薇", "", " "])
def test_other_scripts_and_nothing_cannot(text):
    assert not can_be_drawn(text)
    with pytest.raises(ValueError, match="no strokes for"):
        drawn(text, HANDS[0])


@pytest.mark.parametrize("marked, plain", ["ßs", "ßB", "ŁL", "łl", "šs", "ąa", "ăa", "ġg", "őo", "șs", "æa", "♂♀"])
def test_a_letter_differs_from_the_one_it_could_be_taken_for(marked, plain):
    for hand in HANDS:
        one, other = (drawn(f"n{text}n", hand) for text in (marked, plain))
        assert one.shape != other.shape or np.abs(one.astype(int) - other).max() > 100


def test_a_ligature_is_narrower_than_its_two_letters():
    for hand in HANDS:
        assert drawn("næn", hand).shape[1] < drawn("naen", hand).shape[1]


HAND = Hand("futural", 0.0, 1.0, 2.0, 2, 0.1)


def test_a_hand_leans_as_it_is_said_to():
    def lean(hand):
        return slant(find_writing(255 - draw_word("Hill lit", hand, np.random.default_rng(1), SHEET))[1])

    upright, leaning = lean(HAND), lean(replace(HAND, slant=0.5))
    assert abs(upright) < 0.1 and -0.7 < leaning < -0.3


def test_a_ruled_sheet_has_a_line_from_side_to_side():
    def rows(sheet):
        return np.median(draw_word("Carex", HAND, np.random.default_rng(1), sheet), axis=1)

    lower = rows(SHEET) - rows(replace(SHEET, ruled=True))
    assert lower.max() > 25 and (lower > 15).sum() <= 2
