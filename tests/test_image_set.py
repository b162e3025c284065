import csv
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import WORDS, write_image_set
from PIL import Image

from utilities.image_index import ImageIndex
from utilities.image_set import read_image_set, require_an_image, usable_samples
from utilities.metadata import Columns, ImageSetError
from utilities.rows import label_problems

COLUMNS = Columns("words_metadata.csv", "image_location", "transcription")
GROUPED = Columns("words_metadata.csv", "image_location", "transcription", "writer")


def rewrite(folder: Path, text: str, encoding="utf-8"):
    (folder / "words_metadata.csv").write_text(text, encoding=encoding, newline="")


@pytest.fixture
def folder(tmp_path):
    return write_image_set(tmp_path / "set", WORDS)


def test_texts_that_csv_readers_eat_survive(folder):
    labels = [s.label for s in read_image_set(folder, COLUMNS, "png").samples]
    assert labels == WORDS
    assert {"NA", "007", "3.10", "null"} <= set(labels)


def test_byte_order_mark_windows_line_ends_and_semicolons(folder):
    rewrite(folder, "image_location;transcription\r\nw000.png;Müller, L.\r\n", "utf-8-sig")
    (sample,) = read_image_set(folder, COLUMNS, "png").samples
    assert (sample.label, sample.row) == ("Müller, L.", 2)


@pytest.mark.parametrize(
    "name", ["images/w003.png", "w003.png", "w003", "./images/w003.png", "images\\w003.png", "elsewhere/w003.png"]
)
def test_rows_find_their_image_by_path_or_base_name(folder, name):
    rewrite(folder, f"image_location,transcription\n{name},Poa\n")
    (sample,) = read_image_set(folder, COLUMNS, "png").samples
    assert sample.path == folder / "images/w003.png"


def test_endings_in_capitals_are_found_and_the_preferred_one_wins(folder):
    (folder / "images/w003.png").rename(folder / "images/w003.PNG")
    (folder / "images/w003.JPG").write_bytes(b"")
    rewrite(folder, "image_location,transcription\nw003,Poa\n")
    (sample,) = read_image_set(folder, COLUMNS, "png").samples
    assert sample.path.name == "w003.PNG"
    (sample,) = read_image_set(folder, COLUMNS, "jpg").samples
    assert sample.path.name == "w003.JPG"


def test_all_problems_are_found_at_once_and_stop_with_every_row_named(folder):
    rewrite(
        folder,
        "image_location,transcription\nnone.png,Poa\nw001.png,\nw002.png,Acer\nw002.png,Aster\nw004.png,Viola\n",
    )
    image_set = read_image_set(folder, COLUMNS, "png")
    assert [(p.row, p.finding) for p in image_set.problems] == [
        (2, "image missing"),
        (3, "empty label"),
        (4, "two different labels for one image"),
        (5, "two different labels for one image"),
    ]
    with pytest.raises(ImageSetError) as stopped:
        usable_samples(image_set, image_set.problems, "stop")
    for expected in ("4 bad rows", "row 2: none.png", "row 3: w001.png", "Acer / Aster", "ON_BAD_ROWS"):
        assert expected in str(stopped.value)
    assert [s.label for s in usable_samples(image_set, image_set.problems, "skip")] == ["Viola"]


def test_nothing_usable_stops_even_when_skipping(folder):
    rewrite(folder, "image_location,transcription\nnone.png,Poa\n")
    image_set = read_image_set(folder, COLUMNS, "png")
    with pytest.raises(ImageSetError, match="no usable row"):
        usable_samples(image_set, image_set.problems, "skip")


def test_two_images_of_one_name_are_ambiguous_unless_the_path_tells(folder):
    (folder / "more").mkdir()
    (folder / "more/w000.png").write_bytes((folder / "images/w000.png").read_bytes())
    rewrite(folder, "image_location,transcription\nw000.png,Carex\nmore/w000.png,Carex\n")
    image_set = read_image_set(folder, COLUMNS, "png")
    assert [(p.row, p.finding) for p in image_set.problems] == [(2, "several images have this name")]


def test_of_images_of_one_name_the_folders_of_the_row_decide(folder):
    (folder / "more").mkdir()
    for name in ("more/w000.png", "w000.png"):
        (folder / name).write_bytes((folder / "images/w000.png").read_bytes())
    rewrite(folder, "image_location,transcription\nw000.png,a\nsets/mine/more/w000.png,b\nimages/w000,c\nw000,d\n")
    image_set = read_image_set(folder, COLUMNS, "png", for_prediction=True)
    found = [s.path.relative_to(folder).as_posix() for s in image_set.samples]
    assert found == ["w000.png", "more/w000.png", "images/w000.png", "w000.png"]


