from multiprocessing import Pipe
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from conftest import WORDS, write_image_set, write_settings

from utilities import training_run, trial_training
from utilities.config import load_config
from utilities.trial_training import TrialTraining
from utilities.trial_worker import WorkerJob, serve


@pytest.mark.parametrize(("early_stopping", "kept"), [(False, (4, 0.6)), (True, (2, 0.4))])
def test_a_trial_that_is_stopped_is_judged_by_the_epoch_that_a_whole_one_would_have_kept(
    early_stopping, kept, monkeypatch, tmp_path
):
    def train(values, after_epoch):
        for epoch, cer in enumerate((0.7, 0.4, 0.55, 0.6), start=1):
            after_epoch({"epoch": epoch, "val_cer": cer, "val_loss": 10 * cer, "seconds": 1.0})
        raise AssertionError("was to be stopped")

    monkeypatch.setattr(trial_training, "TrialTraining", lambda config, logs: train)
    (tmp_path / "train").mkdir()
    config = load_config(write_settings(tmp_path, train=f"EARLY_STOPPING = {early_stopping}"), "tune")
    here, there = Pipe()
    worker = Thread(target=serve, args=(there, WorkerJob(config, Path("nowhere"), {})), daemon=True)
    worker.start()
    here.send(({},))
    for epoch in range(1, 5):
        assert here.recv()[1]["epoch"] == epoch
        here.send(epoch == 4)
    kind, outcome = here.recv()
    here.send(None)
    worker.join()
    assert (kind, outcome["state"], outcome["best_epoch"], outcome["val_cer"]) == ("done", "pruned", *kept)


def test_a_worker_whose_words_nobody_reads_leaves_its_trial_without_a_result(monkeypatch, tmp_path):
    def train(values, after_epoch):
        after_epoch({"epoch": 1, "val_cer": 1.0, "seconds": 1.0})
        raise BrokenPipeError

    monkeypatch.setattr(trial_training, "TrialTraining", lambda config, logs: train)
    here, there = Pipe()
    here.send(({"x": 1},))
    here.send(False)
    (tmp_path / "train").mkdir()
    serve(there, WorkerJob(load_config(write_settings(tmp_path), "tune"), Path(), {}))
    there.close()
    assert here.recv()[0] == "epoch"
    with pytest.raises(EOFError):
        here.recv()


def test_a_trial_is_trained_as_tune_says_and_from_the_same_start_each_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder, words in (("tuned", ["Poa", "Rosa", "Zea"]), ("train", WORDS)):
        write_image_set(tmp_path / folder, words)
    settings = write_settings(tmp_path, epochs=9, train="SEED = 3")
    text = settings.read_text().replace("[tune]\nIMAGE_SET_NAME = train", "[tune]\nIMAGE_SET_NAME = tuned\nSEED = 5")
    settings.write_text(text)
    began = []

    class Trained(Exception):
        pass

    def see(full, network, batches, alphabet, plan, *arguments):
        began.append((full.get_weights(), batches, plan))
        raise Trained

    monkeypatch.setattr(training_run, "train", see)
    train = TrialTraining(load_config(settings, "tune"), tmp_path / "logs")
    for values in ({"learning_rate": 0.001}, {"learning_rate": 0.002, "batch_size": 2}):
        with pytest.raises(Trained):
            train(values, lambda row: None)
    (weights, batches, plan), (again, others, other) = began
    assert (plan.epochs, plan.seed, plan.patience, plan.max_minutes) == (1, 5, 1, None)
    assert (plan.learning_rate, other.learning_rate, others[0].batch_size) == (0.001, 0.002, 2)
    assert sum(len(part.words) for part in batches) == 3
    assert all(np.array_equal(a, b) for a, b in zip(weights, again, strict=True))
