import codecs

import numpy as np
import pytest
from conftest import WORDS, names, rows, small_recognizer, write_image_set, write_settings
from PIL import Image

from test_set_predictions import task as predicting
from utilities import decoders, model_files, prediction
from utilities.comparison import read_predictions, words_judged
from utilities.config import load_config
from utilities.decoded_image import decode, digest_of_file
from utilities.image_set import read_image_set
from utilities.metadata import Columns, ImageSetError
from utilities.model import HEAD
from utilities.prediction import predict_to_files
from utilities.prediction_summary import results_table
from utilities.reader import Reader
from utilities.rows import LISTED
from utilities.safe_files import BarredError
from utilities.saved_model import save_recognizer

COLUMNS = Columns("words_metadata.csv", "image_location", "transcription", None)
LABELS = ["Carex", " Rosa ", "Acer alba", "NA", "Öl", "Poa"]


@pytest.fixture(scope="module")
def reader():
    return Reader(small_recognizer())


def read_set(folder):
    return read_image_set(folder, COLUMNS, "png", for_prediction=True)


def test_rows_stay_in_order_across_chunks_and_each_model_has_its_file(reader, tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "CHUNK", 2)
    write_image_set(tmp_path / "set", LABELS)
    paths = {tmp_path / "a.csv": reader, tmp_path / "b.csv": Reader(small_recognizer(height=48))}
    predict_to_files(paths, read_set(tmp_path / "set"))
    for path in paths:
        assert [row["image"] for row in rows(path)] == [f"images/w{i:03d}.png" for i in range(len(LABELS))]
        assert [row["label"].strip() for row in rows(path)] == [label.strip() for label in LABELS]


def test_images_are_decoded_once_for_models_that_share_preprocessing(reader, tmp_path, monkeypatch):
    decoded = []
    real = decoders.decode
    monkeypatch.setattr(decoders, "decode", lambda path, how: decoded.append(path) or real(path, how))
    write_image_set(tmp_path / "set", LABELS)
    predict_to_files(
        {tmp_path / "a.csv": reader, tmp_path / "b.csv": Reader(small_recognizer())}, read_set(tmp_path / "set")
    )
    assert len(decoded) == len(LABELS)


def test_an_image_that_cannot_be_read_keeps_its_row(reader, tmp_path):
    folder = write_image_set(tmp_path / "set", LABELS)
    (folder / "images/w001.png").write_bytes(b"no picture")
    (folder / "images/w002.png").unlink()
    summaries = predict_to_files({tmp_path / "a.csv": reader}, read_set(folder))
    table = rows(tmp_path / "a.csv")
    assert len(table) == len(LABELS)
    assert "unreadable" in table[1]["problem"] and "missing" in table[2]["problem"]
    assert "2 of 6 images could not be read" in results_table(summaries)


def test_what_is_wrong_with_a_row_is_said_beside_its_reading(reader, tmp_path):
    folder = write_image_set(tmp_path / "set", LABELS)
    table = folder / "words_metadata.csv"
    table.write_text(table.read_text(encoding="utf-8") + "images/w000.png,Poa\n", encoding="utf-8")
    predict_to_files({tmp_path / "a-predictions.csv": reader}, read_set(folder))
    table = rows(tmp_path / "a-predictions.csv")
    assert [row["problem"] for row in table].count("two different labels for one image (Carex / Poa)") == 2
    assert table[0]["prediction"] == table[-1]["prediction"] and table[0]["confidence"]
    assert len(words_judged(read_predictions(tmp_path / "a-predictions.csv"))) == len(LABELS) + 1


def test_a_row_that_says_again_what_another_says_counts_once_whatever_it_calls_the_image(reader, tmp_path):
    folder = write_image_set(tmp_path / "set", LABELS)
    table = folder / "words_metadata.csv"
    table.write_text(table.read_text(encoding="utf-8") + "w000,Carex\n", encoding="utf-8")
    (summary,) = predict_to_files({tmp_path / "a-predictions.csv": reader}, read_set(folder)).values()
    assert (summary.rows, summary.labelled) == (len(LABELS) + 1, len(LABELS))
    assert rows(tmp_path / "a-predictions.csv")[-1]["problem"].startswith(
        "repeated row (says of the same image what row 2"
    )
    assert len(words_judged(read_predictions(tmp_path / "a-predictions.csv"))) == len(LABELS)


