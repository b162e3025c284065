import io
import sys

from utilities import progress_bar as module
from utilities.progress_bar import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_shown_on_a_terminal_and_not_in_a_log_file(monkeypatch):
    monkeypatch.setattr(module, "DELAY", 0)
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        assert list(progress_bar("Reading", "image", 3, "abc")) == ["a", "b", "c"]
        assert ("Reading: 100%" in stream.getvalue()) == shown
