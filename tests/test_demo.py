"""What `make demo` does with what stands in its folder already."""

import shutil
import signal
import subprocess
import time

from conftest import ROOT, names

import demo
from demo import MARK, clear
from utilities.command import INTERRUPTED
from utilities.config import load_config


def test_an_earlier_demonstration_goes_and_what_somebody_else_put_there_stays(tmp_path):
    folder = tmp_path / "demo"
    assert clear(folder) is None
    (folder / "models").mkdir(parents=True)
    (folder / "models/a.h5").touch()
    (folder / MARK).write_text("finished")
    time.sleep(0.02)  # clocks of file systems tick slowly
    (folder / "models/mine.h5").touch()
    kept = clear(folder)
    assert kept == tmp_path / "demo-1" and (kept / "models/mine.h5").exists() and not folder.exists()
    (folder / "models").mkdir(parents=True)  # made by nobody knows what
    assert clear(folder) == tmp_path / "demo-2"
    folder.mkdir()
    (folder / MARK).touch()  # the computer went off before it could say that it ended
    assert clear(folder) == tmp_path / "demo-3"


def test_a_finished_demonstration_goes(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/a.png").touch()
    (tmp_path / "demo" / MARK).write_text("finished")
    assert clear(tmp_path / "demo") is None and not (tmp_path / "demo").exists()


def test_a_folder_that_was_not_cleared_is_not_said_to_be_ours(tmp_path, monkeypatch):
    def stopped(folder):
        raise KeyboardInterrupt

    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/mine.h5").touch()
    monkeypatch.setattr(demo, "FOLDER", tmp_path / "demo")
    monkeypatch.setattr(demo, "clear", stopped)
    assert demo.main() == INTERRUPTED
    assert names(tmp_path / "demo") == ["mine.h5"]


def test_a_demonstration_that_stopped_is_marked_as_ended(tmp_path, monkeypatch, capsys):
    def fails():
        (tmp_path / "demo/a.png").touch()
        raise subprocess.CalledProcessError(3, "stage")

    monkeypatch.setattr(demo, "FOLDER", tmp_path / "demo")
    monkeypatch.setattr(demo, "demonstrate", fails)
    assert demo.main() == 1 and "ended with status 3" in capsys.readouterr().err
    assert clear(tmp_path / "demo") is None


def test_a_demonstration_that_is_stopped_says_so_and_goes_when_it_begins_anew(tmp_path, monkeypatch, capsys):
    def stopped():
        (tmp_path / "demo/a.png").touch()
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler  # a kill is as Ctrl-C
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "FOLDER", tmp_path / "demo")
    monkeypatch.setattr(demo, "demonstrate", stopped)
    assert demo.main() == 1 and "`make demo` begins it anew" in capsys.readouterr().err
    assert clear(tmp_path / "demo") is None


def test_the_demonstration_can_change_the_shipped_settings(tmp_path):
    for part in ("train", "test"):
        (tmp_path / f"image_sets/sample/first_hand/{part}").mkdir(parents=True)
    shipped = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    (tmp_path / "setup.cfg").write_text(demo.with_values(shipped, demo.LIMITS), encoding="utf-8")
    for stage in ("tune", "train", "transfer", "predict"):
        config = load_config(tmp_path / "setup.cfg", stage)
    assert (config.train.architecture, config.train.max_minutes, config.transfer.max_minutes) == ("compact", 2.5, 1)


def test_make_clean_leaves_what_a_user_made(tmp_path):
    def there(*files):
        return [(tmp_path / name).exists() for name in files]

    mine = ["saved_models/a.h5", "test_set_predictions/predictions/a.csv", "image_sets/a/b.png", "demo/mine.h5"]
    made = [".image_cache/a", ".pytest_cache/a", "utilities/__pycache__/a.pyc"]
    for name in (*mine, *made):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    shutil.copy(ROOT / "Makefile", tmp_path)
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert all(there(*mine)) and not any(there(*made))
    time.sleep(0.02)  # clocks of file systems tick slowly
    (tmp_path / "demo" / MARK).write_text("ended")  # now all of it is the demonstration's
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert there(*mine) == [True, True, True, False]
