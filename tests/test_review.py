import csv

import pandas as pd
import pytest

from utilities.metadata import Columns
from utilities.review import (
    acceptance_sentence,
    escaped,
    review_predictions,
    unescaped,
    write_review,
)

COLUMNS = Columns("words_metadata.csv", "image", "text", None)


def frame(*rows):
    columns = ("image", "label", "prediction", "confidence", "group", "problem")
    return pd.DataFrame([dict(zip(columns, row, strict=True)) for row in rows]).astype({"confidence": float})


FRAME = frame(
    ("a.png", "Carex", "Carex", 0.9, "", ""),
    ("b.png", "Poa", "=1+1", 0.2, "", ""),
    ("c.png", "Rosa", "", float("nan"), "", "image missing"),
)


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_unread_and_least_certain_words_come_first_and_formulas_are_harmless(tmp_path):
    write_review(FRAME, tmp_path / "review" / "m-review.csv")
    table = rows(tmp_path / "review" / "m-review.csv")
    assert [row["image"] for row in table] == ["c.png", "b.png", "a.png"]
    assert table[1]["prediction"] == "'=1+1"
    assert {row["correction"] for row in table} == {""}


@pytest.mark.parametrize("text", ["Carex", "=a", "'quoted'", "''", "-5°", "@x", "'=a", ""])
def test_what_is_escaped_comes_back(text):
    assert unescaped(escaped(text)) == text
    assert not escaped(text).startswith(("=", "+", "-", "@"))


def test_what_a_person_filled_in_is_never_lost_when_the_model_reads_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    predictions = tmp_path / "m-predictions.csv"

    def read_again(frame):
        frame.to_csv(predictions, index=False)
        return review_predictions(predictions, [], 0.05)

    path = tmp_path / "test_set_predictions/review/m-review.csv"
    read_again(FRAME)
    text = path.read_text(encoding="utf-8-sig").replace("a.png,Carex,,", "a.png,Carex,Carix,")
    path.write_text(text.replace("b.png,'=1+1,,", "b.png,'=1+1,,x"))
    assert "2 that you have filled in" in read_again(FRAME)
    found = {row["image"]: (row["correction"], row["right"]) for row in rows(path)}
    assert found == {"a.png": ("Carix", ""), "b.png": ("", "x"), "c.png": ("", "")}
    assert "2 that you have filled in" in read_again(FRAME.replace("=1+1", "-1"))  # read otherwise this time
    assert {row["image"]: row["correction"] for row in rows(path)} == {"a.png": "Carix", "b.png": "'=1+1", "c.png": ""}
    filled = path.read_text(encoding="utf-8-sig")
    assert "m-review-1.csv" in read_again(FRAME[1:])  # images of another folder
    assert {row["correction"] for row in rows(path)} == {""}
    assert path.with_stem("m-review-1").read_text(encoding="utf-8-sig") == filled
    path.with_stem("m-review-1").replace(path)
    assert "m-review-1.csv" in read_again(FRAME.assign(label=["Bergen", "Oslo", "Rom"]))  # of the same names
    path.write_bytes(b"\xff\xfe")
    assert "m-review-2.csv" in read_again(FRAME)
    twice = pd.concat([FRAME, FRAME[:1]])  # an image that the table names in two rows
    read_again(twice)
    path.write_text(path.read_text(encoding="utf-8-sig").replace("a.png,Carex,,", "a.png,Carex,'+5 lb,", 1))
    read_again(twice)
    assert [row["correction"] for row in rows(path) if row["image"] == "a.png"] == ["'+5 lb"] * 2


def test_the_promise_leaves_out_what_the_model_has_seen():
    words = frame(*[(f"{n}.png", "Poa", "Poa", 0.9, "", "") for n in range(400)])
    assert "from 400 transcribed words" in acceptance_sentence(words, [], 0.01)
    assert "from 399 transcribed words" in acceptance_sentence(words, ["7.png"], 0.01)
    assert acceptance_sentence(words.assign(label=""), [], 0.01) is None


def test_without_groups_the_promise_says_what_it_takes_for_granted():
    words = frame(*[(f"{n}.png", "Poa", "Poa", 0.9, "", "") for n in range(400)])
    assert "METADATA_GROUP_COLUMN" in acceptance_sentence(words, [], 0.01)
    grouped = words.assign(group=[f"page {n % 40}" for n in range(400)])
    assert "METADATA_GROUP_COLUMN" not in acceptance_sentence(grouped, [], 0.01)
