import csv
import io
import re
from dataclasses import replace

import keras
import numpy as np
import pytest
from conftest import draw

from utilities import budget, pretraining, splicing, training
from utilities.alphabet import Alphabet
from utilities.batches import Word, WordBatches
from utilities.config import load_config
from utilities.decoding import read
from utilities.full_model import build_full_model, prediction_model_of
from utilities.history import HISTORY_COLUMNS, best_of, history_csv
from utilities.hyperparameters import resolve
from utilities.images import Preprocessing, canvas_width, prepare, to_canvases
from utilities.model import HEAD, FrameCounter, RecognizerSpec, frame_counter
from utilities.plan import Plan, fine_tuning_plan, head_plan, transfer_batch_size
from utilities.resume import ResumeError, ResumePoint
from utilities.training import TrainingError, train

HOW = Preprocessing(32, 256)
SMALL = {"num_units_dense": 32, "num_units_lstm1": 32, "num_units_lstm2": 32, "dropout": 0.0}
TEXTS = ["Carex", "Rosa", "Acer alba", "Poa"]


def spec(architecture="compact", texts=TEXTS):
    return RecognizerSpec(architecture, Alphabet.from_labels(texts), HOW, resolve(architecture, SMALL))


def batches(s, texts=TEXTS, repeat=2, seed=1):
    frames = frame_counter(s.architecture, HOW.height, s.hyperparameters)
    contents = [prepare(np.asarray(draw(t, seed=i)), HOW) for i, t in enumerate(texts * repeat)]
    words = [Word(c, s.alphabet.encode(t)) for c, t in zip(contents, texts * repeat, strict=True)]
    return WordBatches(words, HOW, frames, 4, seed), WordBatches(words[: len(texts)], HOW, frames, 4)


def plan(**changes):
    return Plan(**({"epochs": 2, "learning_rate": 1e-3, "seed": 1, "early_stopping": True, "patience": 5} | changes))


def test_one_word_is_learnt_by_heart():
    s = spec(texts=["Quercus"])
    model = build_full_model(s)
    network = prediction_model_of(model)
    frames = FrameCounter(network)
    content = prepare(np.asarray(draw("Quercus")), HOW)
    word = [Word(content, s.alphabet.encode("Quercus"))]
    undistorted = WordBatches(word, HOW, frames, 1)
    progress = train(
        model, network, (undistorted, undistorted), s.alphabet, plan(epochs=150, learning_rate=5e-3, patience=150)
    )
    logits = network.predict_on_batch(to_canvases([content], canvas_width(content.shape[1], HOW)))
    (reading,) = read(logits, np.array([frames(content.shape[1])]), s.alphabet)
    assert reading.text == "Quercus"
    assert reading.confidence > 0.9
    assert progress.best["val_cer"] == 0


def run(s, chosen, resume=None, stop_after=None):
    keras.utils.set_random_seed(1)
    model = build_full_model(s)

    def after_epoch(history):
        if stop_after and len(history) == stop_after:
            raise KeyboardInterrupt

    progress = train(model, prediction_model_of(model), batches(s), s.alphabet, chosen, resume, after_epoch)
    return progress, model.get_weights()


@pytest.fixture(scope="module")
def unbroken():
    """Progress and weights of four epochs at once."""
    return run(spec(), plan(epochs=4))


def assert_same(one, other):
    for a, b in zip(one[0].history, other[0].history, strict=True):
        assert a["epoch"] == b["epoch"]
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-3)
        assert a["val_loss"] == pytest.approx(b["val_loss"], rel=1e-3)
        assert a["learning_rate"] == pytest.approx(b["learning_rate"])
    assert all(np.allclose(a, b, atol=1e-3) for a, b in zip(one[1], other[1], strict=True))


def test_an_interrupted_run_resumes_to_the_same_result(tmp_path, unbroken):
    point = ResumePoint(tmp_path / ".run.npz", {"x": 1})
    with pytest.raises(KeyboardInterrupt):
        run(spec(), plan(epochs=4), point, stop_after=3)  # killed in epoch 3, before its state was kept
    assert len(point.read().progress["history"]) == 2
    assert_same(run(spec(), plan(epochs=4), point), unbroken)


