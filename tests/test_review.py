import csv
from pathlib import Path

import pandas as pd
import pytest

from utilities import review
from utilities.confidence_tables import NO_PROMISE, promise_sentence
from utilities.merging import merge_review
from utilities.metadata import Columns
from utilities.overwritten import overwritten_rows
from utilities.review import review_predictions, write_review
from utilities.review_list import ReviewError, read_review
from utilities.safe_files import NoSpaceError

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
    write_review(FRAME, tmp_path / "review" / "m-review.csv", "hand/test")
    table = rows(tmp_path / "review" / "m-review.csv")
    assert [row["image"] for row in table] == ["c.png", "b.png", "a.png"]
    assert table[1]["prediction"] == "'=1+1"
    assert {(row["correction"], row["image_set"]) for row in table} == {("", "hand/test")}


@pytest.fixture
def read_again(tmp_path, monkeypatch):
    """A model reads an image set again, as a frame."""
    monkeypatch.chdir(tmp_path)

    def read(frame, image_set="hand/test"):
        frame.to_csv(tmp_path / "m-predictions.csv", index=False)
        return review_predictions(tmp_path / "m-predictions.csv", [], 0.05, image_set)

    read(FRAME)
    return read


LIST = Path("test_set_predictions/review/m-review.csv")


def fill(**cells):
    """Write into the list: by image (without its ending), (correction, right)."""
    table = rows(LIST)
    for row in table:
        row["correction"], row["right"] = cells.get(row["image"].removesuffix(".png"), ("", ""))
    pd.DataFrame(table).to_csv(LIST, index=False, sep=";")


def filled():
    return {row["image"].removesuffix(".png"): (row["correction"], row["right"]) for row in rows(LIST)}


def test_what_a_person_filled_in_stands_in_the_next_list(read_again):
    fill(a=("Carix", ""), b=("", "x"))
    assert "2 that you have filled in" in read_again(FRAME)
    assert filled() == {"a": ("Carix", ""), "b": ("", "x"), "c": ("", "")}
    assert "2 that you have filled in" in read_again(FRAME.replace("=1+1", "-1"))  # read otherwise this time
    assert filled() == {"a": ("Carix", ""), "b": ("'=1+1", ""), "c": ("", "")}
    assert "2 that you have filled in" in read_again(FRAME.assign(label=["Carix", "Poa", ""]))  # and transcribed
    assert [path.name for path in LIST.parent.glob("[!.]*")] == [LIST.name]


def test_what_was_written_into_the_wrong_columns_is_not_lost_and_said_by_a_merge(read_again, tmp_path):
    for name, column in (("a", "prediction"), ("b", "label"), ("c", "")):
        table = rows(LIST)
        for row in table:
            if column == "" or row["image"].startswith(name):
                row[column] = "Carix" if row["image"].startswith(name) else ""
        pd.DataFrame(table).sample(frac=1, random_state=1).to_csv(LIST, index=False)
        assert "in which you have written, is kept" in read_again(FRAME)
    pd.DataFrame(rows(LIST)).to_csv(LIST, index=False, sep=";")  # opened and saved, no more
    assert "is kept" not in read_again(FRAME)
    folder = tmp_path / "hand/test"
    folder.mkdir(parents=True)
    (folder / "words_metadata.csv").write_text("image,text\na.png,Carex\nb.png,Poa\nc.png,Rosa\n")
    table = rows(LIST)
    for row in table:
        row |= {"prediction": "Roso"} if row["image"] == "c.png" else {"correction": "Pao"}
    pd.DataFrame(table).to_csv(LIST, index=False)
    columns = Columns("words_metadata.csv", "image", "text")
    merged = merge_review(LIST, folder, columns, tmp_path / "new.csv")
    assert (len(merged.changes), merged.overlooked) == (2, 1)


def test_a_transcription_that_was_corrected_later_is_not_undone(read_again):
    fill(a=("Carix", ""), b=("Pao", ""))
    assert "2 that you have filled in" in read_again(FRAME.assign(label=["Carix", "Poa", "Rosa"]))  # one was merged
    said = read_again(FRAME.assign(label=["Carax", "Poa", "Rosa"]))  # and mended by hand
    assert "1 that you have filled in" in said and "m-review-1.csv" in said
    assert filled() == {"a": ("", ""), "b": ("Pao", ""), "c": ("", "")}


