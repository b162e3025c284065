import math
import shutil
from collections import Counter

import pytest
from conftest import WORDS, small_recognizer, write_image_set, write_settings

from utilities import untranscribed
from utilities.alphabet import Alphabet
from utilities.beam_search import Beam, Hypothesis
from utilities.config import load_config
from utilities.metadata import ImageSetError
from utilities.model import FrameCounter
from utilities.reader import reader_for
from utilities.training_set import learnt_digests, training_set_for
from utilities.untranscribed import announce_untranscribed, sureness, with_untranscribed

BASE = small_recognizer()
FRAMES = FrameCounter(BASE.prediction_model)
MORE = [f"word {i}" for i in range(6)]


@pytest.fixture
def work(tmp_path):
    write_image_set(tmp_path / "train", WORDS, groups=[f"p{i // 3}" for i in range(len(WORDS))])
    write_image_set(tmp_path / "test", ["Fagus"])
    write_image_set(tmp_path / "more", MORE, groups=["q0", "q0", "q1", "q1", "q2", "q2"])
    for i in range(len(MORE)):  # other images than those of the training set
        shutil.move(tmp_path / f"more/images/w{i:03d}.png", tmp_path / f"more/images/m{i}.png")
    table = tmp_path / "more/words_metadata.csv"
    table.write_text(table.read_text().replace("w00", "m"))
    return tmp_path


def prepared(work, project="METADATA_GROUP_COLUMN = writer", train=""):
    config = load_config(write_settings(work, project=project, train=train), "transfer")
    data = training_set_for(config, config.train.image_set, BASE.spec.preprocessing, FRAMES, work / "cache")
    return config.project, data


def taught(work, folder="more", **settings):
    """The training set as it was, and with the folder's images."""
    project, data = prepared(work, **settings)
    return data, with_untranscribed(data, BASE, project, work / folder, work / "cache")


def added(before, after):
    assert list(after.training[: len(before.training)]) == list(before.training)
    return {s.path.name: s.label for s in after.training[len(before.training) :]}


class Read(list):
    """What the base model reads in the order of the images: texts with their probabilities, to be filled."""

    alphabet = Alphabet(tuple(map(chr, range(33, 300))))
    beam_temperature = 1.0

    def beams(self, contents):
        return [Beam.of(self._hypothesis(*text) for text in texts) for texts in self[: len(list(contents))]]

    def frames(self, content):
        return FRAMES(content.shape[1])

    def _hypothesis(self, text, probability):
        return Hypothesis(tuple(self.alphabet.encode(text).tolist()), math.log(probability), math.log(probability))


@pytest.fixture
def read(monkeypatch):
    found = Read()
    monkeypatch.setattr(untranscribed, "reader_for", lambda recognizer, several_views: found)
    return found


def test_sure_readings_are_learnt_from_and_the_transcriptions_are_not_looked_at(work, read):
    read += [[("ab", 0.8**2), ("b", 0.1)], [("ab", 0.5**2)], [("", 1.0)]]
    read += [[("cde", 0.9**3)], [("fg", 0.1)], [("h", 1.0)]]
    before, after = taught(work)
    assert added(before, after) == {"m0.png": "ab", "m3.png": "cde", "m5.png": "h"}
    assert {s.path for s in after.training} <= set(after.contents)
    assert after.validation == before.validation
    taken = after.record["untranscribed"]
    assert (taken["image_set"], taken["images"], taken["taken"]) == (f"{work.name}/more", 6, 3)
    assert after.record["texts"] == before.record["texts"]
    assert len(after.record["untranscribed_digests"]) == 3
    for name in ("image_digests", "groups"):  # else stage 4 would not judge by those of them that are transcribed there
        assert after.record[name] == before.record[name]
    assert set(after.record["untranscribed_digests"]) <= learnt_digests({"data": after.record})
    said = announce_untranscribed(after.record)
    assert f"3 of 6 untranscribed images of {work.name}/more." in said and "That is little" not in said


def test_readings_are_chosen_as_they_were_computed_and_drawn_as_they_are_calibrated(work, read):
    read += [[("ab", 0.4), ("cd", 0.1)], [("abcdef", 0.01), ("ghijkl", 0.01)], *[[("", 1.0)]] * 4]
    read.beam_temperature = 4.0  # the second image's texts have 0.19 then, 0.76 a character instead of 0.46
    before, after = taught(work)
    assert added(before, after) == {"m0.png": "ab"}
    (likely,) = after.texts.values()
    assert likely[0][1] / likely[1][1] == pytest.approx(4 ** (1 / 4))


def test_labels_are_drawn_from_what_an_image_may_say_as_often_as_it_is_probable(work, read):
    read += [[("ab", 0.6), ("b", 0.18), ("a" * 41, 0.1), ("x", 0.02)], *[[("", 1.0)]] * 5]
    before, after = taught(work)
    (sample,) = after.training[len(before.training) :]
    assert list(after.texts) == [sample.path]
    assert dict(after.texts[sample.path]) == pytest.approx({"ab": 0.75, "b": 0.225, "x": 0.025})
    batches, _ = after.batches(after.alphabet.extended("abx"), FRAMES, 32, seed=1)
    alphabet, drawn = after.alphabet.extended("abx"), Counter()
    for epoch in range(200):
        batches.start_epoch(epoch)
        for number in range(len(batches)):
            (inputs,) = batches[number]
            place = [i for i, word in enumerate(batches.indices(number)) if batches.words[word].texts]
            drawn.update(alphabet.decode(inputs["label"][i, : inputs["label_length"][i, 0]]) for i in place)
    assert drawn.total() == 200 and set(drawn) == {"ab", "b", "x"}
    assert 130 < drawn["ab"] < 170 and 25 < drawn["b"] < 65
    batches.start_epoch(3)
    first = batches[0][0]
    batches.start_epoch(3)
    assert (batches[0][0]["label"] == first["label"]).all()