def test_a_missing_image_is_not_taken_from_another_folder(folder):
    for number in (1, 2):
        (folder / f"p{number}").mkdir()
        (folder / f"images/w00{number}.png").rename(folder / f"p{number}/a.png")
    (folder / "p2/a.png").unlink()
    for labels in ("Carex", "Rosa"), ("Carex", "Carex"):
        rewrite(folder, f"image_location,transcription\np1/a.png,{labels[0]}\np2/a.png,{labels[1]}\n")
        for for_prediction in (False, True):
            image_set = read_image_set(folder, COLUMNS, "png", for_prediction)
            assert [(p.row, p.finding) for p in image_set.problems] == [(3, "image missing")]
            assert [s.path for s in image_set.samples] == [folder / "p1/a.png", None]
    rewrite(folder, "image_location,transcription\n/old/p1/a.png,Carex\n/old/p2/a.png,Rosa\n")
    assert [p.row for p in read_image_set(folder, COLUMNS, "png").problems] == [3]
    rewrite(folder, "image_location,transcription\nq1/a.png,Carex\nq2/a.png,Rosa\n")  # whose is it?
    assert [p.row for p in read_image_set(folder, COLUMNS, "png").problems] == [2, 3]


def test_an_image_of_another_folder_is_taken_only_if_the_tables_folders_are_nowhere(folder):
    for name, to in (("w001", "smith/1"), ("w002", "smith/2"), ("w003", "jones/1"), ("w004", "jones/3")):
        (folder / to).parent.mkdir(exist_ok=True)
        (folder / f"images/{name}.png").rename(folder / f"{to}.png")
    rewrite(folder, "image_location,transcription\nsmith/1.png,a\nsmith/3.png,b\njones/1.png,c\nw005.png,d\n")
    image_set = read_image_set(folder, COLUMNS, "png", for_prediction=True)
    assert [(p.row, p.finding) for p in image_set.problems] == [(3, "image missing")]
    assert "jones/3.png has this name, but lies in another folder" in image_set.problems[0].detail
    assert [s.path and s.path.name for s in image_set.samples] == ["1.png", None, "1.png", "w005.png"]
    (folder / "jones/box 1").mkdir()
    (folder / "jones/3.png").rename(folder / "jones/box 1/7.png")
    rewrite(folder, "image_location,transcription\nsmith/1.png,a\njones/7.png,b\n")  # deeper in the named folder
    assert [s.path and s.path.name for s in read_image_set(folder, COLUMNS, "png").samples] == ["1.png", "7.png"]
    (folder / "jones/box 1/7.png").rename(folder / "jones/3.png")
    rewrite(folder, "image_location,transcription\nold/2.png,a\nold/3.png,b\n")
    assert not read_image_set(folder, COLUMNS, "png").problems


def test_capitals_make_no_difference_where_nothing_else_fits(folder):
    rewrite(folder, "image_location,transcription\nImages/W001.png,a\nW002,b\nIMAGES/w003.PNG,c\nx/W004.jpg,d\n")
    found = [s.path and s.path.name for s in read_image_set(folder, COLUMNS, "png", for_prediction=True).samples]
    assert found == ["w001.png", "w002.png", "w003.png", None]  # x is not Images, which other rows name
    rewrite(folder, "image_location,transcription\nimages/w001.png,a\nimages/W001.png,b\n")  # two specimens
    assert [(p.row, p.finding) for p in read_image_set(folder, COLUMNS, "png").problems] == [(3, "image missing")]
    (folder / "images/W001.png").write_bytes(b"")
    rewrite(folder, "image_location,transcription\nimages/W001.png,a\nimages/w001.png,b\n")
    assert [s.path.name for s in read_image_set(folder, COLUMNS, "png").samples] == ["W001.png", "w001.png"]


def test_a_number_with_a_point_is_no_name_with_an_ending(folder):
    (folder / "images/w000.png").rename(folder / "images/12.png")
    rewrite(folder, "image_location,transcription\n12.3,Carex\n12.gif,Carex\n")
    assert [s.path and s.path.name for s in read_image_set(folder, COLUMNS, "png").samples] == [None, "12.png"]


def test_accents_of_names_and_groups_may_be_composed_or_not(folder):
    (folder / "images/w000.png").rename(folder / "images" / "Pre\u0301s.png")  # as a Mac has it
    rewrite(folder, "image_location,transcription,writer\nPr\u00e9s.png,Carex,Mu\u0308ller\nw001,Rosa,M\u00fcller \n")
    image_set = read_image_set(folder, GROUPED, "png")
    assert not image_set.problems
    assert {s.group for s in image_set.samples} == {"M\u00fcller"}


