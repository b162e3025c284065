"""What a person filled in a list for review, merged into the table of the images."""

import csv
from dataclasses import replace

import pytest
from conftest import write_image_set, write_settings

from image_set_preparation import task as preparation
from utilities.image_set import read_image_set
from utilities.merging import merge_review
from utilities.metadata import Columns, ImageSetError
from utilities.review import separator_like
from utilities.review_list import ReviewError
from utilities.safe_files import OutputExistsError

COLUMNS = Columns("words_metadata.csv", "image", "text", None)


def review(tmp_path, *corrections, encoding="utf-8-sig", separator=";"):
    path = tmp_path / "review.csv"
    lines = [separator.join(("image", "prediction", "correction")), *(separator.join(c) for c in corrections)]
    path.write_bytes("\r\n".join(lines).encode(encoding))  # as Excel saves it
    return path


def test_corrections_are_merged_into_a_new_file_and_all_else_stays(tmp_path):
    metadata = tmp_path / "words_metadata.csv"
    metadata.write_text("image,page,text\na.png,007,Carex\nb.png,NA,Pao\nc.png,,Rosa\n")
    before = metadata.read_bytes()
    filled = review(tmp_path, ("a.png", "x", "Carex"), ("b.png", "x", "Poé"), ("c.png", "x", ""))
    (change,) = merge_review(filled, metadata.parent, COLUMNS, tmp_path / "new.csv").changes
    assert (change.image, change.old, change.new) == ("b.png", "Pao", "Poé")
    assert (tmp_path / "new.csv").read_text() == "image,page,text\na.png,007,Carex\nb.png,NA,Poé\nc.png,,Rosa\n"
    assert metadata.read_bytes() == before
    with pytest.raises(OutputExistsError):
        merge_review(filled, metadata.parent, COLUMNS, tmp_path / "new.csv")


def test_line_ends_in_cells_and_headers_called_alike_survive_a_merge(tmp_path):
    metadata = tmp_path / "words_metadata.csv"
    metadata.write_bytes(b'image;text;note;note;;\r\na.png;Carex;"one\rtwo";x;;\r\nb.png;"Po\na";;y;;\r\n')
    merge_review(review(tmp_path, ("b.png", "x", "Poa")), metadata.parent, COLUMNS, tmp_path / "new.csv")
    with (tmp_path / "new.csv").open(newline="") as file:
        header, *found = csv.reader(file, delimiter=";")
    assert header == ["image", "text", "note", "note", "", ""]
    assert found == [["a.png", "Carex", "one\ntwo", "x", "", ""], ["b.png", "Poa", "", "y", "", ""]]


def test_a_merge_needs_no_column_for_the_group(tmp_path):
    (tmp_path / "words_metadata.csv").write_text("image,text\na.png,Mu\n")
    columns = replace(COLUMNS, group="writer")
    (change,) = merge_review(review(tmp_path, ("a.png", "x", "Mü")), tmp_path, columns, tmp_path / "new.csv").changes
    assert change.new == "Mü"


def test_metadata_without_the_columns_is_refused_as_by_every_stage(tmp_path):
    metadata = tmp_path / "words_metadata.csv"
    metadata.write_text("image,texts\na.png,Carex\n")
    with pytest.raises(ImageSetError, match=r"METADATA_TRANSCRIPTION_COLUMN = text: .*nearest: texts"):
        merge_review(review(tmp_path, ("a.png", "x", "Poa")), metadata.parent, COLUMNS, tmp_path / "new.csv")


def test_a_merged_table_is_written_as_the_one_before(tmp_path):
    metadata = tmp_path / "words_metadata.csv"
    metadata.write_bytes("\ufeffimage;text\r\na.png;Mu\r\n".encode())
    merge_review(review(tmp_path, ("a.png", "x", "Mü")), metadata.parent, COLUMNS, tmp_path / "new.csv")
    assert (tmp_path / "new.csv").read_bytes() == "\ufeffimage;text\r\na.png;Mü\r\n".encode()


