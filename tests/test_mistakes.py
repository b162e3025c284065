import pytest
from conftest import predictions_frame

from utilities.metrics import edit_distances
from utilities.mistakes import by_character, confusion_table, edit_operations, frequent_errors, visible
from utilities.predictions_table import load_predictions

READ = [("nun a", "mun a"), ("nun", "mmn"), ("no", "o"), ("a b", "ab"), ("aa", "aaa"), ("", "n")]
FRAME = predictions_frame(*[(*word, 0.5) for word in READ])


def test_mistakes_are_counted_by_kind():
    truths, readings = ["Carex", "Rosa", "nun", "um"], ["Carcx", "Rosa ", "mn", "nm"]
    found = {(o.truth, o.reading): (o.kind, o.count) for o in edit_operations(truths, readings)}
    assert found["e", "c"] == ("substitution", 1)
    assert found["", " "] == ("insertion", 1)
    assert found["u", "n"] == ("substitution", 1)
    assert sum(count for _, count in found.values()) == edit_distances(truths, readings).sum()
    assert edit_operations(["a"], ["a"]) == []


def test_mistakes_have_examples(predictions_folder):
    errors = frequent_errors(load_predictions(predictions_folder)["bad"])
    assert set(zip(errors["kind"], errors["there"], errors["read"], strict=True)) == {
        ("substitution", "x", "s"),
        ("deletion", "N", ""),
        ("deletion", "A", ""),
    }


def test_characters_are_counted_as_a_hand_would():
    table = by_character(FRAME).set_index("character")
    assert table.loc["n"].tolist() == [5, 3, 60.0, "m"]  # to m twice, lost once
    assert table.loc["␣"].tolist() == [2, 1, 50.0, "(lost)"]
    assert table.loc["u"].tolist() == [2, 1, 50.0, "m"]
    assert table.loc["a"].tolist() == [4, 0, 0.0, ""]  # an a that is not there is no mistake in one that is
    assert table.index.tolist() == ["n", "␣", "u", "a", "b", "o"]
    assert by_character(FRAME, 2).shape == (2, 5)
    assert by_character(FRAME.tail(1)).empty


def test_confusions_add_up_to_the_mistakes():
    table = confusion_table(FRAME)
    assert table.index.tolist() == ["n", "␣", "u"]
    assert table.columns.tolist() == ["", "m"]
    assert table.loc["n"].tolist() == [1, 2]
    assert table.to_numpy().tolist() == [[1, 2], [1, 0], [0, 1]]
    many = predictions_frame(("abc", "xxx", 0.5), ("aa", "xy", 0.5), ("b", "y", 0.5))
    assert confusion_table(many, 1).to_dict("index") == {"a": {"x": 2, "(others)": 1}}
    assert confusion_table(FRAME.tail(1)).empty


def test_every_character_can_be_seen():
    assert [visible(c) for c in ("", " ", "\u00a0", "\u0301", "a")] == ["", "␣", "U+00A0", "◌\u0301", "a"]


def test_shares_are_of_all_mistakes_and_of_each_kind_the_most_frequent_are_listed():
    errors = frequent_errors(predictions_frame(("nnn", "mmm", 0.5), ("ab", "b", 0.5), ("c", "d", 0.5)), n=1)
    assert errors["kind"].tolist() == ["substitution", "deletion"]
    assert errors["count"].tolist() == [3, 1]
    assert errors["share of all mistakes (%)"].tolist() == pytest.approx([60, 20])  # of five


def test_an_accent_that_stands_apart_from_its_letter_makes_no_other_character():
    table = by_character(predictions_frame(("e\u0301", "e", 0.5), ("\u00e9", "\u00e9", 0.5))).set_index("character")
    assert table.loc["\u00e9", ["times", "wrong"]].tolist() == [2, 1] and len(table) == 1