def test_labels_that_cannot_be_right_are_said_beside_their_readings(reader, tmp_path):
    folder = write_image_set(tmp_path / "set", ["Carex", "two\nlines", "Poa annua", "i" * 300])
    predict_to_files({tmp_path / "a.csv": reader}, read_set(folder), max_label_length=299)
    found = [row["problem"] for row in rows(tmp_path / "a.csv")]
    assert found[0] == found[2] == ""
    assert found[1].startswith("label of several lines ('two\\nlines'")
    assert found[3] == "label too long (300 characters, MAX_LABEL_LENGTH = 299)"
    predict_to_files({tmp_path / "a.csv": reader}, read_set(folder))
    last = rows(tmp_path / "a.csv")[3]
    assert last["problem"].startswith("label too long for its image") and last["confidence"]


def test_a_copy_of_an_image_that_is_said_to_show_something_else_is_a_problem(reader, tmp_path):
    folder = write_image_set(tmp_path / "set", LABELS)
    (folder / "images/w005.png").write_bytes((folder / "images/w000.png").read_bytes())
    predict_to_files({tmp_path / "a.csv": reader}, read_set(folder))
    found = [row["problem"] for row in rows(tmp_path / "a.csv")]
    assert found[:-1] == [""] * 5
    assert found[-1] == (
        "two different labels for one image (row 2, images/w000.png, with the same picture: Carex / Poa)"
    )


def test_predictions_of_before_are_not_replaced_where_no_image_can_be_read(reader, tmp_path):
    folder = write_image_set(tmp_path / "set", LABELS[:2])
    predict_to_files({tmp_path / "a.csv": reader}, read_set(folder))
    before = (tmp_path / "a.csv").read_bytes()
    for image in (folder / "images").iterdir():
        image.write_bytes(b"no picture")
    with pytest.raises(ImageSetError, match=r"None of 2 images.*can be read:\n  row 2: images/w000.png: image unread"):
        predict_to_files({tmp_path / "a.csv": reader}, read_set(folder))
    assert (tmp_path / "a.csv").read_bytes() == before
    for number in range(LISTED + 3):
        (folder / f"images/more{number}.png").touch()
    (folder / "words_metadata.csv").unlink()
    with pytest.raises(ImageSetError, match="and 5 more like these"):
        predict_to_files({tmp_path / "a.csv": reader}, read_set(folder))


def test_an_image_that_cannot_be_read_says_so_beside_what_else_is_wrong_with_its_row(reader, tmp_path):
    folder = write_image_set(tmp_path / "set", LABELS)
    table = folder / "words_metadata.csv"
    table.write_text(table.read_text(encoding="utf-8") + "images/w001.png,Poa\n", encoding="utf-8")
    (folder / "images/w001.png").write_bytes(b"no picture")
    predict_to_files({tmp_path / "a.csv": reader}, read_set(folder))
    problem = rows(tmp_path / "a.csv")[1]["problem"]
    assert problem.startswith("image unreadable (is not a picture") and "; two different labels" in problem


def test_transcriptions_of_which_no_image_can_be_read_are_told_from_none(reader, tmp_path):
    folder = write_image_set(tmp_path / "set", ["Poa", "Rosa"])
    table = folder / "words_metadata.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("Rosa", ""), encoding="utf-8")
    (folder / "images/w000.png").write_bytes(b"no picture")
    said = results_table(predict_to_files({tmp_path / "a.csv": reader}, read_set(folder)))
    assert "no image with a transcription could be read" in said and "no transcriptions" not in said


def test_what_the_curator_must_know_is_said(tmp_path):
    folder = write_image_set(tmp_path / "set", LABELS, groups=["a", "a", "b", "b", "c", "c"])
    grouped = read_image_set(
        folder, Columns("words_metadata.csv", "image_location", "transcription", "writer"), "png", True
    )
    said = results_table(predict_to_files({tmp_path / "m-predictions.csv": trained_with("writer", "b")}, grouped))
    assert "'Ö' 1 time." in said
    assert "2 of these images" in said  # of writer b, with whose hand the base model was trained
    assert str(tmp_path / "m-predictions.csv") in said
    said = results_table(predict_to_files({tmp_path / "page.csv": trained_with("page", "b")}, grouped))
    assert "of these images" not in said  # a page b of another collection is no writer b


