import csv
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import WORDS, write_image_set

from utilities.alphabet import Alphabet
from utilities.image_set import Problem, Sample, label_problems, read_image_set, split_samples, usable_samples
from utilities.metadata import Columns, ImageSetError

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


def test_a_repeated_row_is_read_once_for_training_and_kept_for_prediction(folder):
    rewrite(folder, "image_location,transcription\nw000.png,Carex\nw000.png,Carex\n")
    assert len(read_image_set(folder, COLUMNS, "png").samples) == 1
    assert len(read_image_set(folder, COLUMNS, "png", for_prediction=True).samples) == 2


def test_prediction_needs_neither_labels_nor_a_csv_but_every_column_that_is_named(folder):
    rewrite(folder, "image_location,transcription\nw000.png,\n")
    assert [s.label for s in read_image_set(folder, COLUMNS, "png", for_prediction=True).samples] == [""]
    rewrite(folder, "image_location,transcript\nw000.png,Carex\n")
    with pytest.raises(ImageSetError, match=r"(?s)nearest: transcript.*or take words_metadata.csv out of the folder"):
        read_image_set(folder, COLUMNS, "png", for_prediction=True)
    not_looked_at = replace(COLUMNS, transcription=None)
    assert [s.label for s in read_image_set(folder, not_looked_at, "png", for_prediction=True).samples] == [""]
    (folder / "words_metadata.csv").unlink()
    assert len(read_image_set(folder, COLUMNS, "png", for_prediction=True).samples) == len(WORDS)


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
    with pytest.raises(ImageSetError, match="UTF-8"):
        read_image_set(folder, COLUMNS, "png")
    (folder / "words_metadata.csv").unlink()
    with pytest.raises(ImageSetError, match="no metadata file"):
        read_image_set(folder, COLUMNS, "png")
    with pytest.raises(ImageSetError, match="not a folder"):
        read_image_set(folder / "nowhere", COLUMNS, "png")


def test_labels_that_cannot_be_learnt_are_problems():
    path = Path("w.png")
    samples = [Sample(2, "a", "Carex", "", path), Sample(3, "b", "aab", "", Path("narrow.png"))]
    problems = label_problems(samples, 4, Alphabet(tuple("Carexb")), {path: 9, Path("narrow.png"): 3})
    assert [(p.row, p.finding) for p in problems] == [(2, "label too long"), (3, "label too long for its image")]
    assert [p.finding for p in label_problems(samples[:1], 40, Alphabet(("C",)), {})] == ["character outside ALPHABET"]


def samples(count, groups=None):
    return [Sample(i + 2, f"w{i}", "x", f"g{i % groups}" if groups else "", Path(f"w{i}")) for i in range(count)]


def test_the_split_is_stable_seeded_and_of_the_right_size():
    everything = samples(200)
    training, validation = split_samples(everything, 0.1, 2, grouped=False)
    again = split_samples(everything[::-1], 0.1, 2, grouped=False)
    other = split_samples(everything, 0.1, 3, grouped=False)
    assert len(validation) == 20
    assert {s.name for s in again[1]} == {s.name for s in validation} != {s.name for s in other[1]}
    assert not {s.name for s in training} & {s.name for s in validation}


@pytest.mark.parametrize("groups", [2, 3, 7, 40])
def test_no_group_stands_on_both_sides(groups):
    training, validation = split_samples(samples(120, groups), 0.1, 2, grouped=True)
    assert training
    assert validation
    assert not {s.group for s in training} & {s.group for s in validation}
    assert len(training) + len(validation) == 120


def test_a_single_group_cannot_be_split():
    with pytest.raises(ImageSetError, match="at least 2 groups"):
        split_samples(samples(10, 1), 0.1, 2, grouped=True)


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


def test_a_problem_reads_as_a_sentence():
    assert str(Problem(7, "w.png", "empty label", "fill in")) == "row 7: w.png: empty label (fill in)"
