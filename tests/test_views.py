import numpy as np
import pytest

from utilities.images import Preprocessing
from utilities.views import SEVERAL_VIEWS, View

HOW = Preprocessing(32, 256)


def stroke(width=60, at=30):
    content = np.zeros((32, width), np.uint8)
    content[:, at] = 255
    return content


def place(row):
    return float((row * np.arange(len(row))).sum() / row.sum())


def test_the_first_view_is_the_content_itself_and_the_others_are_not():
    content = stroke()
    first, *others = (view.of(content, HOW) for view in SEVERAL_VIEWS)
    assert first is content
    assert all(other.shape != content.shape for other in others)
    assert all(other.dtype == np.uint8 and other.shape[0] == 32 for other in others)


@pytest.mark.parametrize("shear", [0.3, -0.3])
def test_a_view_leans_by_its_shear_and_keeps_all_of_the_ink(shear):
    seen = View(shear=shear).of(stroke(), HOW)
    assert place(seen[28]) - place(seen[3]) == pytest.approx(-shear * 25, abs=0.5)
    assert float(seen.sum()) == pytest.approx(float(stroke().sum()), rel=0.02)


def test_a_wider_view_spreads_the_letters():
    two = np.maximum(stroke(at=10), stroke(at=40))
    seen = View(width=1.5).of(two, HOW)
    assert seen.shape == (32, 90)
    assert np.ptp(np.flatnonzero(seen[16] > 100)) == pytest.approx(45, abs=2)


def test_no_view_is_wider_than_the_canvas():
    assert View(shear=0.4).of(stroke(250, 240), HOW).shape[1] == 256
    assert max(view.of(stroke(250, 240), HOW).shape[1] for view in SEVERAL_VIEWS) == 256
    assert View(width=1.2).of(stroke(250, 240), HOW)[16].max() > 100  # what stood at the end still does


def test_scanned_grey_stays_paper_at_the_corners():
    for view in (View(shear=0.3), View(width=0.9)):
        seen = view.of(np.full((32, 60), 200, np.uint8), Preprocessing(32, 100, "stretch"))
        assert seen.shape == (32, 100) and seen.min() == 200
