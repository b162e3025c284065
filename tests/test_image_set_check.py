import csv

import pytest
from conftest import WORDS, write_image_set, write_settings

from utilities.config import load_config
from utilities.image_set_check import check_image_sets, write_problems


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_image_set(tmp_path / "train", WORDS)
    write_image_set(tmp_path / "test", ["Fagus", "Öl", "Öd"])
    return tmp_path


def checked(work, **settings):
    return check_image_sets(load_config(write_settings(work, **settings), "check"))


def test_a_sound_set_is_described_and_unknown_characters_counted(work):
    report = checked(work)
    text = "\n".join(report.lines)
    assert "12 rows, 12 usable" in text
    assert "'Ö' 2 times" in text
    assert not report.training_would_fail and not report.problems


def test_every_kind_of_bad_row_is_in_the_table_and_training_would_fail(work):
    (work / "train/images/w001.png").write_bytes(b"broken")
    (work / "train/images/w002.png").unlink()
    with (work / "train/words_metadata.csv").open("a") as file:
        file.write("images/w003.png,Ulmus\n")
    report = checked(work)
    assert report.training_would_fail
    write_problems(report)
    with (work / "logs/image_set_problems.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["image_set", "row", "image", "finding", "detail"]
    assert {row["finding"] for row in table} == {
        "image unreadable",
        "image missing",
        "two different labels for one image",
    }
    assert not checked(work, project="ON_BAD_ROWS = skip").training_would_fail


def test_a_broken_test_set_does_not_stop_training_but_an_overlap_is_said(work):
    (work / "test/words_metadata.csv").write_text("nothing\n")
    report = checked(work)
    assert not report.training_would_fail
    assert any("METADATA_IMAGE_COLUMN" in line for line in report.lines)
    (work / "test/images/w000.png").write_bytes((work / "train/images/w004.png").read_bytes())
    (work / "test/words_metadata.csv").write_text("image_location,transcription\nw000.png,Viola\n")
    assert any("WARNING: 1 images" in line for line in checked(work).lines)


def test_a_set_too_small_to_split_would_fail(work):
    (work / "train/words_metadata.csv").write_text("image_location,transcription\nw000.png,Carex\n")
    report = checked(work)
    assert report.training_would_fail
    assert any("at least 2" in line for line in report.lines)