def test_a_run_that_begins_with_synthetic_words_resumes_to_the_same_result(tmp_path, monkeypatch):
    monkeypatch.setattr(pretraining, "LEAST_EPOCHS", 2)  # so that six epochs are many
    chosen, point = plan(epochs=6, synthetic_words=30), ResumePoint(tmp_path / ".run.npz", {"x": 1})
    with pytest.raises(KeyboardInterrupt):
        run(spec(), chosen, point, stop_after=3)
    resumed, unbroken = run(spec(), chosen, point), run(spec(), chosen)
    assert_same(resumed, unbroken)
    assert resumed[0].synthetic == 18  # for 8 words: those of two epochs, and a sixth of the next


def test_a_run_that_splices_words_says_so_and_resumes_to_the_same_result(tmp_path, monkeypatch, capsys, unbroken):
    monkeypatch.setattr(splicing, "OFTEN", (0, 1))  # so that four epochs are many
    monkeypatch.setattr(splicing, "LEAST_SURE", -np.inf)  # a model of one epoch knows little
    point = ResumePoint(tmp_path / ".run.npz", {"x": 1})
    with pytest.raises(KeyboardInterrupt):
        run(spec(), plan(epochs=4), point, stop_after=3)
    assert all(point.read().progress["cuts"])
    said = capsys.readouterr().out
    assert said.count("up to 50 % of the words are put together from parts of two") == 1
    spliced = run(spec(), plan(epochs=4))
    assert_same(run(spec(), plan(epochs=4), point), spliced)
    losses = [[row["loss"] for row in progress.history] for progress, _ in (spliced, unbroken)]
    assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-3)  # the first epoch is of whole words
    assert losses[0][1] != pytest.approx(losses[1][1], rel=1e-3)


def test_a_kept_state_belongs_to_its_settings_and_is_not_lost_by_accident(tmp_path):
    path = tmp_path / ".run.npz"
    with pytest.raises(KeyboardInterrupt):
        run(spec(), plan(), ResumePoint(path, {"seed": 1}), stop_after=2)
    with pytest.raises(ResumeError, match="seed: was 1, now 2"):
        ResumePoint(path, {"seed": 2}).read()
    with pytest.raises(ResumeError, match="optimizer: was nothing, now Muon"):  # kept by an earlier version
        ResumePoint(path, {"seed": 1, "optimizer": "Muon"}).read()
    with pytest.raises(ResumeError, match=r"--resume.*--overwrite"):
        ResumePoint.open(path, {"seed": 1}, resume=False, overwrite=False)
    assert path.exists()
    ResumePoint.open(path, {"seed": 1}, resume=False, overwrite=True)
    assert not path.exists()
    whole = (tmp_path / "whole.npz").open("wb")
    np.savez(whole, note=np.array("{}"))
    whole.close()
    data = (tmp_path / "whole.npz").read_bytes()
    entry = data.index(b"PK\x01\x02")
    encrypted, packed = (data[: entry + at] + b"\x63" + data[entry + at + 1 :] for at in (8, 10))
    for damaged in (b"damaged", b"", data[:-20], encrypted, packed):
        path.write_bytes(damaged)
        with pytest.raises(ResumeError, match="damaged"):
            ResumePoint(path, {}).read()


def test_nothing_to_resume_is_said(tmp_path, capsys):
    ResumePoint.open(tmp_path / ".run.npz", {}, resume=True, overwrite=False)
    assert "starting afresh" in capsys.readouterr().out


def test_early_stopping_keeps_the_best_weights_and_its_absence_the_last():
    s = spec()
    stopped, _ = run(s, plan(epochs=30, patience=2, learning_rate=0.5))  # a rate that ruins the model
    assert len(stopped.history) == stopped.best_epoch + 2 < 30
    kept, _ = run(s, plan(epochs=3, patience=1, learning_rate=0.5, early_stopping=False))
    assert len(kept.history) == kept.best_epoch == 3


