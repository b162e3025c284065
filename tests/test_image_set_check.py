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


def table(work):
    with (work / "logs/image_set_problems.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


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
    assert list(table(work)[0]) == ["image_set", "row", "image", "finding", "detail"]
    assert {row["finding"] for row in table(work)} == {
        "image unreadable",
        "image missing",
        "two different labels for one image",
    }
    assert not checked(work, project="ON_BAD_ROWS = skip").training_would_fail


def test_a_transfer_that_would_find_nothing_to_learn_beside_the_training_set_is_told(work):
    path = write_settings(work)
    text = path.read_text(encoding="utf-8")
    for key, folder, fails in (
        ("BASE_SET_NAME", "train", True), ("BASE_SET_NAME", "test", False),
        ("UNTRANSCRIBED_SET_NAME", "train", True), ("UNTRANSCRIBED_SET_NAME", "test", False),
    ):  # fmt: skip
        path.write_text(text.replace("[transfer]", f"[transfer]\n{key} = {folder}"), encoding="utf-8")
        report = check_image_sets(load_config(path, "check"))
        assert any("a transfer would stop" in line for line in report.lines) == fails
        assert report.training_would_fail == fails


def test_a_broken_test_set_does_not_stop_training_but_an_overlap_is_said(work):
    (work / "test/words_metadata.csv").write_text("nothing\n")
    report = checked(work)
    assert not report.training_would_fail
    assert any("METADATA_IMAGE_COLUMN" in line for line in report.lines)
    (work / "test/images/w000.png").write_bytes((work / "train/images/w004.png").read_bytes())
    (work / "test/words_metadata.csv").write_text("image_location,transcription\nw000.png,Viola\n")
    assert any("[test] set: 1 image." in line for line in checked(work).lines)


def test_a_set_too_small_to_split_would_fail(work):
    (work / "train/words_metadata.csv").write_text("image_location,transcription\nw000.png,Carex\n")
    report = checked(work)
    assert report.training_would_fail
    assert any("at least 2" in line for line in report.lines)


def test_where_nothing_or_one_group_is_usable_every_bad_row_is_listed_all_the_same(work):
    rows = "\n".join(f"IMG_{i}.png,abc" for i in range(4))
    (work / "train/words_metadata.csv").write_text(f"image_location,transcription\n{rows}\n")
    report = checked(work)
    assert report.training_would_fail and len(report.problems) == 4
    assert any("row 2: IMG_0.png: image missing" in line for line in report.lines)
    write_problems(report)
    assert [row["image"] for row in table(work)] == [f"IMG_{i}.png" for i in range(4)]
    (work / "train/words_metadata.csv").write_text(
        "image_location,transcription,page\nw000,Carex,1\nw001,Rosa,1\nnone,Poa,1\n"
    )
    report = checked(work, project="METADATA_GROUP_COLUMN = page\nON_BAD_ROWS = skip")
    assert report.training_would_fail and len(report.problems) == 1
    assert any("at least 2 groups" in line for line in report.lines)


def test_a_test_set_is_checked_as_it_is_read(work):
    (work / "test/words_metadata.csv").write_text("image_location,transcription\nw000,\nw001,Öl\n")
    report = checked(work)
    assert any("2 rows, 2 usable, 1 without a transcription" in line for line in report.lines)
    assert not report.problems
    (work / "test/words_metadata.csv").rename(work / "test/words_metadata.csv.csv")
    (work / "test/images/w001.png").write_bytes(b"no image")
    (work / "test/images/w002.png").write_bytes(b"none either")
    text = "\n".join(checked(work).lines)
    assert "3 rows, 1 usable" in text and "2 bad rows" in text
    assert "all 3 images there are taken, without transcriptions. (Is words_metadata.csv.csv the table?" in text


def test_a_repeated_row_of_a_contradiction_is_counted_with_the_others(work):
    (work / "test/words_metadata.csv").unlink()
    rows = "w000,Poa\nw000,Poa\nw000,Rosa\nw001,Carex\nw002,Viola\n"
    (work / "train/words_metadata.csv").write_text(f"image_location,transcription\n{rows}")
    text = "\n".join(checked(work).lines)
    assert "5 rows, 2 usable" in text and "3 bad rows" in text


def test_images_of_the_base_set_that_are_tested_on_are_said_and_its_characters_known(work):
    write_image_set(work / "base", ["Öl", "Öd"])
    (work / "base/images/w000.png").write_bytes((work / "test/images/w001.png").read_bytes())
    settings = write_settings(work)
    settings.write_text(settings.read_text().replace("[transfer]", "[transfer]\nBASE_SET_NAME = base"))
    text = "\n".join(check_image_sets(load_config(settings, "check")).lines)
    assert f"WARNING: both in {work / 'base'} and" in text and "[test] set: 1 image" in text
    assert "'F' 1 time," in text and "'Ö'" not in text


def test_characters_of_the_test_set_are_looked_for_in_the_set_that_is_trained_with(work):
    write_image_set(work / "tuned", ["aaa", "bbb"])
    text = write_settings(work).read_text().replace("[tune]\nIMAGE_SET_NAME = train", "[tune]\nIMAGE_SET_NAME = tuned")
    (work / "other.cfg").write_text(text)
    (work / "test/words_metadata.csv").write_text("image_location,transcription\nw000,Carex\n")
    report = check_image_sets(load_config(work / "other.cfg", "check"))
    assert "[tune]" in report.lines[0]
    assert not any("no training label has" in line for line in report.lines)


def test_the_sets_of_a_transfer_are_checked_too(work):
    write_image_set(work / "base", ["Carex", "Rosa"])
    (work / "base/images/w000.png").unlink()
    write_image_set(work / "more", ["", ""])
    (work / "more/words_metadata.csv").unlink()
    (work / "more/images/w001.png").write_bytes(b"no image")
    settings = write_settings(work)
    settings.write_text(
        settings.read_text().replace("[transfer]", "[transfer]\nBASE_SET_NAME = base\nUNTRANSCRIBED_SET_NAME = more")
    )
    report = check_image_sets(load_config(settings, "check"))
    assert report.training_would_fail
    assert [(folder.name, p.finding) for folder, p in report.problems if folder.name == "base"] == [
        ("base", "image missing")
    ]
    assert [p.name for folder, p in report.problems if folder.name == "more"] == ["images/w000.png", "images/w001.png"]


def test_what_a_transfer_cannot_use_fails_also_where_it_is_the_test_set_or_bad_rows_are_left_out(work):
    settings = write_settings(work)
    text = settings.read_text()
    settings.write_text(text.replace("[transfer]", "[transfer]\nUNTRANSCRIBED_SET_NAME = test"))
    (work / "test/words_metadata.csv").write_text("nothing\n")
    report = check_image_sets(load_config(settings, "check"))
    assert report.training_would_fail and report.unreadable == 2
    write_image_set(work / "base", ["Carex", "Rosa"])
    for image in (work / "base/images").iterdir():
        image.write_bytes(b"no image")
    text = text.replace("[project]", "[project]\nON_BAD_ROWS = skip")
    settings.write_text(text.replace("[transfer]", "[transfer]\nBASE_SET_NAME = base"))
    report = check_image_sets(load_config(settings, "check"))
    assert report.training_would_fail and any("has no usable row" in line for line in report.lines)


def test_a_character_of_a_row_that_is_left_out_is_not_learnt(work):
    (work / "train/images/w000.png").unlink()
    with (work / "train/words_metadata.csv").open("a") as file:
        file.write("images/none.png,Ö\n")
    assert "'Ö' 2 times" in "\n".join(checked(work, project="ON_BAD_ROWS = skip").lines)