def test_other_readings_make_another_record_so_that_a_run_does_not_resume_with_them(work, read):
    read += [[(letter, 1.0)] for letter in "abcdef"]
    _, one = taught(work)
    read[3] = [("d", 0.8), ("x", 0.1)]  # the likeliest is the same
    _, other = taught(work)
    assert one.record["untranscribed"]["fingerprint"] != other.record["untranscribed"]["fingerprint"]
    pictures = [(work / f"more/images/m{n}.png").read_bytes() for n in (1, 0)]
    for n, picture in enumerate(pictures):
        (work / f"more/images/m{n}.png").write_bytes(picture)
    assert taught(work)[1].record["untranscribed"] != other.record["untranscribed"]  # nor with other pictures


def test_a_model_that_reads_little_surely_is_said_to_need_transcriptions_first(work, read):
    read += [[("a", 0.99)]] + [[("a", 0.5)]] * 5
    before, after = taught(work)
    assert list(added(before, after)) == ["m0.png"]
    assert "transfer without UNTRANSCRIBED_SET_NAME first" in announce_untranscribed(after.record)


def test_images_that_are_transcribed_and_pages_of_the_validation_are_left_alone(work, read):
    _, data = prepared(work)
    validated = sorted({s.group for s in data.validation})
    shutil.copy(data.training[0].path, work / "more/images/m1.png")  # the same image under another name
    table = work / "more/words_metadata.csv"
    table.write_text(table.read_text().replace("q2", validated[0]))
    read += [[(letter, 1.0)] for letter in "abc"]
    before, after = taught(work)
    assert added(before, after) == {"m0.png": "a", "m2.png": "b", "m3.png": "c"}
    assert after.record["untranscribed"]["images"] == 3


def test_a_folder_with_nothing_left_to_learn_is_refused_and_says_why(work, read):
    (work / "train/images/broken.png").write_bytes(b"no picture")
    with (work / "train/words_metadata.csv").open("a") as file:
        file.write("images/broken.png,,\n")
    with pytest.raises(ImageSetError, match=r"12 are transcribed.*1 cannot be read.*UNTRANSCRIBED_SET_NAME"):
        taught(work, "train", project="METADATA_GROUP_COLUMN = writer\nON_BAD_ROWS = skip")


def test_the_training_folder_itself_gives_its_images_that_the_table_left_out(work, read):
    shutil.copytree(work / "train", work / "whole")
    for i in range(len(MORE)):
        shutil.copy(work / f"more/images/m{i}.png", work / f"whole/images/m{i}.png")
    (work / "whole/words_metadata.csv").unlink()
    read += [[(letter, 1.0)] for letter in "abcdef"]
    before, after = taught(work, "whole")
    assert added(before, after) == {f"m{i}.png": letter for i, letter in enumerate("abcdef")}


def test_broken_images_and_labels_that_cannot_be_right_are_left_out(work, read):
    (work / "more/images/m0.png").write_bytes(b"no picture")
    read += [[("a" * 41, 0.95), ("ab", 0.05)], [("é", 1.0)], *([(letter, 1.0)] for letter in "xbc")]
    before, after = taught(work, project="ALPHABET = abcdelnoiruvsxzQPNACRSVZ0137 .")
    assert added(before, after) == {"m3.png": "x", "m4.png": "b", "m5.png": "c"}


def test_an_image_is_learnt_once_however_often_the_table_has_it_and_one_that_is_not_there_never(work, read):
    (work / "more/images/m1.png").unlink()
    with (work / "more/words_metadata.csv").open("a") as file:
        file.write("m0,word 0,q0\n")  # without its folder and ending
    read += [[(letter, 1.0)] for letter in "acdef"]
    before, after = taught(work)
    assert [s.path.name for s in after.training[len(before.training) :]].count("m0.png") == 1
    assert after.record["untranscribed"]["images"] == 5


def test_of_many_images_some_are_taken_by_chance_the_same_ones_each_time(work, read, monkeypatch):
    monkeypatch.setattr(untranscribed, "MOST", 3)
    read += [[(letter, 1.0)] for letter in "abcdef"]
    before, after = taught(work)
    table = work / "more/words_metadata.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, *reversed(rows)]) + "\n")
    _, again = taught(work)
    assert len(added(before, after)) == 3
    assert set(added(before, after)) == set(added(before, again))
    assert set(added(before, after)) != set(added(*taught(work, train="SEED = 3")))


def test_a_folder_without_images_is_refused(work):
    (work / "empty").mkdir()
    with pytest.raises(ImageSetError, match="empty"):
        taught(work, "empty")


def test_labels_are_what_the_model_itself_reads_from_several_views(work, monkeypatch):
    monkeypatch.setattr(untranscribed, "SURE", 0.0)
    before, after = taught(work)
    new = after.training[len(before.training) :]
    readings = reader_for(BASE, several_views=True).read([after.contents[s.path] for s in new])
    assert new and [s.label for s in new] == [r.text for r in readings]


def test_sureness_is_by_characters():
    assert sureness("abcd", 0.9**4) == pytest.approx(0.9)
    assert sureness("", 0.5) == 0.0


def test_a_table_of_untranscribed_images_needs_no_column_for_transcriptions(work, read):
    table = work / "more/words_metadata.csv"
    table.write_text("\n".join(line.split(",")[0] for line in table.read_text().splitlines()))
    read += [[("ab", 1.0)], *[[("", 1.0)]] * 5]
    before, after = taught(work, project="")
    assert added(before, after) == {"m0.png": "ab"}
