"""Decoding in the background; the processes are real ones."""

import errno
import os
import signal
import subprocess
import sys
import threading
from multiprocessing import forkserver, get_context

import numpy as np
import pytest
from conftest import ROOT, write_image_set

from utilities import background, decoders
from utilities.decoded_image import decode
from utilities.decoders import DecodedAhead, decode_all
from utilities.images import Preprocessing

HOW = Preprocessing(32, 256)


@pytest.fixture
def paths(tmp_path):
    folder = write_image_set(tmp_path / "set", [f"Carex {n}" for n in range(2 * decoders.BLOCK)])
    broken = sorted((folder / "images").iterdir())
    broken[3].write_bytes(b"no picture")
    return [*broken, folder / "none.png"]


@pytest.fixture
def few_are_many(monkeypatch):
    monkeypatch.setattr(background, "MANY", 1)


def assert_decoded(found, paths):
    for image, path in zip(found, paths, strict=True):
        expected = decode(path, HOW)
        assert (image.problem, image.digest) == (expected.problem, expected.digest)
        assert np.array_equal(image.content, expected.content)


def test_few_images_are_decoded_by_threads_and_many_by_processes_alike(paths, monkeypatch):
    with decoders.decoders(len(paths)) as pool:
        assert pool.submit(os.getpid).result() == os.getpid()
    assert_decoded(decode_all(paths, HOW), paths)
    monkeypatch.setattr(background, "MANY", len(paths))
    with decoders.decoders(len(paths)) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
    assert_decoded(decode_all(paths, HOW), paths)


def test_processes_do_not_take_another_toolkit_in_the_working_directory(paths, tmp_path):
    (tmp_path / "utilities").mkdir()
    for name in ("__init__", "background", "decoders", "child_process"):
        (tmp_path / f"utilities/{name}.py").write_text("from pathlib import Path\nPath('taken').touch()\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/stage.py").write_text(
        f"""import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from utilities import background, decoders
from utilities.images import Preprocessing

if __name__ == "__main__":
    background.MANY = 1
    found = decoders.decode_all(list(map(Path, sys.argv[1:])), Preprocessing(32, 256))
    print(sum(image.content is not None for image in found))
"""
    )
    command = [sys.executable, "elsewhere/stage.py", *map(str, paths)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == (str(len(paths) - 2), "")
    assert not (tmp_path / "taken").exists()


def test_images_are_decoded_even_if_the_system_kills_a_process(paths, few_are_many):
    with decoders.decoders(len(paths)) as pool:
        before = DecodedAhead(pool, paths, HOW)
        os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
        assert_decoded(before, paths)
        assert_decoded(DecodedAhead(pool, paths, HOW), paths)


def test_images_are_decoded_where_processes_cannot_talk_to_each_other(paths, few_are_many, monkeypatch):
    def fail():
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(forkserver, "ensure_running", fail)
    assert_decoded(decode_all(paths, HOW), paths)


def decode_as_a_worker_of_the_tuner(paths, out):
    background.MANY = 1
    out.write_text(str(sum(image.content is not None for image in decode_all(paths, HOW))))


def test_a_worker_of_the_tuner_which_may_have_no_processes_decodes_all_the_same(paths, tmp_path):
    out = tmp_path / "count"
    worker = get_context("spawn").Process(target=decode_as_a_worker_of_the_tuner, args=(paths, out), daemon=True)
    worker.start()
    worker.join(60)
    assert out.read_text() == str(len(paths) - 2)


def test_what_is_no_longer_wanted_is_not_decoded(paths, monkeypatch):
    decoded = []
    monkeypatch.setattr(decoders, "decode", lambda path, how: decoded.append(path))
    held = threading.Event()
    with decoders.decoders(1) as pool:
        end = pool.shutdown

        def shutdown(**how):
            end(**how | {"wait": False})
            held.set()
            end()

        monkeypatch.setattr(pool, "shutdown", shutdown)
        started = [pool.submit(held.wait) for _ in range(background.THREADS)]  # all threads are busy
        DecodedAhead(pool, paths, HOW)
    assert all(future.done() for future in started) and not decoded


def test_where_there_can_be_no_processes_threads_decode(paths, monkeypatch, few_are_many):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")  # in /dev/shm, for semaphores

    monkeypatch.setattr(background, "ProcessPoolExecutor", full)
    assert_decoded(decode_all(paths, HOW), paths)
