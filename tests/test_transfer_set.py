import shutil

import pytest
from conftest import WORDS, small_recognizer, write_image_set, write_settings

from utilities import transfer_set
from utilities.config import load_config
from utilities.language_model import language_of
from utilities.transfer_set import transfer_set_for

LATIN = {f"{genus} {species}": 2 for genus in ("Carex", "Rosa", "Viola") for species in ("alba", "rubra", "nigra")}
GERMAN = {"Großgeschwenda": 1, "Dörfl": 3, "Am Fließ": 2}


@pytest.fixture
def work(tmp_path):
    """Some Latin names, of which VALIDATION_SHARE sets some aside."""
    labels = ["Carex alba", "Rosa rubra", "Viola nigra", "Carex nigra", "Rosa alba", "Viola rubra", "Éa"]
    write_image_set(tmp_path / "train", labels)
    write_image_set(tmp_path / "test", ["Fagus", "Tilia"])
    return tmp_path


def prepared(work, texts):
    config = load_config(write_settings(work, train="VALIDATION_SHARE = 0.4"), "transfer")
    base = small_recognizer(record={"data": {"texts": texts}})
    return base, *transfer_set_for(config, config.train.image_set, base, work / "cache")


def test_the_alphabet_grows_and_says_by_what(work, capsys):
    base, spec, data = prepared(work, {})
    assert spec.alphabet.characters[: len(base.spec.alphabet.characters)] == base.spec.alphabet.characters
    assert spec.preprocessing == base.spec.preprocessing == data.how
    said = capsys.readouterr().out
    assert "images to train on" in said
    new = spec.alphabet.characters[len(base.spec.alphabet.characters) :]
    assert f"learns {len(new)} new characters: {' '.join(new)}" in said and "É" in new


def test_a_transfer_leans_towards_the_texts_of_its_base_too_where_they_are_alike(work, capsys):
    _, spec, data = prepared(work, LATIN | GERMAN)
    own = {s.label for s in data.training}
    assert set(data.record["texts"]) == own | set(LATIN) | set(GERMAN)
    assert data.record["texts_of_base"] == len((set(LATIN) | set(GERMAN)) - own)
    assert f"towards {data.record['texts_of_base']} texts that the base model" in capsys.readouterr().out
    known = language_of({"data": data.record}, spec.alphabet).model
    assert known.texts == len(own | set(LATIN))  # the German ones cannot be spelt


@pytest.mark.parametrize("texts", [GERMAN, {}])
def test_texts_of_another_language_stay_behind(work, texts, capsys):
    _, _, data = prepared(work, texts)
    assert set(data.record["texts"]) == {s.label for s in data.training}
    assert "texts_of_base" not in data.record and "base model was trained with" not in capsys.readouterr().out


def test_of_a_large_base_not_so_many_texts_are_known_that_the_own_ones_are_lost(work, monkeypatch):
    monkeypatch.setattr(transfer_set, "MOST_TEXTS", 14)
    _, _, data = prepared(work, LATIN | {f"{text} L.": 9 for text in LATIN})
    own = {s.label for s in data.training}
    assert len(data.record["texts"]) == 14 and own <= set(data.record["texts"])
    assert data.record["texts_of_base"] == 14 - len(own)
    monkeypatch.setattr(transfer_set, "MOST_TEXTS", 2)  # fewer than the own ones
    _, _, data = prepared(work, LATIN)
    assert set(data.record["texts"]) == own and "texts_of_base" not in data.record


def test_a_base_of_the_very_same_words_changes_nothing(work):
    _, _, first = prepared(work, {})
    _, _, again = prepared(work, first.record["texts"])
    assert again.record == first.record


def test_a_text_that_both_have_counts_as_often_as_where_it_is_more_frequent(work):
    _, _, data = prepared(work, LATIN | dict.fromkeys(WORDS, 1))
    own = {s.label for s in data.training}
    assert {data.record["texts"][text] for text in own & set(LATIN)} == {2}  # and not 3
    assert {data.record["texts"][text] for text in set(WORDS) - own} == {1}


def test_validation_on_words_that_the_base_was_trained_with_is_avoided_or_said(work, capsys):
    def validated(record):
        base = small_recognizer(record=record)
        config = load_config(write_settings(work, train="VALIDATION_SHARE = 0.4\nSEED = 9"), "transfer")
        data = transfer_set_for(config, config.train.image_set, base, work / "cache")[1]
        return {s.name for s in data.validation}, data.record, capsys.readouterr().out

    _, first = prepared(work, {})[1:]
    record = {"data": first.record, "base": None}
    names, _, said = validated({"data": {}, "base": record})
    assert names == {s.name for s in first.validation} and "WARNING" not in said
    everything = {"data": first.record | {"validation_digests": []}}
    names, kept, said = validated(everything)
    assert kept["validated_on_learnt"] == len(names)
    assert f"trained with {len(names)} of the images to validate on" in said


def test_test_images_that_are_rehearsed_are_said(work, capsys):
    write_image_set(work / "first", ["Carex", "Rosa"], groups=["a", "b"])
    image = (work / "test/images/w000.png").read_bytes()
    (work / "first/images/w001.png").write_bytes(image)
    shutil.copy(work / "test/images/w001.png", work / "train/images/w000.png")  # another, of which the other line tells
    settings = write_settings(work, project="METADATA_GROUP_COLUMN = writer")
    settings.write_text(settings.read_text().replace("[transfer]", "[transfer]\nBASE_SET_NAME = first"))
    for name in ("train", "test"):
        table = work / name / "words_metadata.csv"
        header, *rows = table.read_text().splitlines()
        lines = [f"{header},writer", *(f"{row},{name if i else 'both'}{i}" for i, row in enumerate(rows))]
        table.write_text("\n".join(lines) + "\n")
    config = load_config(settings, "transfer")
    _, data = transfer_set_for(config, config.train.image_set, small_recognizer(), work / "cache")
    assert f"both in {work / 'first'} and in {work / 'test'}, the [test] set: 1 image." in capsys.readouterr().out
    assert {"a", "b"} <= set(data.record["groups"])