def test_a_list_that_cannot_stand_in_the_next_one_is_kept_beside_it(read_again):
    fill(a=("Carix", ""))
    before = LIST.read_bytes()
    assert "m-review-1.csv" in read_again(FRAME, "other/test")  # where images are called alike
    assert filled() == {"a": ("", ""), "b": ("", ""), "c": ("", "")}
    assert LIST.with_stem("m-review-1").read_bytes() == before
    LIST.write_bytes(before)
    assert "m-review-2.csv" in read_again(FRAME[1:])  # an image has gone
    LIST.write_bytes(before.replace(b"image_set", b"remarks"))
    assert "m-review-3.csv" in read_again(FRAME)
    assert filled()["a"] == ("Carix", "")
    LIST.write_bytes(before.replace(b"Carix", b"").replace(b"group", b"notes"))  # nothing filled in but notes
    assert "is kept" in read_again(FRAME)
    fill(a=("", "?"))
    assert "is kept" in read_again(FRAME)
    fill(a=("Carix", ""))
    assert "is kept" in read_again(FRAME.assign(label=["Berg", "Ort", "Hof"]))  # a new batch with the old names
    for text in (b"\xff\xfe", b"image;correction;correction\na.png;x;y\n"):
        LIST.write_bytes(text)
        assert "is kept" in read_again(FRAME)


def test_of_an_image_in_two_rows_either_may_be_filled_in(read_again):
    twice = pd.concat([FRAME, FRAME[:1]])
    read_again(twice)
    table = rows(LIST)
    next(row for row in table if row["image"] == "a.png")["correction"] = "'+5 lb"
    pd.DataFrame(table).to_csv(LIST, index=False)
    read_again(twice)
    assert [row["correction"] for row in rows(LIST) if row["image"] == "a.png"] == ["'+5 lb"] * 2


def test_the_promise_leaves_out_what_the_model_has_seen():
    words = frame(*[(f"{n}.png", "Poa", "Poa", 0.9, "", "") for n in range(400)])
    assert "from 400 transcribed words" in promise_sentence(words, [], 0.01)
    assert "from 399 transcribed words" in promise_sentence(words, ["7.png"], 0.01)
    assert promise_sentence(words.assign(label=""), [], 0.01) == NO_PROMISE


def test_without_groups_the_promise_says_what_it_takes_for_granted():
    words = frame(*[(f"{n}.png", "Poa", "Poa", 0.9, "", "") for n in range(400)])
    assert "METADATA_GROUP_COLUMN" in promise_sentence(words, [], 0.01)
    grouped = words.assign(group=[f"page {n % 40}" for n in range(400)])
    assert "METADATA_GROUP_COLUMN" not in promise_sentence(grouped, [], 0.01)
    partly = grouped.assign(group=grouped["group"].where(grouped.index < 10, ""))
    assert "each word whose group is not known (390)" in promise_sentence(partly, [], 0.01)


def test_a_list_that_cannot_be_written_loses_nothing_that_a_person_has_filled_in(read_again, monkeypatch):
    fill(a=("Carix", ""))
    table = pd.DataFrame(rows(LIST)).assign(mine="ask Anna")
    table.to_csv(LIST, index=False)

    def full(*arguments):
        raise NoSpaceError("The disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(review, "write_review", full)
        with pytest.raises(NoSpaceError):
            read_again(FRAME)
    assert "1 that you have filled in" in read_again(FRAME)
    assert filled()["a"] == ("Carix", "")


def test_one_wrong_letter_makes_a_word_wrong():
    words = frame(*[(f"{n}.png", "Poa", "Pao" if n % 2 else "Poe", 0.9, "", "") for n in range(400)])
    assert "400 of them wrong" in promise_sentence(words, [], 0.01)


def test_the_promise_is_of_groups_where_the_table_has_them():
    words = frame(*[(f"{n}.png", "Poa", "Poa", 0.9, f"page {n % 3}", "") for n in range(400)])
    assert "of only 3 groups" in promise_sentence(words, [], 0.01)


@pytest.mark.parametrize("column", ["confidence", "image_set"])
def test_a_mark_in_a_column_beside_the_right_one_is_not_lost(read_again, column):
    table = rows(LIST)
    for row in table:
        row |= {column: "x"} if row["image"] == "b.png" else {"confidence": row["confidence"].replace(".", ",")}
    pd.DataFrame(table).to_csv(LIST, index=False)
    assert overwritten_rows(LIST) == 1
    assert "in which you have written, is kept" in read_again(FRAME)
    assert [row[column] for row in rows(LIST.with_stem("m-review-1"))].count("x") == 1


def test_a_list_whose_rows_a_spreadsheet_saved_as_one_cell_each_is_told_from_one_without_corrections(tmp_path):
    header = "image,prediction,correction,right,confidence,label,group,problem,image_set;;"
    (tmp_path / "list.csv").write_text(f"{header}\na.png,Poe,,,0.5,,,,hand/test;Poa;\n")
    with pytest.raises(ReviewError, match="Each of its rows is one cell"):
        read_review(tmp_path / "list.csv")
