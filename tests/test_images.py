import numpy as np
import pytest
from conftest import draw
from PIL import Image

from utilities.decoded_image import decode
from utilities.image_file import ImageError
from utilities.images import (
    BUCKET,
    Preprocessing,
    canvas_width,
    prepare,
    quantile,
    require_dark_writing,
    to_canvases,
)

HOW = Preprocessing(32, 256)
KEEPING_ASPECT = Preprocessing(32, 256, "writing")


def test_models_of_earlier_versions_keep_the_aspect_ratio_and_paper_becomes_zero():
    grey = np.full((64, 100), 200, np.uint8)
    grey[20:40, 30:50] = 40  # a square of ink
    content = prepare(grey, KEEPING_ASPECT)
    assert content.shape == (32, 32)
    rows, columns = np.nonzero(content > 128)
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 2
    assert content[0, 0] == 0
    assert content.max() == 255


def widened(text: str, by: float) -> np.ndarray:
    """A word as a hand would write it whose letters are wider by a factor."""
    image = draw(text, height=64)
    return np.asarray(image.resize((round(image.width * by), image.height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("text", ["Carex alba", "Quercus", "Mai 1937"])
def test_letters_of_narrow_and_wide_hands_become_equally_wide(text):
    narrow, usual, wide = (prepare(widened(text, by), HOW).shape[1] for by in (0.75, 1.0, 1.3))
    assert max(narrow, usual, wide) <= 1.12 * min(narrow, usual, wide)
    aspect = [prepare(widened(text, by), KEEPING_ASPECT).shape[1] for by in (0.75, 1.3)]
    assert aspect[1] > 1.5 * aspect[0]


def test_longer_words_stay_longer():
    short, long = (prepare(np.asarray(draw(text, height=64)), HOW).shape[1] for text in ("Carex", "Carex Carex"))
    assert 1.7 * short < long < 2.6 * short


@pytest.mark.parametrize("shape", [(60, 3), (3, 60)])
def test_a_single_stroke_is_neither_blown_up_nor_lost(shape):
    grey = np.full((80, 200), 220, np.uint8)
    grey[10 : 10 + shape[0], 20 : 20 + shape[1]] = 30
    even, aspect = prepare(grey, HOW), prepare(grey, KEEPING_ASPECT)
    assert 0.6 * aspect.shape[1] - 1 <= even.shape[1] <= 1.8 * aspect.shape[1] + 1
    assert even.max() > 100


def test_letters_are_not_lowered_to_make_them_wider():
    narrow = widened("minimum minimum minimum", 0.5)
    aspect = prepare(narrow, KEEPING_ASPECT)
    how = Preprocessing(32, aspect.shape[1] + 8)  # the natural width fits, an even one does not
    content = prepare(narrow, how)
    assert content.shape == (32, how.width)
    assert np.ptp(np.nonzero(content.max(1) > 60)[0]) >= np.ptp(np.nonzero(aspect.max(1) > 60)[0]) - 1


def test_a_black_frame_does_not_fade_the_pen():
    grey = np.full((64, 300), 220, np.uint8)
    word = np.asarray(draw("Carex", height=48))
    word = np.where(word < 150, 110, 220).astype(np.uint8)  # a pen half as dark as the frame
    grey[8 : 8 + word.shape[0], 60 : 60 + word.shape[1]] = word
    framed = grey.copy()
    framed[:, 4:8] = 0
    assert np.abs(prepare(grey, HOW).astype(int) - prepare(framed, HOW)).max() <= 2


def test_what_is_too_wide_shrinks_to_the_canvas_and_is_centred():
    content = prepare(np.asarray(draw("Carex " * 20)), HOW)
    assert content.shape == (32, 256)
    rows = np.nonzero(content.max(1) > 60)[0]
    assert 8 < rows.mean() < 24


def test_dark_paper_and_faint_ink_look_like_any_other():
    strong, faint = np.asarray(draw("Carex")), np.asarray(draw("Carex"), float)
    faint = (120 + (faint - 220) * 0.4).astype(np.uint8)
    assert np.abs(prepare(strong, HOW).astype(int) - prepare(faint, HOW)).mean() < 6


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (7, 9), (40, 50)])
def test_quantiles_of_grey_values_are_those_of_numpy(shape):
    grey = np.random.default_rng(5).integers(0, 256, shape).astype(np.uint8)
    counts = np.bincount(grey.ravel(), minlength=256)
    for share in (0.0, 0.005, 0.5, 1.0):
        assert quantile(counts, share) == pytest.approx(np.quantile(grey, share))


@pytest.mark.parametrize("shape", [(1, 1), (400, 1), (1, 400), (3, 2), (60, 3)])
@pytest.mark.parametrize("grey", [0, 255])
def test_a_crop_of_any_shape_reaches_the_canvas(shape, grey):
    content = prepare(np.full(shape, grey, np.uint8), HOW)
    assert content.shape[0] == 32
    assert 1 <= content.shape[1] <= 256


def test_an_empty_crop_stays_empty():
    rng = np.random.default_rng(0)
    paper = rng.normal(220, 2, (32, 80)).astype(np.uint8)
    assert prepare(paper, HOW).mean() < 20


def test_an_image_without_writing_says_so_and_faint_writing_does_not(tmp_path):
    word = np.asarray(draw("Carex"))
    images = {
        "white": np.full((40, 90), 255, np.uint8),
        "negative": 255 - word,
        "faint": (200 + (word.astype(int) - 220) // 8).astype(np.uint8),
    }
    problems = {}
    for name, image in images.items():
        Image.fromarray(image).save(tmp_path / f"{name}.png")
        problems[name] = decode(tmp_path / f"{name}.png", HOW).problem
    assert "shows no writing" in problems["white"] and "invert it" in problems["negative"]
    assert not problems["faint"]
    assert not decode(tmp_path / "negative.png", Preprocessing(32, 64, "stretch")).problem


def test_paper_noise_of_a_negative_is_no_writing_and_a_white_margin_makes_no_negative():
    rng = np.random.default_rng(3)
    dark = rng.normal(40, 6, (60, 200)).clip(0, 255)  # darker specks than the paper are there, too
    word = np.asarray(draw("Carex", height=48), float)
    dark[6 : 6 + word.shape[0], 20 : 20 + word.shape[1]] += (220 - word) * 0.8
    with pytest.raises(ImageError, match="negative"):
        require_dark_writing(dark.clip(0, 255).astype(np.uint8), HOW)
    scan = np.full((60, 200), 200, np.uint8)
    scan[6 : 6 + word.shape[0], 20 : 20 + word.shape[1]] = 200 - (220 - word) * 0.08  # in pencil
    scan[:, 190:] = 255  # where the paper ends
    require_dark_writing(scan, HOW)
    thick = np.full((40, 30), 230, np.uint8)
    thick[4:36, 4:26] = 30  # a short word, more ink than paper
    require_dark_writing(thick, HOW)


def test_canvas_width_follows_from_the_content_alone():
    assert [canvas_width(w, HOW) for w in (1, BUCKET, BUCKET + 1, 256)] == [BUCKET, BUCKET, 2 * BUCKET, 256]
    assert canvas_width(400, Preprocessing(100, 400)) == 400
    assert [canvas_width(w, HOW, 32) for w in (1, 33, 256)] == [32, 64, 256]


def test_canvases_are_transposed_scaled_and_padded():
    content = prepare(np.asarray(draw("Poa")), HOW)
    batch = to_canvases([content], 128)
    assert batch.shape == (1, 128, 32, 1)
    assert batch.dtype == np.float32
    assert np.allclose(batch[0, : content.shape[1], :, 0].T * 255, content, atol=1e-3)
    assert batch[0, content.shape[1] :].max() == 0


def test_stretching_matches_bilinear_without_antialiasing():
    grey = np.array([[0, 100], [200, 100]], np.uint8)
    out = prepare(grey, Preprocessing(2, 4, "stretch"))
    assert out.tolist() == [[0, 25, 75, 100], [200, 175, 125, 100]]


def test_the_original_workflows_models_read_whatever_there_is(tmp_path):
    Image.new("L", (90, 40), 0).save(tmp_path / "a.png")
    assert not decode(tmp_path / "a.png", Preprocessing(32, 64, "stretch")).problem
