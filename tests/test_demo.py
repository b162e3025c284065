"""What `make demo` does with what stands in its folder already."""

import time

from demo import MARK, clear


def test_an_earlier_demonstration_goes_and_what_somebody_else_put_there_stays(tmp_path):
    folder = tmp_path / "demo"
    assert clear(folder) is None
    (folder / "models").mkdir(parents=True)
    (folder / MARK).touch()  # stopped before its end
    (folder / "models/a.h5").touch()
    assert clear(folder) is None and not folder.exists()
    (folder / "models").mkdir(parents=True)
    (folder / "models/a.h5").touch()
    (folder / MARK).write_text("finished")
    time.sleep(0.02)  # clocks of file systems tick slowly
    (folder / "models/mine.h5").touch()
    kept = clear(folder)
    assert kept == tmp_path / "demo-1" and (kept / "models/mine.h5").exists() and not folder.exists()
    (folder / "models").mkdir(parents=True)  # made by nobody knows what
    assert clear(folder) == tmp_path / "demo-2"


def test_a_finished_demonstration_goes(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/a.png").touch()
    (tmp_path / "demo" / MARK).write_text("finished")
    assert clear(tmp_path / "demo") is None and not (tmp_path / "demo").exists()
