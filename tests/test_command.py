import argparse
import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from utilities.command import INTERRUPTED, UNREAD, add_hyperparameter_arguments, run_stage
from utilities.errors import UserError


def raising(error):
    def run():
        raise error

    return run


def test_a_users_mistake_is_one_message_and_a_failure(capsys):
    assert run_stage(raising(UserError("No such folder: x. Correct IMAGE_SET_NAME."))) == 1
    captured = capsys.readouterr()
    assert captured.err.strip() == "No such folder: x. Correct IMAGE_SET_NAME."
    assert captured.out == ""


def test_an_interruption_says_how_to_go_on(capsys):
    assert run_stage(raising(KeyboardInterrupt()), resumable=True) == INTERRUPTED
    assert "--resume" in capsys.readouterr().err
    assert run_stage(raising(KeyboardInterrupt())) == INTERRUPTED
    assert "--resume" not in capsys.readouterr().err


def test_a_mistake_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run_stage(raising(ZeroDivisionError()))


def test_a_file_that_may_not_be_used_is_named(capsys):
    barred = PermissionError(errno.EACCES, "Permission denied", "saved_models/.a.lock")
    assert run_stage(raising(barred), resumable=True) == 1
    said = capsys.readouterr().err
    assert "saved_models/.a.lock cannot be used: Permission denied" in said and "--resume" in said
    with pytest.raises(FileNotFoundError):
        run_stage(raising(FileNotFoundError(errno.ENOENT, "gone", "x")))


def test_success_is_zero():
    assert run_stage(lambda: None) == 0


def test_flags_are_checked_and_absent_ones_stay_absent(capsys):
    parser = argparse.ArgumentParser()
    add_hyperparameter_arguments(parser)
    args = parser.parse_args(["--dropout", "0", "--num-units-lstm1", "64"])
    assert (args.dropout, args.num_units_lstm1, args.kernel_size) == (0.0, 64, None)
    with pytest.raises(SystemExit):
        parser.parse_args(["--dropout", "1.0"])
    assert "from 0 up to but not 1" in capsys.readouterr().err


def test_after_ctrl_c_a_process_ends_at_once_and_says_everything_it_had_to_say():
    script = (
        "import atexit, sys\n"
        "from utilities.command import leave, run_stage\n"
        "atexit.register(lambda: print('taken down'))\n"
        "def run():\n    print('working', end='')\n    raise KeyboardInterrupt\n"
        "leave(run_stage(run, resumable=True))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "working")
    assert "--resume" in done.stderr


@pytest.mark.parametrize("resumable, said", [(False, ""), (True, "--resume")])
def test_a_reader_that_has_had_enough_is_no_mistake(resumable, said):
    script = (
        "from utilities.command import leave, run_stage\n"
        "def run():\n"
        "    for line in range(100_000):\n"
        "        print(line)\n"
        f"leave(run_stage(run, resumable={resumable}))\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, text=True, **pipes) as process:
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        message = process.stderr.read()
    assert process.returncode == UNREAD
    assert said in message
    assert "Traceback" not in message and "Broken" not in message and bool(message) == resumable


@pytest.mark.skipif(os.name != "posix", reason="a shell that can close streams")
def test_a_stage_that_was_started_without_streams_does_its_work_and_lends_their_numbers_to_no_file(tmp_path):
    script = (
        "import os, sys\n"
        "from utilities.command import leave, run_stage\n"
        "from utilities.framework import start_framework\n"
        "def run():\n"
        "    print('working')\n"
        "    start_framework(1)\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        os.write(1, b'native')\n"
        "        os.write(2, b'native')\n"
        "        file.write('model')\n"
        "leave(run_stage(run))\n"
    )
    (tmp_path / "script.py").write_text(script)
    line = f"exec {sys.executable} {tmp_path}/script.py {tmp_path}/model <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", line], env=os.environ | {"PYTHONPATH": str(ROOT)}).returncode == 0
    assert (tmp_path / "model").read_text() == "model"


def test_another_broken_pipe_is_not_hidden():
    def run():
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_stage(run)


def test_without_ctrl_c_a_process_ends_in_the_usual_way():
    script = "import atexit\nfrom utilities.command import leave\natexit.register(lambda: print('bye'))\nleave(1)\n"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "bye\n")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_what_ends_a_process_from_outside_is_taken_as_ctrl_c(name, capfd):
    number, cleaned = getattr(signal, name), []
    before = signal.signal(number, signal.SIG_DFL)  # under nohup it would be ignored, as it should

    def work():
        try:
            os.kill(os.getpid(), number)
            time.sleep(10)
        finally:
            cleaned.append(True)

    assert run_stage(work, resumable=True) == 130
    assert cleaned and "--resume" in capfd.readouterr().err
    assert signal.signal(number, before) is signal.SIG_DFL


def test_a_terminal_that_does_not_know_a_letter_is_no_reason_to_stop():
    program = "from utilities.command import run_stage; raise SystemExit(run_stage(lambda: print('Łódź ♂ ü')))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode("latin-1").strip() == "\\u0141ód\\u017a \\u2642 ü"


def test_a_process_under_nohup_does_not_end_with_its_terminal():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run_stage(lambda: os.kill(os.getpid(), signal.SIGHUP)) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