def trained_with(column: str, group: str) -> Reader:
    """A reader of a model transferred from one that was trained with a group of so named a column."""
    base = {"data": {"groups": [group], "image_digests": [], "split": {"group_column": column}}}
    return Reader(small_recognizer(record={"data": {"groups": [], "image_digests": []}, "base": base}))


def test_images_learnt_without_their_transcriptions_are_said_and_judged_by_all_the_same(tmp_path):
    folder = write_image_set(tmp_path / "set", LABELS)
    digests = [digest_of_file(folder / f"images/w{n:03d}.png") for n in range(2)]
    reader = Reader(small_recognizer(record={"data": {"untranscribed_digests": digests}}))
    summaries = predict_to_files({tmp_path / "a-predictions.csv": reader}, read_set(folder))
    assert "a: It has learnt from 2 of these images without their transcriptions" in results_table(summaries)
    assert summaries[tmp_path / "a-predictions.csv"].seen_in_training == set()


def test_an_ensemble_reads_what_only_some_of_its_models_find_writing_on(tmp_path):
    folder = write_image_set(tmp_path / "set", LABELS)
    Image.new("L", (60, 30), 200).save(folder / "images/w002.png")  # blank
    stretching = small_recognizer(resize="stretch")  # as of the original workflow, which looks for no writing
    readers = {tmp_path / "a.csv": Reader(small_recognizer()), tmp_path / "b.csv": Reader(stretching)}
    for given in (readers, dict(reversed(readers.items()))):
        predict_to_files(given, read_set(folder), tmp_path / "both.csv")
        assert [bool(row["confidence"]) for row in rows(tmp_path / "a.csv")] == [True, True, False, True, True, True]
        assert all(row["confidence"] for name in ("b", "both") for row in rows(tmp_path / f"{name}.csv"))


def test_a_failure_leaves_no_half_file(reader, tmp_path, monkeypatch):
    write_image_set(tmp_path / "set", LABELS)
    monkeypatch.setattr(prediction, "CHUNK", 2)
    calls = []

    def breaks(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("power cut")
        return real(*arguments)

    real = prediction._read_chunk
    monkeypatch.setattr(prediction, "_read_chunk", breaks)
    with pytest.raises(RuntimeError):
        predict_to_files({tmp_path / "out" / "a.csv": reader}, read_set(tmp_path / "set"))
    assert list((tmp_path / "out").iterdir()) == []


def test_details_are_written_on_request_and_change_nothing_else(reader, tmp_path):
    folder = write_image_set(tmp_path / "set", LABELS)
    (folder / "images/w001.png").unlink()
    detailed = Reader(small_recognizer(), with_details=True)
    predict_to_files({tmp_path / "plain.csv": reader, tmp_path / "detailed.csv": detailed}, read_set(folder))
    plain, table = rows(tmp_path / "plain.csv"), rows(tmp_path / "detailed.csv")
    assert set(table[0]) - set(plain[0]) == {"character_confidences", "runner_up", "runner_up_confidence"}
    assert [len(row["character_confidences"].split()) for row in table] == [len(row["prediction"]) for row in table]
    assert table[1]["problem"] and table[1]["character_confidences"] == ""
    read = [row for row in table if row["confidence"]]
    found = detailed.read(decode(folder / row["image"], detailed.spec.preprocessing).content for row in read)
    others = [
        (d.runner_up or "", f"{d.runner_up_confidence:.4f}" if d.runner_up else "") for d in (r.details for r in found)
    ]
    assert [(row["runner_up"], row["runner_up_confidence"]) for row in read] == others
    assert read_predictions(tmp_path / "detailed.csv")["confidence"].between(0, 1).sum() == len(LABELS) - 1


def test_an_ensemble_has_its_own_table_and_changes_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "CHUNK", 4)  # chunks of two: an ensemble keeps what both members saw
    folder = write_image_set(tmp_path / "set", LABELS)
    (folder / "images/w001.png").write_bytes(b"no picture")
    members = [small_recognizer(), small_recognizer(height=48)]
    for recognizer, sure in zip(members, (2.0, 3.0), strict=True):  # always a C, by the first less surely
        head = recognizer.full_model.get_layer(HEAD)
        kernel, bias = head.get_weights()
        bias[recognizer.spec.alphabet.encode("C")] = 5.0 + sure
        head.set_weights([np.zeros_like(kernel), bias])
    readers = {tmp_path / f"{name}.csv": Reader(member) for name, member in zip("ab", members, strict=True)}
    predict_to_files(readers, read_set(folder))
    alone = [path.read_text() for path in readers]
    summaries = predict_to_files(readers, read_set(folder), tmp_path / "both.csv")
    assert [path.read_text() for path in readers] == alone
    assert list(summaries) == [*readers, tmp_path / "both.csv"]
    table = rows(tmp_path / "both.csv")
    assert [row["image"] for row in table] == [row["image"] for row in rows(tmp_path / "a.csv")]
    assert [bool(row["problem"]) for row in table] == [False, True, False, False, False, False]
    assert {row["prediction"] for row in table} == {"C", ""}
    first, second, both = (float(rows(tmp_path / f"{name}.csv")[0]["confidence"]) for name in ("a", "b", "both"))
    assert 0.1 < first < both < second
    assert summaries[tmp_path / "both.csv"].unread == 1


