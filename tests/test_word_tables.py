import numpy as np
import pytest
from conftest import predictions_frame

from utilities.predictions_table import load_predictions
from utilities.word_tables import by_length, confident_errors, least_certain, per_word_statistics


def test_statistics_of_single_words(predictions_folder):
    row = per_word_statistics(load_predictions(predictions_folder)).loc["bad", "edits (characters)"]
    assert row[["mean", "min", "median", "max"]].tolist() == [1, 0, 1, 2]
    assert row["standard deviation"] == pytest.approx(np.std([1, 2, 0], ddof=1))


def test_lists_of_words_to_look_at(predictions_folder):
    frames = load_predictions(predictions_folder)
    assert confident_errors(frames["bad"])["image"].tolist() == ["a.png", "b.png"]
    least = least_certain(frames["good"], 2)
    assert least["image"].tolist() == ["d.png", "c.png"]
    assert (least.index.name, *least.index) == ("row", 5, 4)  # where a spreadsheet shows them


def test_lengths_are_those_of_a_hand():
    words = [("Poa", "Poa"), ("ab", "x"), ("Care", "Cara"), ("Carex alba L. and on and on", "")]
    table = by_length(predictions_frame(*[(*word, 0.5) for word in words])).set_index("length")
    assert table.index.tolist() == ["1–3", "4–6", "21 or more"]
    assert table["words"].tolist() == [2, 1, 1]
    assert table["CER %"].tolist() == pytest.approx([100 * 2 / 5, 100 * 1 / 4, 100])
    assert table["exact %"].tolist() == [50, 0, 0]
    assert table.loc["1–3", ["exact low %", "exact high %"]].tolist() == [0, 100]
    assert np.isnan(table.loc["4–6", "CER low %"])  # one word: nothing to resample
    assert by_length(predictions_frame(("", "Poa", 0.5))).empty
