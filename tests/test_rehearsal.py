import shutil
from dataclasses import replace

import pytest
from conftest import WORDS, small_recognizer, write_image_set, write_settings

from utilities.config import load_config
from utilities.decoded_image import digest_of_file
from utilities.metadata import ImageSetError
from utilities.model import FrameCounter
from utilities.rehearsal import announce_rehearsal, with_rehearsal
from utilities.training_set import training_set_for

BASE = small_recognizer()
FRAMES = FrameCounter(BASE.prediction_model)
OTHERS = ["Fagus", "Tilia", "Ünas", "Acer", "Alnus", "Betula"]


@pytest.fixture
def work(tmp_path):
    write_image_set(tmp_path / "train", WORDS, groups=[f"p{i // 3}" for i in range(len(WORDS))])
    write_image_set(tmp_path / "test", ["Fagus"])
    write_image_set(tmp_path / "first", OTHERS)  # its table has no column of groups
    return tmp_path


def rehearsing(work, project="METADATA_GROUP_COLUMN = writer"):
    """The training set as it was, with the words to rehearse, and what is wrong with others."""
    config = load_config(write_settings(work, project=project), "transfer")
    data = training_set_for(config, config.train.image_set, BASE.spec.preprocessing, FRAMES, work / "cache")
    return data, *with_rehearsal(data, FRAMES, config.project, work / "first", work / "cache")


def test_words_of_the_base_are_trained_on_beside_the_own_and_never_validated_on(work):
    before, after, left_out = rehearsing(work)
    assert (after.training, after.validation, left_out) == (before.training, before.validation, ())
    assert [s.label for s in after.rehearsed] == OTHERS
    alphabet = after.alphabet.extended("".join(WORDS))
    assert "Ü" in after.alphabet.characters and "Ü" not in before.alphabet.characters
    training, validation = after.batches(alphabet, FRAMES, 2, 1)
    shown = training.images_an_epoch
    assert shown == len(before.training) + round(len(before.training) / 2)
    assert len(validation.words) == len(before.validation)
    for name in ("texts", "groups"):  # a word without a group is of none
        assert after.record[name] == before.record[name]
    assert len(after.record["image_digests"]) == len(before.record["image_digests"]) + len(OTHERS)
    assert f"{shown - len(before.training)} of 6 words of {work.name}/first." in announce_rehearsal(after, left_out)
    table = work / "first/words_metadata.csv"
    table.write_text(table.read_text().replace("Tilia", "Tilla"))
    other = rehearsing(work)[1].record
    assert other != after.record  # so that a run is not resumed with other transcriptions
    names = [work / f"first/images/w00{n}.png" for n in (0, 1)]
    for path, picture in zip(names, [path.read_bytes() for path in reversed(names)], strict=True):
        path.write_bytes(picture)
    assert rehearsing(work)[1].record != other  # nor with pictures under each other's names


def test_images_that_are_learnt_or_validated_on_are_not_rehearsed(work):
    for i in range(5):
        shutil.copy(work / f"train/images/w{i:03d}.png", work / f"first/images/w{i:03d}.png")
    _, after, _ = rehearsing(work)
    assert [s.label for s in after.rehearsed] == OTHERS[5:]
    rehearsed = after.record["rehearsed"]
    assert (rehearsed["images"], rehearsed["left_out"]) == (1, 0)  # no bad rows, these five
    shutil.copy(work / "train/images/w005.png", work / "first/images/w005.png")
    with pytest.raises(
        ImageSetError, match=r"to rehearse of 6 images in .*first: already in the training set.*BASE_SET_NAME"
    ):
        rehearsing(work)


def test_bad_rows_stop_it_or_are_left_out_and_listed(work):
    (work / "first/images/w001.png").unlink()
    with pytest.raises(ImageSetError, match=r"first has 1 bad row:\n  row 3: images/w001.png"):
        rehearsing(work)
    _, after, left_out = rehearsing(work, project="ON_BAD_ROWS = skip")
    assert (len(after.rehearsed), after.record["rehearsed"]["left_out"]) == (5, 1)
    assert "Left out of these (ON_BAD_ROWS = skip):\n  row 3" in announce_rehearsal(after, left_out)


def test_words_of_groups_that_are_validated_on_are_not_rehearsed(work):
    shutil.rmtree(work / "first")
    write_image_set(work / "first", OTHERS, groups=["p0", "p1", "p2", "p3", "q", "q"])
    _, after, _ = rehearsing(work)
    validated = {s.group for s in after.validation}
    assert validated and {s.group for s in after.rehearsed} == {"p0", "p1", "p2", "p3", "q"} - validated


def test_images_that_are_learnt_without_their_transcriptions_are_not_rehearsed_with_them(tmp_path):
    for name, words in (("train", WORDS), ("test", ["Fagus"]), ("first", ["Fagus", "Tilia", "Alnus"])):
        write_image_set(tmp_path / name, words)
    base, config = small_recognizer(), load_config(write_settings(tmp_path), "transfer")
    frames, how = FrameCounter(base.prediction_model), base.spec.preprocessing
    data = training_set_for(config, config.train.image_set, how, frames, tmp_path / "cache")
    digest = digest_of_file(tmp_path / "first/images/w001.png")
    learnt = replace(data, record=data.record | {"untranscribed_digests": [digest]})
    after, _ = with_rehearsal(learnt, frames, config.project, tmp_path / "first", tmp_path / "cache")
    assert [s.label for s in after.rehearsed] == ["Fagus", "Alnus"]
