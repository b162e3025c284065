from multiprocessing import Pipe
from pathlib import Path
from threading import Thread

import pytest
from conftest import write_settings

from utilities import trial_worker
from utilities.config import load_config
from utilities.trial_worker import WorkerJob, serve


@pytest.mark.parametrize(("early_stopping", "kept"), [(False, (4, 0.6)), (True, (2, 0.4))])
def test_a_trial_that_is_stopped_is_judged_by_the_epoch_that_a_whole_one_would_have_kept(
    early_stopping, kept, monkeypatch, tmp_path
):
    def train(values, after_epoch):
        for epoch, cer in enumerate((0.7, 0.4, 0.55, 0.6), start=1):
            after_epoch({"epoch": epoch, "val_cer": cer, "val_loss": 10 * cer, "seconds": 1.0})
        raise AssertionError("was to be stopped")

    monkeypatch.setattr(trial_worker, "_trainer", lambda job: train)
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
