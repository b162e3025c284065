import numpy as np
import pytest
from conftest import predictions_frame

from utilities.acceptance import Promise, sentence
from utilities.counts import percent
from utilities.model_charts import interval_plot, match_bars
from utilities.model_tables import headline_table, model_table, paired_table, readable_pairs, variant_table
from utilities.predictions_table import load_predictions


def test_the_table_of_models_is_right(predictions_folder):
    table = model_table(load_predictions(predictions_folder))
    good, bad = table.loc["good"], table.loc["bad"]
    assert (good["images"], good["judged"], good["characters"]) == (5, 3, 10)
    assert good["CER %"] == pytest.approx(10)
    assert good["exact %"] == pytest.approx(200 / 3)
    assert good["mean confidence"] == pytest.approx((0.9 + 0.8 + 0.7) / 3)  # of the images that the CER is of
    assert bad["CER %"] == pytest.approx(30)
    assert bad["resampled"] == 2  # two writers
    assert headline_table(table).loc["good", "CER %"].startswith("10.0")
    assert "CER without diacritics %" in variant_table(table)


def test_figures_are_not_rounded_to_all_or_nothing():
    frame = predictions_frame(("Carex stricta", "Carex", 0.9), *[("Carex stricta", "Carex stricta", 0.9)] * 20_000)
    assert percent(0) == "0.0" and percent(100) == "100.0" and percent(0.04) == "< 0.1" and percent(101.7) == "101.7"
    table = model_table({"m": frame})
    shown = headline_table(table).loc["m"]
    assert shown["CER %"].startswith("< 0.1 (0.0 to < 0.1)") and shown["exact %"].startswith("> 99.9 (> 99.9 to 100.0)")
    figures = [text.get_text() for figure in (interval_plot(table), match_bars(table)) for text in figure.axes[0].texts]
    assert figures == ["< 0.1 % (0.0 to < 0.1)", "> 99 %"]
    assert "covers > 99 % (from" in sentence(Promise(0.9, 999, 0, 1000, 0.01, True), 0.01)


def test_pairs_are_judged_on_what_both_have_with_the_same_transcription():
    first = predictions_frame(("Carex", "Carex", 0.9), ("Poa", "Pox", 0.8), ("ab", "xx", 0.1), ("e\u0301", "e", 0.2))
    second = predictions_frame(("Carex", "Care", 0.9), ("Poa", "Poa", 0.7), ("aB", "aB", 0.9), ("\u00e9", "é", 0.3))
    row = paired_table({"one": first, "two": second}).iloc[0]
    assert (row["first"], row["second"], row["images"]) == ("one", "two", 3)  # "ab" was corrected in between
    assert row["first CER %"] == pytest.approx(100 * 2 / 9)
    assert row["second CER %"] == pytest.approx(100 * 1 / 9)
    assert row["difference"] == pytest.approx(-100 / 9)
    assert row["difference low"] < row["difference"] < row["difference high"]
    assert row["p"] == pytest.approx(1, abs=0.03)  # one word of three differs to the other side
    assert row["verdict"].startswith("too few groups to tell: with 3, p is 0.25 or more")


def test_the_verdict_names_the_better_model_only_where_it_is_one():
    rng = np.random.default_rng(1)
    half, tenth = ([("Poa", "Poa" if r > risk else "Pox", 0.5) for r in rng.random(200)] for risk in (0.5, 0.1))
    frames = {"bad": predictions_frame(*half), "good": predictions_frame(*tenth), "twin": predictions_frame(*tenth)}
    found = paired_table(frames).set_index(["first", "second"])["verdict"]
    assert found["bad", "good"] == "good reads better (p < 0.001)"
    assert found["good", "twin"] == "this test set cannot tell them apart (p = 1.00)"
    turned = paired_table(dict(reversed(frames.items()))).set_index(["first", "second"])["verdict"]
    assert turned["good", "bad"] == "good reads better (p < 0.001)"


def test_pairs_are_shown_with_their_interval_and_no_p_smaller_than_people_write():
    bad, good = (predictions_frame(*[("Poa", reading, 0.5)] * 40) for reading in ("Pox", "Poa"))
    pairs = paired_table({"bad": bad, "twin": bad, "good": good})
    shown = readable_pairs(pairs)
    assert shown["p"].tolist() == ["1.000", "< 0.001", "< 0.001"]
    assert shown["difference"].tolist() == ["0.0 (0.0 to 0.0)", *["-33.3 (-33.3 to -33.3)"] * 2]
    corrected = {"a": predictions_frame(("Poa", "Poa", 0.5)), "b": predictions_frame(("Pox", "Pox", 0.5))}
    nothing = readable_pairs(paired_table(corrected)).iloc[0]
    assert (nothing["difference"], nothing["p"]) == ("–", "–") and nothing["verdict"].startswith("nothing to compare")


def test_of_many_pairs_a_difference_that_is_rare_by_itself_is_none():
    wrong = {"a": range(7), "b": (), "c": (7, 8, 9), "d": (10, 11, 12)}
    frames = {
        name: predictions_frame(*[("Poa", "Pox" if i in of else "Poa", 0.5) for i in range(40)])
        for name, of in wrong.items()
    }
    (alone,) = paired_table({name: frames[name] for name in "ab"})["verdict"]
    assert alone == "b reads better (p = 0.016)"
    among = paired_table(frames)["verdict"]
    assert among[0] == "this test set cannot tell them apart (p = 0.016, which is little for one of 6 pairs)"


def test_groups_of_the_second_file_are_used_where_the_first_has_none():
    first = predictions_frame(*[("Poa", "Pox", 0.5)] * 8)
    second = predictions_frame(*[("Poa", "Poa", 0.5, f"w{i % 2}") for i in range(8)])
    assert "with 2, p is 0.5 or more" in paired_table({"a": first, "b": second})["verdict"][0]


def test_there_are_no_pairs_without_two_judged_models():
    judged, unlabelled = predictions_frame(("Poa", "Poa", 0.5)), predictions_frame(("", "Poa", 0.5))
    assert paired_table({"a": judged, "b": unlabelled}).empty
    assert "verdict" in paired_table({})
    other = judged.assign(image="other.png")
    assert paired_table({"a": judged, "b": other})["verdict"][0].startswith("nothing to compare")


def test_without_transcriptions_the_mean_confidence_is_of_all_that_was_read():
    frames = {"one": predictions_frame(("", "Carex", 0.9), ("", "Poa", 0.5))}
    assert headline_table(model_table(frames)).loc["one", "mean confidence"] == "0.70"


def test_words_and_near_misses_are_counted_as_a_hand_would():
    read = [("Carex alba", "Carex alba"), ("Poa annua", "Poa anna"), ("Rosa", "Rxxx"), ("Zea", "Zea")]
    frame = predictions_frame(*[(*word, 0.5) for word in read])
    row = model_table({"m": frame}).loc["m"]
    assert row["words"] == 6 and row["WER %"] == pytest.approx(100 * 2 / 6)
    assert row["exact %"] == pytest.approx(50) and row["off by one %"] == pytest.approx(25)
    assert row["CER %"] == pytest.approx(100 * 4 / 26)
