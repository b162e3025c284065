import cv2
import numpy as np
import pytest
from conftest import draw

from utilities.images import Preprocessing, prepare
from utilities.slant import set_upright, slant
from utilities.writing_box import find_writing

UPRIGHT, EVEN = Preprocessing(40, 512), Preprocessing(40, 512, "even")
TEXTS = ["Carex alba", "Quercus robur", "Weimar 1937", "Hill"]


def leant(text: str, lean: float, height: int = 80) -> np.ndarray:
    """A word (h, w) uint8 on light paper, its lower edge pushed to the right by so many px a px."""
    grey = np.asarray(draw(text, height=height))
    room = round(abs(lean) * height)
    grey = np.pad(grey, ((0, 0), (room, room)), mode="edge")
    back = np.array([[1, -lean, lean * height / 2], [0, 1, 0]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grey, back, grey.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def slant_of(grey: np.ndarray) -> float:
    return slant(find_writing(255 - grey)[1])


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """How much two contents have in common where they fit each other best, at most 1."""
    a, b = (np.pad(x, ((0, 0), (20, 60))).astype(np.float32) for x in (a, b))
    width = min(a.shape[1], b.shape[1]) - 40
    found = cv2.matchTemplate(a[:, 20 : 20 + width], b[:, 20 : 20 + width - 20], cv2.TM_CCORR_NORMED)
    return float(found.max())


@pytest.mark.parametrize("text", TEXTS)
def test_the_slant_is_that_of_the_strokes(text):
    straight = slant_of(leant(text, 0.0))
    for lean in (-0.5, -0.25, 0.25):
        assert slant_of(leant(text, lean)) - straight == pytest.approx(lean, abs=0.15)


@pytest.mark.parametrize("text", TEXTS)
def test_leaning_writing_reaches_the_network_like_upright_writing(text):
    straight, leaning = leant(text, 0.0), leant(text, -0.5)
    upright, even = (likeness(prepare(straight, how), prepare(leaning, how)) for how in (UPRIGHT, EVEN))
    assert upright > even + 0.05
    assert abs(prepare(straight, UPRIGHT).shape[1] - prepare(leaning, UPRIGHT).shape[1]) < 25


def test_frames_and_rules_do_not_hide_the_slant():
    page = np.pad(leant("Carex alba", -0.4), 20, mode="edge")
    framed = page.copy()
    framed[:, 4:9] = framed[:, -9:-4] = framed[-8:-5] = 0
    assert slant_of(framed) == pytest.approx(slant_of(page), abs=0.05)


def test_nothing_leans_where_nothing_is_written():
    assert slant(np.zeros((30, 50), np.uint8)) == 0
    assert slant(np.ones((1, 1), np.uint8)) == 0
    assert slant(np.ones((30, 50), np.uint8)) == 0


@pytest.mark.parametrize("lean", [-1.0, -0.3, 0.3, 1.0])
def test_setting_upright_loses_no_ink(lean):
    ink = np.zeros((40, 90), np.uint8)
    ink[:, 0] = ink[:, -1] = ink[0] = ink[-1] = 200
    straight = set_upright(ink, lean)
    assert float(straight.sum()) == pytest.approx(float(ink.sum()), rel=0.02)
    assert set_upright(ink, 0.01) is ink
