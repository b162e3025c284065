import errno
import gc
import os
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import ROOT

from utilities.framework import framework_gpus, quiet_frameworks, start_framework
from utilities.safe_files import NoSpaceError


def test_a_gpu_that_the_framework_cannot_use_is_not_announced():
    script = (
        "from utilities.framework import framework_gpus, start_framework\nstart_framework(1)\nprint(framework_gpus())\n"
    )
    environ = os.environ | {"CUDA_VISIBLE_DEVICES": "0", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, env=environ)
    said, found = done.stdout.splitlines()
    assert said.startswith("Using the CPU: tensorflow cannot use GPU 0" if found == "[]" else "Using GPU 0")
    assert ("GPU=yes" in said) == (found == "[]")


def test_where_no_temporary_file_can_be_written_it_is_said_before_a_framework_stumbles_over_it(monkeypatch):
    def gettempdir():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", gettempdir)
    with pytest.raises(NoSpaceError, match=r"\['/tmp'\].*TMPDIR"):
        start_framework(1)


@pytest.mark.parametrize(("error", "is_shown"), [(RuntimeError, True), (KeyboardInterrupt, False)])
def test_what_a_framework_says_while_it_starts_is_shown_if_it_fails_not_if_the_user_stops_it(
    monkeypatch, capfd, error, is_shown
):
    def start(seed):
        os.write(2, b"Could not find cuda drivers")
        raise error

    monkeypatch.setattr(keras.utils, "set_random_seed", start)
    with pytest.raises(error):
        start_framework(1)
    assert ("cuda" in capfd.readouterr().err) is is_shown


def test_no_time_is_spent_on_looking_for_garbage_among_a_frameworks_modules():
    script = (
        "import gc\nfrom utilities.framework import start_framework\nstart_framework(1, announce=False)\n"
        "print(gc.get_freeze_count() > 100_000, gc.isenabled())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "True True\n"


def test_what_a_process_has_made_does_not_stay_when_another_stage_starts_in_it():
    before = gc.get_freeze_count()
    start_framework(1, announce=False)
    assert (gc.get_freeze_count() <= before, gc.isenabled()) == (True, True)


def test_fresh_weights_follow_from_the_seed():
    def weights(seed):
        start_framework(seed, announce=False)
        return keras.ops.convert_to_numpy(keras.initializers.GlorotUniform()((3, 3)))

    assert np.array_equal(weights(5), weights(5)) and not np.array_equal(weights(5), weights(6))


def test_frameworks_are_quiet_unless_the_user_wants_to_hear_them():
    environ = {"GRPC_VERBOSITY": "DEBUG"}
    quiet_frameworks(environ)
    assert environ["TF_CPP_MIN_LOG_LEVEL"] == "3" and environ["GRPC_VERBOSITY"] == "DEBUG"
    assert "TF_ENABLE_ONEDNN_OPTS" not in environ


@pytest.mark.parametrize(("found", "expected"), [(lambda kind: [f"{kind}:0"], ["gpu:0"]), (None, [])])
def test_the_frameworks_gpus_are_asked_for_in_the_way_that_it_answers(monkeypatch, found, expected):
    def jax_without_a_gpu(kind):
        raise RuntimeError(f"Unknown backend: {kind!r}")

    monkeypatch.setattr(keras.distribution, "list_devices", found or jax_without_a_gpu)
    assert framework_gpus() == expected


def test_pytorch_is_asked_itself(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: 2)))
    assert framework_gpus() == ["cuda:0", "cuda:1"]