def test_a_review_list_has_the_separator_of_the_first_table_that_there_is(tmp_path):
    for name, content in (("semicolons", b"image;text"), ("tabs", b"image\ttext"), ("latin", b"Bild;\xd6l")):
        (tmp_path / name).write_bytes(content)
    for tables, separator in (
        (("semicolons", "tabs"), ";"), (("none", "semicolons"), ";"), (("tabs", "semicolons"), ","),
        (("latin", "semicolons"), ";"), (("none", "latin"), ","), ((), ","),
    ):  # fmt: skip
        assert separator_like(tmp_path / table for table in tables) == separator


def test_images_without_a_table_get_one_with_all_of_them(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).touch()
    merged = merge_review(review(tmp_path, ("a.png", "x", "Carex")), folder, COLUMNS, tmp_path / "new.csv")
    assert merged.untranscribed == 1
    assert (tmp_path / "new.csv").read_text(encoding="utf-8-sig") == "image;text\na.png;Carex\nb.png;\n"  # as the list
    with pytest.raises(ReviewError, match=r"1 image not found in .*\n  z.png"):
        merge_review(review(tmp_path, ("z.png", "x", "Poa")), folder, COLUMNS, tmp_path / "newer.csv")
    grouped = Columns("words_metadata.csv", "image", "text", "specimen")
    with_commas = review(tmp_path, ("a.png", "x", "Carex"), separator=",")
    merge_review(with_commas, folder, grouped, folder / "words_metadata.csv")
    table = (folder / "words_metadata.csv").read_text(encoding="utf-8-sig")
    assert table == "image,text,specimen\na.png,Carex,\nb.png,,\n"
    assert len(read_image_set(folder, grouped, "png").samples) == 2  # as its stages read it


def test_names_that_a_spreadsheet_took_for_numbers_are_found_where_only_one_can_be_meant(tmp_path):
    metadata = tmp_path / "words_metadata.csv"
    metadata.write_text("image,text\n00123,Pao\n07,Carex\n007,Rosa\n")
    merge_review(review(tmp_path, ("123", "x", "Poa")), metadata.parent, COLUMNS, tmp_path / "new.csv")
    assert "00123,Poa\n" in (tmp_path / "new.csv").read_text()
    with pytest.raises(ReviewError, match="took them for numbers"):
        merge_review(review(tmp_path, ("7", "x", "Poa")), metadata.parent, COLUMNS, tmp_path / "newer.csv")


def test_a_review_list_that_is_not_there_or_was_opened_as_one_column_is_said_to_be(tmp_path):
    metadata = tmp_path / "words_metadata.csv"
    metadata.write_text("image,text\na.png,Carex\n")
    with pytest.raises(ImageSetError, match="Give the review list"):
        merge_review(tmp_path / "none.csv", metadata.parent, COLUMNS, tmp_path / "new.csv")
    metadata.write_bytes("image,text\na.png,Öl\n".encode("latin-1"))
    with pytest.raises(ImageSetError, match="UTF-8"):
        merge_review(review(tmp_path, ("a.png", "x", "Poa")), metadata.parent, COLUMNS, tmp_path / "new.csv")
    (tmp_path / "one.csv").write_text('"image,prediction,correction"\n"a.png,x,Poa"\n')
    with pytest.raises(ReviewError, match="one cell"):
        merge_review(tmp_path / "one.csv", metadata.parent, COLUMNS, tmp_path / "new.csv")


def test_a_review_that_does_not_fit_is_refused_with_all_offenders(tmp_path):
    metadata = tmp_path / "words_metadata.csv"
    metadata.write_text("image,text\na.png,Carex\n")
    for corrections, message in (
        ([("x.png", "p", "Q"), ("y.png", "p", "Q")], r"2 images.*\n  x.png\n  y.png"),
        ([("a.png", "p", "Q"), ("a.png", "p", "R")], r"two ways:\n  a.png: Q / R"),
        ([("a.png", "p", "")], "nothing filled in yet"),
    ):
        with pytest.raises(ReviewError, match=message):
            merge_review(review(tmp_path, *corrections), metadata.parent, COLUMNS, tmp_path / "new.csv")
    assert not (tmp_path / "new.csv").exists()


