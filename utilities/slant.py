"""How far writing leans, and setting it upright: one letter then looks alike in hands of different slant.

The slant is measured on the strokes alone: frames, rules and specks stand as upright as ever.
"""

import math

import cv2
import numpy as np

from utilities.writing_box import INKED

HEIGHT = 40  # px at which the slant is measured: strokes are then some pixels wide whatever the scan's resolution
ROUNDS = 4  # of looking again at what lies along the slant found so far
ALONG = 0.7  # px sideways a px, from the slant found so far, within which an edge belongs to an upright stroke
GAIN = 1.3  # curves and joining strokes make the slant look less than it is
STEEPEST = 1.0  # px sideways a px: nobody writes so
LEAST = 0.03  # ... below which writing stands as it is
MARGIN = 0.12  # of the height, at the sides of what has been set upright


def slant(strokes: np.ndarray) -> float:
    """How far strokes (h, w) uint8 of 0 and 1 lean: px to the right a px downwards, negative in usual handwriting.

    The slant along which grey values change least (least squares), over the edges of strokes that go that way.
    """
    height, width = strokes.shape
    strokes = strokes * np.uint8(255)
    if height > HEIGHT:
        strokes = cv2.resize(strokes, (max(1, round(width * HEIGHT / height)), HEIGHT), interpolation=cv2.INTER_AREA)
    across, down = cv2.Sobel(strokes, cv2.CV_32F, 1, 0), cv2.Sobel(strokes, cv2.CV_32F, 0, 1)
    edge = across != 0
    across, down = across[edge], down[edge]
    squares, products, reach = across * across, across * down, ALONG * np.abs(across)
    found = 0.0
    for _ in range(ROUNDS):
        upright = np.abs(down + found * across) < reach
        total = float(squares @ upright)
        if not total:
            return 0.0
        found = -float(products @ upright) / total
    return max(-STEEPEST, min(STEEPEST, GAIN * found))


def set_upright(ink: np.ndarray, lean: float) -> np.ndarray:
    """Ink (h, w) uint8 that leans by so much (see `slant`) as upright ink (h, w') uint8, cut to it at the sides."""
    height, width = ink.shape
    if abs(lean) < LEAST:
        return ink
    wide = width + math.ceil(abs(lean) * height)
    shift = (width - wide - lean * (height - 1)) / 2
    from_upright = np.array([[1, lean, shift], [0, 1, 0]], np.float32)
    ink = cv2.warpAffine(ink, from_upright, (wide, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    inked = np.flatnonzero(cv2.reduce(ink, 0, cv2.REDUCE_MAX)[0] > INKED)
    if not len(inked):
        return ink
    margin = round(MARGIN * height)
    return np.ascontiguousarray(ink[:, max(0, inked[0] - margin) : inked[-1] + 1 + margin])
