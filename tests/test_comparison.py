import numpy as np
import pytest

from utilities import comparison
from utilities.comparison import PredictionsError, load_predictions

HEADER = "image,label,prediction,confidence,group,problem"


def write(folder, name, *rows, header=HEADER):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}-predictions.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path):
    write(
        tmp_path,
        "good",
        "a.png,Carex,Carex,0.9,w1,",
        "b.png,NA,NA,0.8,w1,",
        "c.png,007,07,0.7,w2,",
        "d.png,,Rosa,0.2,w2,",
        "e.png,Poa,,,w3,image unreadable (truncated)",
    )
    return write(tmp_path, "bad", "a.png,Carex,Cares,0.95,w1,", "b.png,NA,,0.1,w1,", "c.png,007,007,0.3,w2,")


def test_texts_stay_texts_and_three_populations_are_told_apart(folder):
    frames = load_predictions(folder)
    assert list(frames) == ["bad", "good"]
    assert frames["good"]["label"].tolist() == ["Carex", "NA", "007", "", "Poa"]
    assert len(comparison.words_read(frames["good"])) == 4
    assert len(comparison.words_judged(frames["good"])) == 3
    left_out = comparison.rows_left_out(frames).loc["good"]
    assert (left_out["not read"], left_out["read, but without transcription"]) == (1, 1)
    assert left_out["why not read"] == "image unreadable: 1"


def test_an_empty_reading_is_a_wrong_one_and_not_one_left_out(folder):
    words = comparison.words_judged(load_predictions(folder)["bad"])
    assert words["edits"].tolist() == [1, 2, 0]


def test_the_table_of_models_is_right(folder):
    table = comparison.model_table(load_predictions(folder))
    good, bad = table.loc["good"], table.loc["bad"]
    assert (good["images"], good["judged"], good["characters"]) == (5, 3, 10)
    assert good["CER %"] == pytest.approx(10)
    assert good["exact %"] == pytest.approx(200 / 3)
    assert good["mean confidence"] == pytest.approx((0.9 + 0.8 + 0.7 + 0.2) / 4)
    assert bad["CER %"] == pytest.approx(30)
    assert bad["resampled"] == 2  # two writers
    assert comparison.headline_table(table).loc["good", "CER %"].startswith("10.0")
    assert "CER ignoring case %" in comparison.variant_table(table)


def test_statistics_of_single_words(folder):
    row = comparison.per_word_statistics(load_predictions(folder)).loc["bad", "edits (characters)"]
    assert row[["mean", "min", "median", "max"]].tolist() == [1, 0, 1, 2]
    assert row["standard deviation"] == pytest.approx(np.std([1, 2, 0], ddof=1))


def test_lists_of_words_to_look_at(folder):
    frames = load_predictions(folder)
    assert comparison.confident_errors(frames["bad"])["image"].tolist() == ["a.png", "b.png"]
    assert comparison.least_certain(frames["good"], 2)["image"].tolist() == ["d.png", "c.png"]
    errors = comparison.frequent_errors(frames["bad"])
    assert set(zip(errors["kind"], errors["there"], errors["read"], strict=True)) == {
        ("substitution", "x", "s"),
        ("deletion", "N", ""),
        ("deletion", "A", ""),
    }


def test_unequal_populations_are_said(folder):
    write(folder, "other", "z.png,Acer,Acer,0.9,,")
    said = " ".join(comparison.notes(load_predictions(folder)))
    assert "not judged on the same images" in said
    assert "no mistake in 1 words" in said


def test_files_that_are_no_predictions_are_all_named(tmp_path):
    write(tmp_path, "one", "a.png,Carex", header="image,label")
    write(tmp_path, "two", "a.png,Carex,Carex,1.5,,")
    write(tmp_path, "three")
    write(tmp_path, "four", "a.png,Carex,Carex,0.5")
    with pytest.raises(PredictionsError) as error:
        load_predictions(tmp_path)
    text = str(error.value)
    for part in ("one-predictions.csv", "prediction, confidence", "'1.5'", "no rows", "row 2 has not 6 fields"):
        assert part in text
    with pytest.raises(PredictionsError, match="No file"):
        load_predictions(tmp_path / "nowhere")


def test_the_folder_can_be_named(tmp_path, monkeypatch):
    monkeypatch.delenv(comparison.FOLDER_VARIABLE, raising=False)
    assert comparison.find_predictions(tmp_path, tmp_path / "root") == tmp_path
    missing = tmp_path / "missing"
    assert comparison.find_predictions(missing, tmp_path) == tmp_path / "test_set_predictions" / "predictions"
    monkeypatch.setenv(comparison.FOLDER_VARIABLE, "elsewhere")
    assert str(comparison.find_predictions(tmp_path, tmp_path)) == "elsewhere"
