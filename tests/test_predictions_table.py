from pathlib import Path

import pytest
from conftest import write_predictions

from utilities.model_tables import rows_left_out
from utilities.predictions_table import (
    FOLDER_VARIABLE,
    PredictionsError,
    find_predictions,
    load_predictions,
    rows_read,
    unread,
    words_judged,
    words_read,
)


def test_texts_stay_texts_and_three_populations_are_told_apart(predictions_folder):
    frames = load_predictions(predictions_folder)
    assert list(frames) == ["bad", "good"]
    assert frames["good"]["label"].tolist() == ["Carex", "NA", "007", "", "Poa"]
    assert len(words_read(frames["good"])) == 4
    assert len(words_judged(frames["good"])) == 3
    left_out = rows_left_out(frames).loc["good"]
    assert (left_out["not read"], left_out["read, but without transcription"]) == (1, 1)
    assert left_out["why not read"] == "image unreadable: 1"


def test_an_empty_reading_is_a_wrong_one_and_not_one_left_out(predictions_folder):
    words = words_judged(load_predictions(predictions_folder)["bad"])
    assert words["edits"].tolist() == [1, 2, 0]


def test_files_that_are_no_predictions_are_all_named(tmp_path):
    write_predictions(tmp_path, "one", "a.png,Carex", header="image,label")
    write_predictions(tmp_path, "two", "a.png,Carex,Carex,1.5,,")
    write_predictions(tmp_path, "three")
    write_predictions(tmp_path, "four", "a.png,Carex,Carex,0.5")
    with pytest.raises(PredictionsError) as error:
        load_predictions(tmp_path)
    text = str(error.value)
    for part in ("one-predictions.csv", "prediction, confidence", "'1.5'", "no rows", "row 2 has not 6 fields"):
        assert part in text
    with pytest.raises(PredictionsError, match="No file"):
        load_predictions(tmp_path / "nowhere")


def test_rows_that_are_empty_are_none_and_the_others_keep_their_numbers(tmp_path):
    write_predictions(tmp_path, "one", "a.png,Carex,Carex,0.5,,", "", ",,,,,", "b.png,Poa,Poa,0.5,,", ",,,,,")
    (frame,) = load_predictions(tmp_path).values()
    assert frame["image"].tolist() == ["a.png", "b.png"]
    write_predictions(tmp_path, "one", "", ",,,,,", "b.png,Poa,Poa,5,,")
    with pytest.raises(PredictionsError, match="row 4 has a confidence"):
        load_predictions(tmp_path)


def test_a_row_that_repeats_another_counts_once(tmp_path):
    repeated = "images/a.png,Carex,Care,0.5,,repeated row (says of the same image what row 2 says)"
    again = "b.png,,Poa,0.4,,"  # as older versions wrote it: the same name without a word
    write_predictions(tmp_path, "one", "a.png,Carex,Care,0.5,,", repeated, again, again, "c.png,Poa,,,,image missing")
    frames = load_predictions(tmp_path)
    assert words_read(frames["one"])["image"].tolist() == ["a.png", "b.png"]
    assert words_judged(frames["one"])["image"].tolist() == ["a.png"]
    counts = rows_left_out(frames).loc["one"].to_dict()
    counts.pop("why not read")
    assert counts == {
        "images": 5, "judged": 1, "not read": 1, "repeated": 2, "read, but without transcription": 1,
    }  # fmt: skip
    assert rows_read(frames["one"])["edits"].notna().sum() == 2


def test_a_table_that_a_german_spreadsheet_saved_again_can_be_read(tmp_path):
    lines = [
        "\ufeffimage;label;prediction;confidence;group;problem",
        "a.png;Carex, alba;Carex;0,9500;;",
        "b.png;;Poa;0,4;;",
    ]
    (tmp_path / "one-predictions.csv").write_bytes("\r\n".join(lines).encode())
    (frame,) = load_predictions(tmp_path).values()
    assert frame["label"].tolist() == ["Carex, alba", ""]
    assert frame["confidence"].tolist() == [0.95, 0.4]


def test_the_folder_can_be_named(tmp_path, monkeypatch):
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert find_predictions(tmp_path, tmp_path / "root") == tmp_path
    monkeypatch.chdir(tmp_path)
    assert find_predictions(Path("predictions"), tmp_path) == tmp_path / "test_set_predictions" / "predictions"
    assert find_predictions(tmp_path / "mistyped", tmp_path) == tmp_path / "mistyped"
    monkeypatch.setenv(FOLDER_VARIABLE, "elsewhere")
    assert str(find_predictions(tmp_path, tmp_path)) == "elsewhere"


def test_a_blank_reading_beside_a_problem_of_its_row_was_read(tmp_path):
    write_predictions(tmp_path, "one", "a.png,Carex,,0.4,,two different labels", "b.png,Poa,,,,image missing")
    write_predictions(tmp_path, "._one", "what a Mac leaves beside a file")
    (frame,) = load_predictions(tmp_path).values()
    assert unread(frame).tolist() == [False, True]


def test_predictions_that_a_spreadsheet_has_saved_again_are_read(tmp_path):
    write_predictions(tmp_path, "one", "a.png,Carex,Carex,0.5,,")
    path = tmp_path / "one-predictions.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_predictions(tmp_path)["one"]["image"].tolist() == ["a.png"]
