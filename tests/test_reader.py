from itertools import pairwise

import numpy as np
import pytest
from conftest import draw, small_recognizer

from utilities import reader as reading
from utilities.images import prepare
from utilities.language_reading import texts_of
from utilities.model import HEAD
from utilities.reader import Reader, reader_for

WORDS = ["Carex", "Rosa", "Acer alba", "Poa"]


@pytest.fixture(scope="module")
def reader():
    return Reader(small_recognizer())


def test_an_image_reads_the_same_whatever_is_beside_it(reader):
    contents = [prepare(np.asarray(draw(t, seed=i)), reader.spec.preprocessing) for i, t in enumerate(WORDS)]
    together = reader.read(contents)
    alone = [reader.read([content])[0] for content in contents]
    backwards = reader.read(contents[::-1])[::-1]
    for a, b, c in zip(together, alone, backwards, strict=True):
        assert a.text == b.text == c.text
        assert a.confidence == pytest.approx(b.confidence, abs=1e-5)


def test_images_are_read_on_the_narrowest_of_many_canvases(reader, monkeypatch):
    shapes, real = [], reader.model.predict_on_batch
    monkeypatch.setattr(reader.model, "predict_on_batch", lambda images: shapes.append(images.shape) or real(images))
    reader.read([np.zeros((32, width), np.uint8) for width in (20, 33, 64, 65)])
    assert [(shape[0], shape[1]) for shape in shapes] == [(1, 32), (2, 64), (1, 96)]


def test_a_batch_is_read_as_soon_as_it_is_full(reader, monkeypatch):
    monkeypatch.setattr(reading, "BATCH_SIZE", 2)
    content = prepare(np.asarray(draw("Carex")), reader.spec.preprocessing)
    batches, seen = [], []
    real = reader.model.predict_on_batch
    monkeypatch.setattr(reader.model, "predict_on_batch", lambda images: batches.append(len(images)) or real(images))

    def coming():
        for _ in range(5):
            seen.append(list(batches))
            yield content

    assert len(reader.read(coming())) == 5
    assert seen == [[], [], [2], [2], [2, 2]]  # batches that were read when each image was asked for
    assert batches == [2, 2, 1]


def test_a_reader_keeps_to_its_weights_unless_the_model_is_still_training():
    training = small_recognizer()
    kept, live = Reader(training), Reader(training, still_training=True)
    content = np.full((32, 64), 200, np.uint8)
    before = kept.read([content])[0].confidence
    head = training.full_model.get_layer(HEAD)
    head.set_weights([np.zeros_like(w) for w in head.get_weights()])
    assert kept.read([content])[0].confidence == before
    assert live.read([content])[0].confidence != before


def test_a_reader_leans_towards_what_its_model_was_trained_with_and_a_lexicon():
    words = {"data": {"texts": {"Rosa": 50}}, "language_calibration": {"temperature": 2.0}}
    trained, fresh = small_recognizer(record=words), small_recognizer()
    assert reader_for(fresh).language is None and reader_for(trained, weight=0).language is None
    assert reader_for(trained).language and reader_for(fresh, lexicon={"Rosa": 1}).language
    head = trained.full_model.get_layer(HEAD)
    kernel, bias = head.get_weights()
    bias[[0, *trained.spec.alphabet.encode("Rosa")]] = 2.1, 2.0, 2.0, 2.0, 2.0  # it always sees any of these
    head.set_weights([np.zeros_like(kernel), bias])
    content = np.full((32, 64), 200, np.uint8)
    (shown,), (leaning,) = (reader_for(trained, True, weight).read([content]) for weight in (0, 1.0))
    assert (shown.text, leaning.text) == ("", "Rosa")
    assert len(leaning.details.characters) == 4


def test_of_several_views_the_text_is_read_that_is_likeliest_in_the_mean():
    words = {"data": {"texts": {"Rosa": 1}}}
    recognizer = small_recognizer(record=words)
    contents = [prepare(np.asarray(draw(t, seed=i)), recognizer.spec.preprocessing) for i, t in enumerate(WORDS)]
    for weight in (0, None):
        one, several = (reader_for(recognizer, True, weight, several_views=several) for several in (False, True))
        shapes, real = [], several.model.predict_on_batch
        several.model.predict_on_batch = lambda images, real=real, shapes=shapes: shapes.append(images) or real(images)
        readings = several.read(contents)
        assert sum(map(len, shapes)) == len(several.views) * len(WORDS) > len(WORDS)
        alone = [several.read([content])[0] for content in contents[::-1]][::-1]
        for a, b, plain in zip(readings, alone, one.read(contents), strict=True):
            assert (a.text, a.details.runner_up) == (b.text, b.details.runner_up)
            assert a.confidence == pytest.approx(b.confidence, abs=1e-5)
            assert a.confidence != plain.confidence
            assert len(a.details.characters) == len(a.text)
        texts = texts_of(several.beams(contents), several.alphabet, several.beam_temperature)
        assert [t[0] for t in texts] == [(r.text, pytest.approx(r.confidence, abs=1e-5)) for r in readings]
        assert all(sum(p for _, p in t) <= 1.001 for t in texts)
        assert all(first >= second for t in texts for (_, first), (_, second) in pairwise(t))


@pytest.mark.parametrize(("weight", "name"), [(0, "calibration"), (None, "language_calibration")])
@pytest.mark.parametrize("several_views", [False, True])
def test_confidences_are_brought_down_by_the_temperature_in_the_models_record(weight, name, several_views):
    recognizer = small_recognizer(record={"data": {"texts": {"Rosa": 1}}})
    head = recognizer.full_model.get_layer(HEAD)
    kernel, bias = head.get_weights()
    bias[recognizer.spec.alphabet.encode("R")] = 6.0
    head.set_weights([np.zeros_like(kernel), bias])
    content, found = np.full((32, 64), 200, np.uint8), {}
    for known in ("", "calibration", "language_calibration"):
        recognizer.record.pop("calibration", None), recognizer.record.pop("language_calibration", None)
        recognizer.record.update({known: {"temperature": 3.0}} if known else {})
        (reading,) = reader_for(recognizer, False, weight, several_views=several_views).read([content])
        found[known] = reading.confidence
    other = ({"calibration", "language_calibration"} - {name}).pop()
    assert found[other] == found[""] and found[name] < 0.9 * found[""]


def test_a_language_that_weighs_more_makes_no_surer():
    record = {"data": {"texts": {"Rosa": 1}}, "language_calibration": {"temperature": 1.5}}
    weights = (None, 0.1, 0.3, 0.6, 2)
    temperatures = [reader_for(small_recognizer(record=record), weight=w).beam_temperature for w in weights]
    assert temperatures == pytest.approx([1.5, 1.5, 1.5, 3, 10])


def test_long_lines_and_many_characters_are_read_a_few_at_a_time_alike(monkeypatch):
    recognizer = small_recognizer()
    contents = [np.asarray(draw("Carex " * n, 32)).repeat(2, axis=1)[:32, : 40 * n] for n in range(1, 6)]
    whole, few = Reader(recognizer), Reader(recognizer)
    assert whole.batch_size(64) == 128
    found = whole.read(contents)
    monkeypatch.setattr(reading, "MOST_PIXELS", 32 * 128)
    assert (few.batch_size(64), few.batch_size(128), few.batch_size(256)) == (2, 1, 1)
    again = few.read(contents)
    assert [r.text for r in again] == [r.text for r in found]
    assert np.allclose([r.confidence for r in again], [r.confidence for r in found], atol=1e-4)
    monkeypatch.setattr(reading, "MOST_LOGITS", 1)
    assert few.batch_size(64) == 1