def test_folders_may_be_links_even_in_a_circle(folder, tmp_path):
    (folder / "images").rename(tmp_path / "elsewhere")
    (folder / "images").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/again").symlink_to(folder)
    image_set = read_image_set(folder, COLUMNS, "png")
    assert len(image_set.samples) == len(WORDS) and not image_set.problems


def test_a_folder_that_may_not_be_read_is_not_passed_over(folder, monkeypatch):
    (folder / "closed").mkdir()
    (folder / "lost+found").mkdir()
    scandir = os.scandir

    def barred(path):
        if Path(path).name in ("closed", "lost+found"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", barred)
    with pytest.raises(PermissionError, match="closed"):
        ImageIndex(folder)
    (folder / "closed").rmdir()
    ImageIndex(folder)


def test_names_that_are_no_text_are_listed_where_every_image_would_be_read(folder):
    (folder / "words_metadata.csv").rename(folder / "kept.csv")
    broken = os.fsencode(folder / "images") + b"/M\xfcller.png"
    try:
        (folder / "images/w000.png").rename(os.fsdecode(broken))
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(ImageSetError, match=r"(?s)1 image file .*M\\xfcller.png"):
        read_image_set(folder, COLUMNS, "png", for_prediction=True)


def test_images_of_other_kinds_are_read_and_what_cannot_be_is_said_to_be_there(folder):
    with Image.open(folder / "images/w000.png") as image:
        image.save(folder / "images/other.webp")
        image.save(folder / "images/scan.bmp")
    (folder / "images/photo.heic").touch()
    (folder / "images/w001.gif").touch()  # a thumbnail beside the image
    rewrite(folder, "image_location,transcription\nother.webp,Poa\nscan,Rosa\nphoto.heic,Carex\nw001,Poa\n")
    image_set = read_image_set(folder, COLUMNS, "png")
    assert [s.path is not None for s in image_set.samples] == [True, True, False, True]
    assert image_set.samples[3].path.name == "w001.png"
    assert "of a kind that cannot be read" in image_set.problems[0].detail


def test_names_that_are_no_text_can_be_written_in_a_table_of_problems(folder):
    for name in (b"f\xfcr", b"zu"):
        (folder / os.fsdecode(name)).mkdir()
        shutil.copy(folder / "images/w000.png", folder / os.fsdecode(name) / "same.png")
    rewrite(folder, "image_location,transcription\nsame.png,Poa\n")
    (problem,) = read_image_set(folder, COLUMNS, "png").problems
    assert problem.finding == "several images have this name" and "zu/same.png" in problem.detail
    assert "xfcr/same.png" in problem.detail.encode().decode()


def test_rows_have_the_numbers_that_a_spreadsheet_shows_and_empty_ones_are_none(folder):
    rewrite(folder, 'image_location,transcription\n\n"w000","two\nlines"\n , \n,,\nnone,Poa\n')
    image_set = read_image_set(folder, COLUMNS, "png")
    assert [(s.row, s.label) for s in image_set.samples] == [(3, "two\nlines"), (6, "Poa")]
    assert [p.row for p in image_set.problems] == [6]


@pytest.mark.parametrize("first", ["w000.png,Jan. 24, 1954", "w000.png,Carex,,more"])
def test_cells_beyond_the_header_stop_with_every_row_wherever_they_are(folder, first):
    rewrite(folder, f"image_location,transcription\n{first}\nw001.png,Rosa\nw002.png,Feb. 1, 1954\n")
    with pytest.raises(ImageSetError, match=rf"(?s)2 rows.*row 2: {first}.*row 4: w002.png,Feb. 1, 1954.*quotes"):
        read_image_set(folder, COLUMNS, "png")
    rewrite(folder, "image_location,transcription\nw000.png,Carex,\n")
    assert [s.label for s in read_image_set(folder, COLUMNS, "png").samples] == ["Carex"]


def test_a_column_that_is_there_twice_is_refused(folder):
    rewrite(folder, "image_location,transcription,transcription,note,note\nw000.png,Carex,Rosa,a,b\n")
    with pytest.raises(ImageSetError, match="METADATA_TRANSCRIPTION_COLUMN = transcription: several columns"):
        read_image_set(folder, COLUMNS, "png")


def test_line_ends_of_an_old_mac_are_line_ends(folder):
    rewrite(folder, 'image_location,transcription\rw000.png,"two\rlines"\r')
    image_set = read_image_set(folder, COLUMNS, "png")
    assert [s.label for s in image_set.samples] == ["two\nlines"]
    (problem,) = label_problems(image_set.samples, 40, None, {})
    assert (problem.row, problem.finding) == (2, "label of several lines")
    assert "double quote" in problem.detail


def test_characters_that_no_image_shows_are_not_learnt(folder):
    invisible = "Carex\N{NO-BREAK SPACE}stri\N{SOFT HYPHEN}cta\t5\N{ZERO WIDTH SPACE}"
    joined = "\u0645\u06cc\N{ZERO WIDTH NON-JOINER}\u062e"  # this one shows
    rewrite(folder, f"image_location,transcription\nw000.png,{invisible}\nw001.png,\ufeff\nw002.png,{joined}\n")
    image_set = read_image_set(folder, COLUMNS, "png")
    assert [s.label for s in image_set.samples] == ["Carex stricta 5", "", joined]
    assert [(p.row, p.finding) for p in image_set.problems] == [(3, "empty label")]


@pytest.mark.parametrize(
    "header",
    [
        "\n\nimage_location,transcription",
        "sep=,\nimage_location, transcription ",
        "sep=|\nimage_location|transcription",
    ],
)
def test_the_header_is_found_and_its_spaces_do_not_count(folder, header):
    separator = "|" if "|" in header else ","
    rewrite(folder, f"{header}\nw000.png{separator}Carex\n")
    (sample,) = read_image_set(folder, COLUMNS, "png").samples
    assert (sample.label, sample.row) == ("Carex", header.count("\n") + 2)


def test_a_title_above_the_header_is_said_to_be_one(folder):
    rewrite(folder, "My words\nimage_location,transcription\nw000.png,Carex\n")
    with pytest.raises(ImageSetError, match="Delete row 1 if it is not the header"):
        read_image_set(folder, COLUMNS, "png")


def test_a_quotation_that_never_ends_is_said(folder):
    rewrite(folder, 'image_location,transcription\nw000.png,"Carex\nw001.png,Rosa\n')
    with pytest.raises(ImageSetError, match=r"cannot be read as a CSV file: row 2: .*double quote"):
        read_image_set(folder, COLUMNS, "png")
    rewrite(folder, 'image_location,transcription\nw001.png,Rosa\nw000.png,"Carex" stricta\n')
    with pytest.raises(ImageSetError, match="row 3: "):
        read_image_set(folder, COLUMNS, "png")


def test_two_labels_of_one_image_are_a_problem_of_prediction_too(folder):
    rewrite(folder, "image_location,transcription\nw000.png,Carex\nw000.png,Rosa\nw001.png,\nw001.png,Rosa\n")
    image_set = read_image_set(folder, COLUMNS, "png", for_prediction=True)
    assert [(p.row, p.detail) for p in image_set.problems] == [(2, "Carex / Rosa"), (3, "Carex / Rosa")]
    assert len(image_set.samples) == 4


def test_a_table_that_names_no_image_is_no_set_to_read(folder):
    rewrite(folder, "image_location,transcription\nx,Carex\ny,Poa\n")
    with pytest.raises(ImageSetError, match=r"(?s)Of 2 rows.*row 2: x: image missing.*METADATA_IMAGE_COLUMN"):
        require_an_image(read_image_set(folder, COLUMNS, "png", for_prediction=True))
    rewrite(folder, "image_location,transcription\nx,Carex\nw000,Poa\n")
    require_an_image(read_image_set(folder, COLUMNS, "png", for_prediction=True))


def test_a_repeated_row_is_read_once_for_training_and_kept_for_prediction(folder):
    rewrite(folder, "image_location,transcription\nw000.png,Carex\nw000.png,Carex\n")
    assert len(read_image_set(folder, COLUMNS, "png").samples) == 1
    assert len(read_image_set(folder, COLUMNS, "png", for_prediction=True).samples) == 2


def test_no_column_that_another_key_names_is_said_to_be_the_nearest(folder):
    (folder / "words_metadata.csv").write_text("Dateiname,Text,Beleg\nw000.png,Carex,1\n")
    columns = Columns("words_metadata.csv", "Bild", "Text", "Beleg")
    with pytest.raises(
        ImageSetError, match="METADATA_IMAGE_COLUMN = Bild: not a column of the file; nearest: Dateiname"
    ):
        read_image_set(folder, columns, "png")


def test_a_table_of_another_kind_is_named_where_training_misses_its_own(folder):
    (folder / "words_metadata.csv").rename(folder / "words_metadata.xlsx")
    with pytest.raises(
        ImageSetError, match=r"(?s)no file .*words_metadata.csv.*Is words_metadata.xlsx the table\? Save it"
    ):
        read_image_set(folder, COLUMNS, "png")


def test_prediction_needs_neither_labels_nor_a_csv_but_every_column_that_is_named(folder):
    rewrite(folder, "image_location,transcription\nw000.png,\n")
    assert [s.label for s in read_image_set(folder, COLUMNS, "png", for_prediction=True).samples] == [""]
    rewrite(folder, "image_location,transcript\nw000.png,Carex\n")
    with pytest.raises(ImageSetError, match=r"(?s)nearest: transcript.*or take words_metadata.csv out of the folder"):
        read_image_set(folder, COLUMNS, "png", for_prediction=True)
    not_looked_at = replace(COLUMNS, transcription=None)
    assert [s.label for s in read_image_set(folder, not_looked_at, "png", for_prediction=True).samples] == [""]
    (folder / "words_metadata.csv").rename(folder / "Words.CSV")
    (folder / "images/phone.HEIC").write_bytes(b"")
    image_set = read_image_set(folder, COLUMNS, "png", for_prediction=True)
    assert len(image_set.samples) == len(WORDS)
    assert "Is Words.CSV the table?" in image_set.without_table
    assert "1 picture of another kind is not read, such as images/phone.HEIC" in image_set.without_table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,transcription\nw000.png,Carex\n", "METADATA_IMAGE_COLUMN = image_location.*nearest: image"),
        ("image_location,transcription\n", "no rows"),
        ("", "cannot be read as a CSV"),
    ],
)
def test_a_wrong_csv_says_what_is_wrong(folder, text, message):
    rewrite(folder, text)
    with pytest.raises(ImageSetError, match=message):
        read_image_set(folder, COLUMNS, "png")