def test_an_epoch_of_stray_letters_is_not_the_best_while_nothing_is_learnt():
    cers, losses = (0.97, 1.0, 1.0, 0.95, 0.4, 0.4), (123.0, 60.0, 30.0, 40.0, 9.0, 8.0)
    history = [{"epoch": n, "val_cer": c, "val_loss": v} for n, (c, v) in enumerate(zip(cers, losses, strict=True))]
    assert [best_of(history[: n + 1])["epoch"] for n in range(6)] == [0, 1, 2, 2, 4, 5]


def test_best_weights_are_those_of_the_best_epoch():
    s = spec()
    model = build_full_model(s)
    seen = []
    progress = train(
        model,
        prediction_model_of(model),
        batches(s),
        s.alphabet,
        plan(epochs=5, learning_rate=0.1),
        None,
        lambda _: seen.append(model.get_weights()),
    )
    best = seen[progress.best_epoch - 1]
    assert all(np.array_equal(a, b) for a, b in zip(best, model.get_weights(), strict=True))


def test_a_loss_that_is_no_number_stops_with_advice():
    s = spec()
    model = build_full_model(s)
    head = model.get_layer(HEAD)
    head.set_weights([w * np.nan for w in head.get_weights()])
    with pytest.raises(TrainingError, match="LEARNING_RATE"):
        train(model, prediction_model_of(model), batches(s), s.alphabet, plan())


def test_minutes_limit_the_epochs_and_leave_the_start_untouched(capsys, unbroken):
    s = spec()
    model = build_full_model(s)
    limited = train(model, prediction_model_of(model), batches(s), s.alphabet, plan(epochs=3, max_minutes=0.0001))
    assert limited.epochs_planned == len(limited.history) == 1
    assert "1 epoch" in capsys.readouterr().out
    assert_same(run(spec(), plan(epochs=4, max_minutes=3)), unbroken)  # also: the same seed gives the same model
    assert re.search(r"an epoch: 4 epochs in about \d+ s, less than MAX_MINUTES\.", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("minutes", "epochs", "an_epoch", "said"),
    [
        (60, 75, 47, "About 47 s an epoch: 75 epochs in 60 min (MAX_MINUTES)."),
        (60, 250, 2, "About 2 s an epoch: 250 epochs in about 8 min, less than MAX_MINUTES."),  # all that are asked for
        (1, 250, 0.1, "Less than 1 s an epoch: 250 epochs in about 25 s, less than MAX_MINUTES."),
        (1, 1, 120, "About 120 s an epoch: 1 epoch in about 2 min, more than MAX_MINUTES."),  # one there must be
    ],
)
def test_how_long_a_training_takes_is_said_as_it_will_be(minutes, epochs, an_epoch, said):
    assert training._what_fits(plan(epochs=250, max_minutes=minutes), epochs, an_epoch) == said


def test_a_batch_too_large_for_the_gpu_is_taken_in_parts_and_a_resumed_run_keeps_to_them(tmp_path, monkeypatch, capsys):
    class ResourceExhaustedError(Exception):
        pass

    def short_of_memory(model, x, **kwargs):
        if len(x["image"]) > 2:
            raise ResourceExhaustedError
        return whole_step(model, x, **kwargs)

    whole_step = keras.Model.train_on_batch
    monkeypatch.setattr(keras.Model, "train_on_batch", short_of_memory)
    monkeypatch.setattr(budget, "framework_gpus", lambda: ["gpu:0"])
    progress, weights = run(spec(), plan(epochs=4))
    assert progress.parts == 2
    assert "batch of 4 images does not fit" in capsys.readouterr().out
    point = ResumePoint(tmp_path / ".run.npz", {"x": 1})
    with pytest.raises(KeyboardInterrupt):
        run(spec(), plan(epochs=4), point, stop_after=3)
    monkeypatch.setattr(budget, "framework_gpus", lambda: [])
    resumed = run(spec(), plan(epochs=4), point)
    assert resumed[0].parts == 2
    assert_same(resumed, (progress, weights))