def test_each_row_names_its_group_read_or_not(reader, tmp_path):
    folder = write_image_set(tmp_path / "set", LABELS, groups=list("aabbcc"))
    (folder / "images/w001.png").unlink()
    columns = Columns("words_metadata.csv", "image_location", "transcription", "writer")
    predict_to_files({tmp_path / "a.csv": reader}, read_image_set(folder, columns, "png", for_prediction=True))
    assert [row["group"] for row in rows(tmp_path / "a.csv")] == list("aabbcc")


def test_the_stage_promises_nothing_by_words_that_the_model_was_trained_with(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_image_set(tmp_path / "test", WORDS[:6])
    digests = [digest_of_file(tmp_path / f"test/images/w{n:03d}.png") for n in range(2)]
    data = {"image_digests": digests, "split": {"group_column": None}}
    known = small_recognizer(record={"data": data})
    save_recognizer(tmp_path / "known.h5", known.spec, known.full_model, known.record)
    settings = write_settings(tmp_path)
    predicting.run(load_config(settings, "predict"), [tmp_path / "known.h5"], False, False, False)
    said = capsys.readouterr().out
    assert "known: it was trained with 2 of these images" in said and "from 4 transcribed words" in said
    assert names(tmp_path / "test_set_predictions") == ["predictions", "review"]


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """Runs the stage on two words with a fresh model m, with more settings of [project]."""
    monkeypatch.chdir(tmp_path)
    fresh = small_recognizer()
    save_recognizer(tmp_path / "m.h5", fresh.spec, fresh.full_model, {})
    write_image_set(tmp_path / "test", ["Poa", "Carex"])

    def run(project=""):
        config = load_config(write_settings(tmp_path, project=project), "predict")
        predicting.run(config, [tmp_path / "m.h5"], False, False, False)
        return rows(tmp_path / "test_set_predictions/predictions/m-predictions.csv")

    return run


def test_the_stage_says_which_labels_are_longer_than_the_settings_allow(stage):
    assert [row["problem"][:30] for row in stage("MAX_LABEL_LENGTH = 4")] == ["", "label too long (5 characters, "]


def test_a_list_for_review_is_separated_as_the_table_of_the_images_or_else_of_those_to_train_on(stage, tmp_path):
    def header():
        stage()
        listed = tmp_path / "test_set_predictions/review/m-review.csv"
        return listed.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()[0].decode()

    table = tmp_path / "test/words_metadata.csv"
    with_commas = table.read_text()
    table.write_text(with_commas.replace(",", ";"))
    assert ";" in header() and "," not in header()
    write_image_set(tmp_path / "train", ["Poa"])
    table.rename(tmp_path / "train/words_metadata.csv")
    assert ";" in header() and "," not in header()  # nobody has transcribed the images
    table.write_text(with_commas)
    assert "," in header() and ";" not in header()


def test_a_place_where_nothing_can_be_written_is_noticed_before_anything_is_read(stage, tmp_path, monkeypatch):
    (tmp_path / "test_set_predictions").touch()
    monkeypatch.setattr(predicting, "start_framework", lambda seed: pytest.fail("it began to work"))
    with pytest.raises(BarredError, match=f"{model_files.PREDICTIONS.name} cannot be written"):
        stage()