def test_another_encoding_absent_csv_and_absent_folder(folder):
    (folder / "words_metadata.csv").write_bytes("image_location,transcription\nw000.png,Müller\n".encode("latin-1"))
    with pytest.raises(ImageSetError, match=r"not UTF-8 text \(line 2\)"):
        read_image_set(folder, COLUMNS, "png")
    (folder / "words_metadata.csv").unlink()
    with pytest.raises(ImageSetError, match="There is no file"):
        read_image_set(folder, COLUMNS, "png")
    with pytest.raises(ImageSetError, match="not a folder"):
        read_image_set(folder / "nowhere", COLUMNS, "png")


def test_the_fingerprint_tells_labels_apart(folder):
    first = read_image_set(folder, COLUMNS, "png").fingerprint
    assert read_image_set(folder, COLUMNS, "png").fingerprint == first
    rewrite(folder, "image_location,transcription\nw000.png,Carix\n")
    assert read_image_set(folder, COLUMNS, "png").fingerprint != first


def test_a_hundred_thousand_rows_join_in_seconds(tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(1000):
        (tmp_path / f"images/w{i}.png").write_bytes(b"")
    with (tmp_path / "words_metadata.csv").open("w", newline="") as file:
        rows = ((f"images/w{i % 1000}.png", "same") for i in range(100_000))
        csv.writer(file).writerows([("image_location", "transcription"), *rows])
    started = time.perf_counter()
    image_set = read_image_set(tmp_path, COLUMNS, "png")
    assert time.perf_counter() - started < 10
    assert len(image_set.samples) == 1000


def test_hidden_files_beside_images_and_pictures_of_unusual_kinds_are_none(tmp_path):
    folder = write_image_set(tmp_path / "set", ["Carex", "Rosa"])
    for name in ("._w000.png", "w001.gif"):  # a Mac leaves the one on shared disks, a scanner's program the other
        (folder / "images" / name).write_bytes((folder / "images/w000.png").read_bytes())
    (folder / "images/w001.png").rename(folder / "images/w001.jpg")
    images = ImageIndex(folder)
    assert [path.name for path in images.all_paths] == ["w000.png", "w001.gif", "w001.jpg"]
    assert images.find("w001")[0].name == "w001.jpg"


def test_a_set_is_another_where_words_are_of_other_hands(tmp_path):
    columns = Columns("words_metadata.csv", "image_location", "transcription", "writer")
    found = set()
    for n, groups in enumerate((["a", "b", "b"], ["a", "a", "b"], ["a", "b", "b"])):
        folder = write_image_set(tmp_path / str(n), ["Carex", "Rosa", "Acer"], groups=groups)
        found.add(read_image_set(folder, columns, "png").fingerprint)
    assert len(found) == 2
