import pytest

from utilities.alphabet import Alphabet, UnknownCharacterError, frames_needed
from utilities.texts import normalize


def test_every_character_of_the_labels_gets_a_class_and_zero_stays_the_blank():
    alphabet = Alphabet.from_labels(["ba", "cab "])
    assert alphabet.characters == (" ", "a", "b", "c")
    assert alphabet.classes == 5
    assert alphabet.encode("cab").tolist() == [4, 2, 3]
    assert alphabet.decode([4, 2, 3]) == "cab"


def test_composed_and_decomposed_accents_are_one_character():
    decomposed = "e\u0301"
    alphabet = Alphabet.from_labels([decomposed])
    assert alphabet.characters == ("é",)
    assert alphabet.encode(decomposed).tolist() == alphabet.encode("é").tolist() == [1]
    assert normalize(decomposed) == "é"


def test_unknown_characters_are_named_with_the_text():
    with pytest.raises(UnknownCharacterError, match="'axy' holds 'x' 'y'"):
        Alphabet(("a",)).encode("axy")


def test_growing_keeps_the_known_ids():
    grown = Alphabet(("b", "a")).extended("cab")
    assert grown.characters == ("b", "a", "c")


def test_a_character_may_stand_only_once():
    with pytest.raises(ValueError, match="'a'"):
        Alphabet(("a", "b", "a"))


@pytest.mark.parametrize(("text", "frames"), [("", 0), ("abc", 3), ("aab", 4), ("aaa", 5)])
def test_equal_neighbours_need_a_blank_between(text, frames):
    assert frames_needed(text) == frames


def test_new_characters_come_in_the_same_order_in_every_process():
    new = "zyxwvutsrqponmlkjihgfedcb"  # the order of a set of texts differs from process to process
    assert "".join(Alphabet(("Z", "a")).extended(new + "a").characters) == "Za" + new[::-1]
