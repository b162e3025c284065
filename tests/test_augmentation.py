import cv2
import numpy as np
import pytest
from conftest import draw

from utilities import augmentation
from utilities.augmentation import CUT, LONG_RUN, augment, cut_for


@pytest.mark.parametrize("width", [20, 60, 256])
def test_augmentation_fits_the_canvas_varies_and_keeps_the_ink(width):
    content = np.zeros((32, width), np.uint8)
    content[10:22, width // 4 : width // 2] = 255
    rng = np.random.default_rng(0)
    results = [augment(content, 256, rng, cut=0.0) for _ in range(30)]
    assert all(r.shape[0] == 32 and r.shape[1] <= 256 and r.dtype == np.uint8 for r in results)
    ink = np.array([(r > 60).sum() for r in results]) / (content > 60).sum()
    assert 0.4 < ink.min() <= ink.max() < 2.2
    assert len({r.tobytes() for r in results}) > 25


def test_letters_become_narrower_and_wider_than_the_hands_of_the_training_set(monkeypatch):
    monkeypatch.setattr(augmentation, "SHEAR", 0.0)  # slanted writing is wider without wider letters
    content = np.zeros((32, 200), np.uint8)
    content[8:24, ::8] = 255
    rng = np.random.default_rng(1)
    widths = np.array([augment(content, 320, rng).shape[1] for _ in range(60)]) / content.shape[1]
    assert widths.min() < 0.8
    assert widths.max() > 1.2


def test_up_to_a_quarter_of_the_columns_is_cut_out_in_pieces_that_hide_no_more_than_a_letter(monkeypatch):
    monkeypatch.setattr(augmentation, "SHARE", 0.0)  # nothing but the cuts
    content = np.full((40, 200), 200, np.uint8)
    rng = np.random.default_rng(1)
    results = [augment(content, 256, rng) for _ in range(60)]
    gone = np.array([~r[:, :200].any(axis=0) for r in results])
    assert gone.mean(axis=1).max() <= 0.25 and gone.mean() > 0.05
    assert 1 < np.diff(gone.astype(int), axis=1, prepend=0).clip(0).sum(axis=1).mean() < 10
    assert all((r[:, :200][:, ~columns] == 200).all() for r, columns in zip(results, gone, strict=True))
    assert (content == 200).all()


def test_strokes_become_softer_and_sharper(monkeypatch):
    for strength in ("ROTATION", "SHEAR", "SHIFT", "ELASTIC_PX", "NOISE"):
        monkeypatch.setattr(augmentation, strength, 0.0)
    for strength in ("SCALE_X", "SCALE_Y", "CONTRAST"):
        monkeypatch.setattr(augmentation, strength, (1.0, 1.0))
    content = cv2.GaussianBlur(255 - np.asarray(draw("Carex", height=32)), (0, 0), 0.8)

    def steepness(image):
        return np.abs(np.diff(image.astype(float), axis=1)).max()

    rng = np.random.default_rng(1)
    steep = np.array([steepness(augment(content, 256, rng)) for _ in range(60)]) / steepness(content)
    assert steep.min() < 0.85
    assert steep.max() > 1.1


NEUTRAL = {
    **dict.fromkeys(("ROTATION", "SHEAR", "SHIFT", "ELASTIC_PX", "NOISE"), 0.0),
    **dict.fromkeys(("SCALE_X", "SCALE_Y", "CONTRAST"), (1.0, 1.0)),
    "BLUR": (1e-3, 1e-3),  # px
}


WORD = 255 - np.asarray(draw("Carex", height=32))


def distorted():
    """One word distorted by so many seeds, its strokes thicker or thinner at times whatever the strengths."""
    return [augment(WORD, 256, np.random.default_rng(seed), cut=0.0) for seed in range(24)]


@pytest.mark.parametrize("strength", NEUTRAL)
def test_every_distortion_is_at_work(monkeypatch, strength):
    real = getattr(augmentation, strength)
    for name, value in NEUTRAL.items():
        monkeypatch.setattr(augmentation, name, value)
    without = distorted()
    monkeypatch.setattr(augmentation, strength, real)
    assert sum(not np.array_equal(one, two) for one, two in zip(distorted(), without, strict=True)) >= 4


def test_strokes_become_thicker_and_thinner(monkeypatch):
    for name, value in NEUTRAL.items():
        monkeypatch.setattr(augmentation, name, value)
    ink = [float(image.sum()) / WORD.sum() for image in distorted()]
    assert min(ink) < 0.95 and max(ink) > 1.05


def test_the_longer_a_run_the_more_is_cut_out_up_to_the_most():
    assert [cut_for(images) for images in (0, LONG_RUN // 2, LONG_RUN, 9 * LONG_RUN)] == [0, CUT / 2, CUT, CUT]