def test_readings_that_are_marked_as_right_are_transcriptions(tmp_path):
    metadata = tmp_path / "words_metadata.csv"
    metadata.write_text("image,text\na.png,\nb.png,\nc.png,\n")
    (tmp_path / "list.csv").write_text(
        "image,prediction,correction,right,label\na.png,Poa,,x,\nb.png,Roso,Rosa,,\nc.png,'=1,,,\n"
    )
    merged = merge_review(tmp_path / "list.csv", metadata.parent, COLUMNS, tmp_path / "new.csv")
    assert (merged.confirmed, merged.untranscribed) == (1, 1)
    assert (tmp_path / "new.csv").read_text() == "image,text\na.png,Poa\nb.png,Rosa\nc.png,\n"


def test_marks_whose_readings_are_gone_are_not_lost_silently(tmp_path):
    (tmp_path / "words_metadata.csv").write_text("image,text\na.png,\nb.png,\n")
    (tmp_path / "list.csv").write_text("image,correction,right\na.png,,x\nb.png,Rosa,\n")
    with pytest.raises(ReviewError, match="its column `prediction`, which they are of, is gone"):
        merge_review(tmp_path / "list.csv", tmp_path, COLUMNS, tmp_path / "new.csv")
    (tmp_path / "list.csv").write_text("image,correction,right\na.png,,\nb.png,Rosa,\n")
    assert merge_review(tmp_path / "list.csv", tmp_path, COLUMNS, tmp_path / "new.csv").confirmed == 0


def test_a_mark_beside_nothing_confirms_nothing(tmp_path):
    metadata = tmp_path / "words_metadata.csv"
    metadata.write_text("image,text\na.png,Rosa\nb.png,\n")
    (tmp_path / "list.csv").write_text("image,prediction,correction,right,label\na.png,,,x,Rosa\nb.png,'007,,x,\n")
    merged = merge_review(tmp_path / "list.csv", metadata.parent, COLUMNS, tmp_path / "new.csv")
    assert [(change.image, change.new) for change in merged.changes] == [("b.png", "007")]


def test_a_list_of_another_collection_with_images_of_the_same_names_is_refused(tmp_path):
    metadata = tmp_path / "hand/test/words_metadata.csv"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("image,text\n00123,Bergen\nb.png,\n")

    def merge(text):
        (tmp_path / "list.csv").write_text(text)
        (tmp_path / "new.csv").unlink(missing_ok=True)
        return merge_review(tmp_path / "list.csv", metadata.parent, COLUMNS, tmp_path / "new.csv")

    with pytest.raises(ReviewError, match="is of the image set other/test, not of"):
        merge(
            "image,prediction,correction,right,label,image_set\n123,Caren,Carex,,,other/test\nb.png,a,,,,other/test\n"
        )
    with pytest.raises(ReviewError, match="of other images with the same names"):  # an older version's
        merge("image,prediction,correction,right,label,image_set\n123,Caren,Carex,,Caryx,hand/test\n")
    assert merge("image,prediction,correction,right,label,image_set\n123,x,Berg,,Bergen,hand/test\n").changes
    spoilt = merge("image,prediction,correction,label\n123,x,Berg,Bergen\nb.png,,,24.01.1954\n")  # by a spreadsheet
    assert spoilt.changes
    assert not merge("image,prediction,correction,label\n123,x,Bergen,Caryx\n").changes  # merged before


def test_what_stands_beside_another_transcription_than_the_tables_is_not_taken(tmp_path):
    (tmp_path / "words_metadata.csv").write_text("image,text\na.png,Berg\nb.png,24.1.54\nc.png,Hof\nd.png,\ne.png,Au\n")
    lines = ["image,prediction,correction,label"]
    lines += ["a.png,x,Bergen,Ort"]  # moved here from another row
    lines += ["b.png,x,24.01.1954,24.1."]  # merged before, and put right in the table since
    lines += ["c.png,x,Hofs,Hof", "d.png,x,Tal,", "e.png,x,Aue,Au"]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    merged = merge_review(tmp_path / "list.csv", tmp_path, COLUMNS, tmp_path / "new.csv")
    assert [(c.image, c.new) for c in merged.changes] == [("c.png", "Hofs"), ("d.png", "Tal"), ("e.png", "Aue")]
    assert merged.left_out == ["a.png", "b.png"]


