"""The same code on the other frameworks that Keras runs on, where they are installed."""

import csv
import importlib.util
import os
import subprocess

import pytest
from conftest import command


def run(stage, *arguments, cwd, backend):
    done = subprocess.run(
        command(stage, *arguments),
        cwd=cwd,
        env=os.environ | {"KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_model_trained_on_another_framework_reads_the_same_on_tensorflow(backend, workspace):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    run("one_model_trainer", "setup.cfg", "other", cwd=workspace, backend=backend)
    found = []
    for reading_with in (backend, "tensorflow"):
        run(
            "test_set_predictions", "setup.cfg", "saved_models/other-prediction.h5", cwd=workspace, backend=reading_with
        )
        file = workspace / "test_set_predictions" / "predictions" / "other-prediction-predictions.csv"
        with file.open(encoding="utf-8", newline="") as table:
            found.append([(row["prediction"], float(row["confidence"])) for row in csv.DictReader(table)])
    there, here = found
    assert len(there) == 6 and [text for text, _ in there] == [text for text, _ in here]
    assert [confidence for _, confidence in there] == pytest.approx([confidence for _, confidence in here], abs=1e-3)