def test_a_step_that_failed_half_way_leaves_no_trace_in_the_next_one(monkeypatch):
    def breaks_down_in_an_lstm(model, x, **kwargs):
        images = len(x["image"])
        both = [layer for layer in model.layers if isinstance(layer, keras.layers.Bidirectional)]
        cells = [lstm.cell for layer in both for lstm in (layer.forward_layer, layer.backward_layer)]
        for cell in cells:
            assert len(cell.get_dropout_mask(np.ones((images, 3), np.float32))) == images  # kept from here on
        if images > 2:
            raise MemoryError
        for cell in cells:
            cell.reset_dropout_mask()
        return whole_step(model, x, **kwargs)

    whole_step = keras.Model.train_on_batch
    monkeypatch.setattr(keras.Model, "train_on_batch", breaks_down_in_an_lstm)
    monkeypatch.setattr(budget, "framework_gpus", lambda: ["gpu:0"])
    s = spec()
    s = replace(s, hyperparameters=replace(s.hyperparameters, dropout=0.2))
    assert run(s, plan(epochs=1))[0].parts == 2  # PyTorch kept masks for four images, and the run ended


def test_a_transfer_takes_the_batch_size_of_the_settings_else_of_the_base_model(workspace):
    base, settings = resolve("compact", {"batch_size": 5}), workspace / "setup.cfg"
    assert transfer_batch_size(load_config(settings, "transfer").train, base) == 8
    settings.write_text(settings.read_text().replace("BATCH_SIZE = 8\n", ""))
    assert transfer_batch_size(load_config(settings, "transfer").train, base) == 5


@pytest.mark.parametrize(
    ("allowed", "head", "seconds_taken", "left"),
    [(10, 1, 24, 9.6), (10, 1, 0, 10), (10, 1, 3600, 9), (None, None, 24, None)],
)
def test_fine_tuning_gets_the_minutes_that_the_head_leaves(workspace, allowed, head, seconds_taken, left):
    config = load_config(workspace / "setup.cfg", "transfer")
    transfer = replace(config.transfer, max_minutes=allowed)
    assert head_plan(config.train, transfer).max_minutes == head
    assert fine_tuning_plan(config.train, transfer, seconds_taken).max_minutes == left


def test_history_is_a_csv_of_the_documented_columns():
    row = dict(zip(HISTORY_COLUMNS, (1, 2.5, 3.5, 0.123456, 0.001, 12.0), strict=True))
    (read_back,) = csv.DictReader(io.StringIO(history_csv([row])))
    assert tuple(read_back) == ("epoch", "loss", "val_loss", "val_cer", "learning_rate", "seconds")
    assert float(read_back["val_cer"]) == 0.123456


def test_rate_distortions_and_figures_are_of_the_epochs_and_the_words_that_a_run_has(monkeypatch):
    s, planned, judged = spec(), [], []
    model, (words, others) = build_full_model(s), batches(s)
    monkeypatch.setattr(words, "plan", planned.append)
    monkeypatch.setattr(training, "validate", lambda reader, batches, alphabet: judged.append(batches) or (1.0, 1.0))
    limited = train(
        model, prediction_model_of(model), (words, others), s.alphabet, plan(epochs=300, max_minutes=0.0001)
    )
    assert (len(limited.history), planned, judged) == (1, [1], [others])
    assert limited.history[-1]["learning_rate"] == pytest.approx(0.01 * 1e-3, rel=0.01)  # the cosine has ended


def test_the_time_of_an_interrupted_run_is_counted(tmp_path, monkeypatch):
    point = ResumePoint(tmp_path / ".run.npz", {"x": 1})
    with pytest.raises(KeyboardInterrupt):
        run(spec(), plan(epochs=2), point, stop_after=2)
    kept = point.read()
    kept.progress["seconds"] += 1000
    monkeypatch.setattr(point, "read", lambda: kept)
    assert run(spec(), plan(epochs=2), point)[0].history[-1]["seconds"] > 1000