def test_marks_in_the_wrong_column_errors_of_the_spreadsheet_and_texts_of_several_lines_are_refused(tmp_path):
    (tmp_path / "words_metadata.csv").write_text("image,text\na.png,Poa\nb.png,Hof\n")

    def merged(text):
        (tmp_path / "list.csv").write_text(text)
        return merge_review(tmp_path / "list.csv", tmp_path, COLUMNS, tmp_path / "new.csv")

    with pytest.raises(ReviewError, match=r"(?s)1 correction is a mark.*:\n  row 2: a.png: X.*with an apostrophe"):
        merged("image,prediction,correction,right\na.png,Poe,X,\nb.png,Hof,,x\n")
    with pytest.raises(ReviewError, match=r"(?s)1 correction has several lines:\n  row 3: b.png: 'Hof.nlinks'"):
        merged('image,prediction,correction,right\na.png,Poe,Poa,\nb.png,Hof,"Hof\nlinks",\n')
    with pytest.raises(ReviewError, match=r"(?s)1 correction is an error of the spread.*:\n  row 3: b.png: #NAME\?"):
        merged("image,prediction,correction,right\na.png,Poe,Poa,\nb.png,Hof,#NAME?,\n")
    with pytest.raises(ReviewError, match=r"(?s)\n  row 3: b.png: stimmt so\nPut an x there.*column `correction`"):
        merged("image,prediction,correction,right\na.png,Poe,,x\nb.png,Hof,,stimmt so\n")
    with pytest.raises(ReviewError, match=r"has no column correction\. Give the list that stage 4 wrote"):
        merged("image,prediction,right\na.png,Poe,x\n")
    with pytest.raises(ReviewError, match="has no column right"):
        merged("image,prediction,correction,richtig,image_set\na.png,Poe,,x,hand/test\n")
    (change,) = merged("IMAGE,prediction,Correction,Right\na.png,Poe,'x,\nb.png,Hof,,x\n").changes
    assert (change.image, change.new) == ("a.png", "x")  # a hybrid's cross


def merged(folder, review, capsys):
    """What the command says of a list."""
    write_image_set(folder / "test", ["Poa", "", "Zea"])
    write_settings(folder)
    (folder / "list.csv").write_text(review)
    arguments = ["merge", str(folder / "setup.cfg"), str(folder / "list.csv"), "--out", str(folder / "new.csv")]
    assert preparation.main(arguments) == 0
    return capsys.readouterr().out


def test_corrections_without_a_reading_that_was_right_say_little(tmp_path, capsys):
    said = merged(tmp_path, "image,prediction,correction,right\nimages/w000.png,Pox,Poo,\n", capsys)
    assert "images/w000.png: Poa -> Poo" in said and "1 image has none yet" in said
    assert "WARNING: no reading was said to be right" in said


def test_where_a_reading_was_right_no_warning_is_given(tmp_path, capsys):
    lines = "image,prediction,correction,right\nimages/w000.png,Pox,Poo,\nimages/w002.png,Zea,,x\n"
    assert "WARNING" not in merged(tmp_path, lines, capsys)


def test_a_space_of_another_kind_in_the_table_makes_no_other_collection(tmp_path):
    (tmp_path / "words_metadata.csv").write_text("image,text\na.png,Poa\u00a0alba\n", encoding="utf-8")
    (tmp_path / "list.csv").write_text("image,prediction,correction,label\na.png,x,Poa,Poa alba\n")
    columns = Columns("words_metadata.csv", "image", "text", None)
    (change,) = merge_review(tmp_path / "list.csv", tmp_path, columns, tmp_path / "new.csv").changes
    assert change.new == "Poa"
