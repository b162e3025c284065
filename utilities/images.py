"""Grey image -> canvas: the only preprocessing there is, for training and prediction alike.

A canvas is (H, W) uint8. In the `upright` mode the writing's box is set upright and scaled to the canvas height and to
the width at which its strokes come at the usual pace; `even` leaves it leaning, `writing` also keeps its aspect ratio.
In these, ink is 255 and paper 0, so that padding is paper. In the `stretch` mode (files of the original workflow) grey
values stay as scanned.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from utilities.image_file import ImageError
from utilities.slant import set_upright, slant
from utilities.stroke_pace import even_width
from utilities.writing_box import INKED, cut_out, find_writing

BUCKET = 64  # px: canvas widths are multiples of this, so that narrow words cost little and batches are full
READING_BUCKET = 32  # px: the same where nothing is learnt; batches may be larger, so that more widths fill them
DARKEST = 0.005  # share of the pixels that are as dark as the darkest ink: one dark speck is not ink
DARKEST_OF_BOX = 0.01  # the same of the writing's box, where there is less paper
LEAST_CONTRAST = 48  # grey levels between paper and ink below which an image is not stretched further
NEGATIVE = 3  # times as far as the darkest pixels are the lightest ones from the paper: then the writing is light
RESIZES = ("upright", "even", "writing", "stretch")  # the ways an image can reach a canvas


@dataclass(frozen=True)
class Preprocessing:
    """How an image reaches the network.

    `resize`: `upright` takes the slant from the writing, brings its box to the canvas height and its strokes to one
    pace, so that letters of different hands lean and are wide alike; models of earlier versions have `even`, without
    the first, or `writing`, which keeps the aspect ratio; `stretch` is the original's.
    """

    height: int  # px, exact
    width: int  # px, the widest canvas
    resize: str = "upright"

    @property
    def ink_is_light(self) -> bool:
        """Whether ink is 255 on the canvas (paper 0) or as dark as it was scanned."""
        return self.resize != "stretch"


def prepare(grey: np.ndarray, how: Preprocessing) -> np.ndarray:
    """Grey image (h, w) uint8 -> content of a canvas, (H, w') uint8, w' <= how.width, no padding on the right."""
    if how.resize == "stretch":
        return _stretched(grey, how.height, how.width)
    counts = _counts(grey)
    paper = quantile(counts, 0.5)  # most of a word's crop is paper
    ink = _ink(grey, paper, quantile(counts, DARKEST))
    box, strokes = find_writing(ink)
    lean = slant(cut_out(strokes, box)) if how.resize == "upright" else 0.0
    if how.resize != "writing":
        left, top, right, bottom = np.maximum(box, 0)
        inside = grey[top:bottom, left:right]
        ink = _ink(inside, paper, quantile(_counts(inside), DARKEST_OF_BOX))
        box = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    ink = set_upright(cut_out(ink, box), lean)
    height, width = ink.shape
    wide = width * how.height / height
    if how.resize != "writing":
        even = even_width(ink, how.height)
        wide = even if even <= how.width else max(how.width, min(wide, even))  # lower letters only if it must be
    scale = min(1.0, how.width / wide)
    size = (max(1, round(wide * scale)), max(1, round(how.height * scale)))
    ink = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0))
    content = np.zeros((how.height, size[0]), np.uint8)
    above = (how.height - size[1]) // 2
    content[above : above + size[1]] = ink
    return content


def require_dark_writing(grey: np.ndarray, how: Preprocessing) -> None:
    """Raise ImageError for a grey image (h, w) uint8 that is a negative: the writing is lighter than the paper.

    Writing is looked for in the middle, as there may be something lighter than its paper at the edges of a crop; and
    paper there and at the edges, as a few thick letters may be more than half of the middle.
    """
    height, width = grey.shape
    middle = grey[height // 8 : height - height // 8, width // 8 : width - width // 8]
    reached = np.cumsum(_counts(np.ascontiguousarray(middle)))
    darkest, inside, lightest = np.searchsorted(reached, reached[-1] * np.array((DARKEST, 0.5, 1 - DARKEST))).tolist()

    def is_lighter_than(paper):
        return lightest - paper > max(LEAST_CONTRAST, NEGATIVE * (paper - darkest))

    if not how.ink_is_light or not is_lighter_than(inside):  # nearly always
        return
    edges = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    if is_lighter_than(max(inside, float(np.median(edges)))):
        raise ImageError(
            "shows light writing on dark paper (a negative: invert it), or more dark surroundings than paper (crop it)"
        )


def require_writing(content: np.ndarray, how: Preprocessing) -> None:
    """Raise ImageError for content (H, w') without anything dark enough for ink."""
    if how.ink_is_light and content.max() < INKED:
        raise ImageError("shows no writing: it is blank, or the writing is lighter than the paper (then invert it)")


def _counts(grey: np.ndarray) -> np.ndarray:
    """How many pixels have each grey value, (256,) int64."""
    return cv2.calcHist([grey], [0], None, [256], [0, 256]).astype(np.int64).ravel()


def _ink(grey: np.ndarray, paper: float, darkest: float) -> np.ndarray:
    """Darkness over the paper, 0 (paper) to 255 (the darkest ink), (h, w) uint8; noise lighter than paper vanishes."""
    darkness = (paper - np.arange(256, dtype=np.float32)) / max(paper - darkest, LEAST_CONTRAST)
    return cv2.LUT(grey, np.rint(np.clip(darkness, 0.0, 1.0) * 255).astype(np.uint8))


def quantile(counts: np.ndarray, share: float) -> float:
    """The quantile of grey values of which there are counts (256,), linear between neighbours as `np.quantile`."""
    position = share * (counts.sum() - 1)
    reached = np.cumsum(counts)
    low, high = np.searchsorted(reached, (np.floor(position), np.ceil(position)), side="right")
    return float(low + (high - low) * (position - np.floor(position)))


def _stretched(grey: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear resize at half-pixel centres without anti-aliasing, as the original's `tf.image.resize`."""
    values = grey.astype(np.float32)
    for axis, size in ((0, height), (1, width)):
        count = values.shape[axis]
        position = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
        low = np.floor(position).astype(int)
        high = np.minimum(low + 1, count - 1)
        weight = (position - low).astype(np.float32)
        weight = weight[:, None] if axis == 0 else weight[None, :]
        values = np.take(values, low, axis) * (1 - weight) + np.take(values, high, axis) * weight
    return np.rint(values).astype(np.uint8)


def canvas_width(content_width: int, how: Preprocessing, bucket: int = BUCKET) -> int:
    """Canvas width in px for content of this width, from the image alone: the next multiple of `bucket`, limited."""
    if how.resize == "stretch":
        return how.width
    return min(how.width, -(-content_width // bucket) * bucket)


def to_canvases(contents: list[np.ndarray], width: int) -> np.ndarray:
    """Contents (H, w') uint8 -> network input (B, width, H, 1) float32 in [0, 1], padded on the right with paper."""
    batch = np.zeros((len(contents), width, contents[0].shape[0], 1), np.float32)
    for row, content in zip(batch, contents, strict=True):
        row[: content.shape[1], :, 0] = content.T
    batch *= 1 / 255
    return batch
