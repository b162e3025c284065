import shutil

import pytest
from conftest import WORDS, write_image_set, write_settings

from utilities import training_set
from utilities.config import load_config
from utilities.errors import differences
from utilities.hyperparameters import resolve
from utilities.images import Preprocessing
from utilities.metadata import ImageSetError
from utilities.model import frame_counter
from utilities.training_set import announce, identity, training_set_for

HOW = Preprocessing(32, 256)
FRAMES = frame_counter("compact", 32, resolve("compact"))


def prepared(folder, **settings):
    config = load_config(write_settings(folder, **settings), "train")
    return training_set_for(config, config.train.image_set, HOW, FRAMES, folder / "cache")


@pytest.fixture
def work(tmp_path):
    write_image_set(tmp_path / "train", WORDS, groups=[f"p{i // 3}" for i in range(len(WORDS))])
    write_image_set(tmp_path / "test", ["Fagus", "Tilia"], groups=["q1", "q2"])
    return tmp_path


def test_texts_that_look_like_numbers_or_nothing_are_labels(work):
    data = prepared(work)
    assert sorted(s.label for s in (*data.training, *data.validation)) == sorted(WORDS)
    assert "".join(data.alphabet.characters) == "".join(sorted(set("".join(WORDS))))
    assert data.record["training_images"] + data.record["validation_images"] == len(WORDS)
    assert "WARNING" not in announce(data)


def test_copies_of_an_image_that_say_different_things_are_bad_rows(work):
    shutil.copy(work / "train/images/w003.png", work / "train/images/copy.png")
    table = work / "train/words_metadata.csv"
    table.write_text(table.read_text() + f"images/copy.png,{WORDS[3]},p0\n")
    assert not prepared(work).left_out
    table.write_text(table.read_text().replace(f"copy.png,{WORDS[3]}", "copy.png,Fagus"))
    said = rf"two different labels for one image \(images/copy.png: Fagus / images/w003.png: {WORDS[3]}\)"
    with pytest.raises(ImageSetError, match=rf"(?s)2 bad rows.*row 5: .*{said}"):
        prepared(work)


def test_files_that_show_nothing_are_no_copies_of_one_image(work):
    for name in ("w001", "w002", "w003"):
        (work / f"train/images/{name}.png").write_bytes(b"a page that says: log in first")
    with pytest.raises(ImageSetError, match="3 bad rows") as raised:
        prepared(work)
    assert str(raised.value).count("image unreadable") == 3 and "two different labels" not in str(raised.value)


def test_no_group_is_on_both_sides(work):
    data = prepared(work, project="METADATA_GROUP_COLUMN = writer", train="VALIDATION_SHARE = 0.3")
    assert not {s.group for s in data.training} & {s.group for s in data.validation}
    assert data.record["groups"] == ["p0", "p1", "p2", "p3"]


def test_images_and_groups_that_are_also_in_the_test_set_are_warned_of(work):
    shutil.copy(work / "train/images/w003.png", work / "test/images/w001.png")
    metadata = work / "test/words_metadata.csv"
    metadata.write_text(metadata.read_text().replace("q1", "p2").replace("transcription", "not yet filled in"))
    said = announce(prepared(work, project="METADATA_GROUP_COLUMN = writer"))
    assert "[test] set: 1 image and 1 group (writer: p2)." in said


def test_all_groups_that_are_also_in_the_test_set_are_named_or_counted(tmp_path, monkeypatch):
    for folder in ("train", "test"):
        write_image_set(tmp_path / folder, WORDS, groups=[f"p{i % 8}" for i in range(len(WORDS))])
    overlap = prepared(tmp_path, project="METADATA_GROUP_COLUMN = writer").overlap
    assert "8 groups (writer: p0, p1, p2, p3, p4, p5, p6, p7)." in overlap
    monkeypatch.setattr(training_set, "NAMED", 6)
    overlap = prepared(tmp_path, project="METADATA_GROUP_COLUMN = writer").overlap
    assert "8 groups (writer: p0, p1, p2, p3, p4, p5 and 2 more)." in overlap


def test_a_test_set_that_is_absent_or_broken_does_not_stop_training(work):
    (work / "test/words_metadata.csv").write_text("nonsense\n")
    assert prepared(work).overlap == ""
    shutil.rmtree(work / "test")
    assert prepared(work).overlap == ""


def test_every_bad_row_is_listed_at_once_or_left_out(work):
    (work / "train/images/w001.png").write_bytes((work / "train/images/w001.png").read_bytes()[:70])
    (work / "train/images/w002.png").unlink()
    with (work / "train/words_metadata.csv").open("a") as file:
        file.write("images/w003.png,Ulmus,p1\nimages/w004.png,,p1\n")
    with pytest.raises(ImageSetError) as error:
        prepared(work)
    for part in ("w001.png: image unreadable", "w002.png: image missing", "two different labels", "ON_BAD_ROWS = skip"):
        assert part in str(error.value)
    data = prepared(work, project="ON_BAD_ROWS = skip")
    assert {"w001.png", "w002.png", "w003.png"} & {s.path.name for s in (*data.training, *data.validation)} == set()
    assert "Left out" in announce(data)


def test_a_label_too_long_for_its_image_is_a_bad_row(work):
    with (work / "train/words_metadata.csv").open("a") as file:
        shutil.copy(work / "train/images/w001.png", work / "train/images/long.png")
        file.write("images/long.png,a label that nobody could write in so little room,p9\n")
    with pytest.raises(ImageSetError, match=r"long.png: label too long"):
        prepared(work)


def test_an_explicit_alphabet_is_a_check(work):
    with pytest.raises(ImageSetError, match="character outside ALPHABET"):
        prepared(work, project="ALPHABET = abc")


def test_validation_on_copies_of_training_images_is_said_where_it_cannot_be_helped(work):
    (work / "train/images").rename(work / "train/one")
    shutil.copytree(work / "train/one", work / "train/two")
    rows = [f"{folder}/w{i:03d}.png,{word},{folder}" for folder in ("one", "two") for i, word in enumerate(WORDS)]
    (work / "train/words_metadata.csv").write_text("image_location,transcription,page\n" + "\n".join(rows) + "\n")
    data = prepared(work, project="METADATA_GROUP_COLUMN = page")
    assert data.record["validated_on_copies"] == len(data.validation) == len(WORDS)
    assert f"{len(WORDS)} images to validate on are copies" in announce(data)


def test_words_know_whose_hand_they_are(work):
    data = prepared(work, project="METADATA_GROUP_COLUMN = writer")
    training, _ = data.batches(data.alphabet, FRAMES, 2, 1)
    assert [word.hand for word in training.words] == [s.group for s in data.training] and training.words[0].hand


def test_the_seed_of_the_settings_decides_what_is_validated_on(work):
    def validated(seed):
        return tuple(s.name for s in prepared(work, train=f"SEED = {seed}").validation)

    assert validated(3) == validated(3) and len({validated(seed) for seed in range(6)}) > 1


def test_pictures_under_each_others_names_make_another_set_so_that_a_run_does_not_resume_with_them(work):
    first = prepared(work)
    one, other = (sample.path for sample in first.training[:2])
    assert identity(prepared(work).record) == identity(first.record)
    pictures = one.read_bytes(), other.read_bytes()
    other.write_bytes(pictures[0])
    one.write_bytes(pictures[1])
    (line,) = differences(identity(first.record), identity(prepared(work).record))
    assert "pictures_by_name" in line
