import csv
import hashlib

import numpy as np
import pytest
from PIL import Image

from utilities.handwriting import Sheet
from utilities.images import Preprocessing, require_dark_writing
from utilities.safe_files import OutputExistsError
from utilities.sample_words import COLUMNS, HANDS, draw_word, write_sample

SIZES = {"first_hand": (40, 10), "second_hand": (20, 10)}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "set"
    return folder, write_sample(folder, sizes=SIZES)


def rows(folder):
    with (folder / "words_metadata.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def everything(folder):
    return {p.relative_to(folder): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*.*")}


def test_every_row_has_its_image_and_the_numbers_are_those_asked_for(sample):
    folder, counts = sample
    assert counts == {"first_hand/train": 40, "first_hand/test": 10, "second_hand/train": 20, "second_hand/test": 10}
    for part, count in counts.items():
        table = rows(folder / part)
        assert len(table) == count
        assert tuple(table[0]) == COLUMNS
        for row in table:
            assert row["transcription"] == row["transcription"].strip() != ""
            image = np.asarray(Image.open(folder / part / row["image_location"]))
            assert image.dtype == np.uint8 and image.ndim == 2
            assert np.median(image) - image.min() > 50  # ink on paper


def test_the_same_seed_gives_the_same_files_and_another_gives_others(sample, tmp_path):
    folder, _ = sample
    write_sample(tmp_path / "same", sizes=SIZES)
    write_sample(tmp_path / "other", seed=3, sizes=SIZES)
    assert everything(folder) == everything(tmp_path / "same")
    assert everything(folder) != everything(tmp_path / "other")


def test_no_specimen_is_in_train_and_test(sample):
    folder, _ = sample
    for hand in SIZES:
        train, test = ({r["specimen"] for r in rows(folder / hand / part)} for part in ("train", "test"))
        assert train and test and not train & test


def test_the_second_hand_has_characters_that_the_first_lacks(tmp_path):
    write_sample(tmp_path / "set", sizes={"first_hand": (400, 5), "second_hand": (300, 5)})
    first, second = (set("".join(r["transcription"] for r in rows(tmp_path / "set" / h / "train"))) for h in HANDS)
    assert {c for c in first if not c.isascii()}
    assert second - first & set("åçñøáèíëÅ")


def test_words_of_one_hand_vary_and_the_hands_differ():
    def ink(hand, seed):
        return draw_word("Carex stricta", HANDS[hand], np.random.default_rng(seed))

    assert ink("first_hand", 1).shape != ink("first_hand", 2).shape
    assert ink("first_hand", 1).shape != ink("second_hand", 1).shape
    assert np.array_equal(ink("first_hand", 1), ink("first_hand", 1))


def test_accents_are_drawn():
    plain, accented = (draw_word(t, HANDS["first_hand"], np.random.default_rng(1)) for t in ("Zurich", "Zürich"))
    assert plain.shape != accented.shape or not np.array_equal(plain, accented)
    with pytest.raises(ValueError, match="Ж"):
        draw_word("Ж", HANDS["first_hand"], np.random.default_rng(1))


def test_an_existing_folder_is_refused_and_a_failure_leaves_nothing(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputExistsError, match="mine"):
        write_sample(tmp_path / "mine", sizes=SIZES)
    with pytest.raises(KeyError):
        write_sample(tmp_path / "new", sizes={"first_hand": (2, 1), "third_hand": (2, 1)})
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("hand", HANDS)
def test_short_words_of_much_ink_are_no_negatives(hand):
    """One such number among the words of the demonstration once ended it."""
    how, rng = Preprocessing(40, 512), np.random.default_rng(4)
    for text in ("1966", "L.", "ex", "m") * 120:
        require_dark_writing(draw_word(text, HANDS[hand], rng, Sheet.random(rng)), how)


def test_the_words_to_test_with_are_others_than_those_to_train_on(tmp_path):
    write_sample(tmp_path / "set", sizes={"first_hand": (10, 10)})
    said = []
    for part in ("train", "test"):
        with (tmp_path / "set/first_hand" / part / "words_metadata.csv").open(encoding="utf-8", newline="") as file:
            said.append([row["transcription"] for row in csv.DictReader(file)])
    assert sum(one == other for one, other in zip(*said, strict=True)) < 5
