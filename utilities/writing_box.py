"""Where the writing is in a crop: crops are seldom tight, and letters of one size are far easier to learn.

Ruled lines and frame edges are left out of the search; lines above and below are told from the word by the spread of
its ink. Nothing is erased: only found.
"""

import math

import cv2
import numpy as np

INKED = 80  # grey levels of darkness, of 255, from which a pixel counts as ink
RULE_WIDTH, RULE_HEIGHT = 1 / 3, 3 / 4  # of the crop's: straight strokes this long are rules or frame edges
LEAST_RULE = (24, 16)  # px, wide and high: in a small crop letters have straight strokes of such shares
SPECK = 3  # px: smaller spots are dirt
LINE_SPREAD = 2.5  # standard deviations of the rows' ink that belong to the line
NEAR_LINE = 3.0  # ... within which a stroke's centre must lie to belong to the word (dots and accents do)
LEAST, MOST = 2.0, 4.0  # ... that the box holds, at least and at most, on either side of the middle of the line
MARGIN = 0.06  # of the box's height, above and below; twice that at the sides
LEAST_HEIGHT = 0.15  # of the crop's: a lone speck is not magnified beyond this

Box = tuple[int, int, int, int]  # left, top, right, bottom in px; may reach over the edges


def find_writing(ink: np.ndarray) -> tuple[Box, np.ndarray]:
    """The box of the writing on ink (h, w) uint8, 255 the darkest; and all strokes, (h, w) uint8 of 0 and 1.

    The box is the whole image where no writing is found.
    """
    height, width = ink.shape
    mask = _without_rules(cv2.threshold(ink, INKED, 1, cv2.THRESH_BINARY)[1])
    most_strokes = ((height + 1) // 2) * ((width + 1) // 2)
    kind = cv2.CV_16U if most_strokes < 2**16 - 1 else cv2.CV_32S  # narrow labels take half the time
    _, labels, strokes, centres = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=kind)
    large = strokes[:, cv2.CC_STAT_AREA] >= SPECK
    large[0] = False  # the paper
    if not large.any():
        return (0, 0, width, height), mask
    inked = large.view(np.uint8).take(labels)
    middle, spread = _line(cv2.reduce(inked, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F)[:, 0])
    strokes = strokes[large & (np.abs(centres[:, 1] - middle) < NEAR_LINE * spread)]
    if not len(strokes):
        return (0, 0, width, height), inked
    left, top = strokes[:, cv2.CC_STAT_LEFT].min(), strokes[:, cv2.CC_STAT_TOP].min()
    right = (strokes[:, cv2.CC_STAT_LEFT] + strokes[:, cv2.CC_STAT_WIDTH]).max()
    bottom = (strokes[:, cv2.CC_STAT_TOP] + strokes[:, cv2.CC_STAT_HEIGHT]).max()
    least = max(LEAST * spread, LEAST_HEIGHT * height / 2)
    top = min(max(top, middle - MOST * spread, 0), middle - least)
    bottom = max(min(bottom, middle + MOST * spread, height), middle + least)
    margin = MARGIN * (bottom - top)
    sides = int(left - 2 * margin), int(np.ceil(right + 2 * margin))
    return (sides[0], int(np.floor(top - margin)), sides[1], int(np.ceil(bottom + margin))), inked


def cut_out(ink: np.ndarray, box: Box) -> np.ndarray:
    """The box of an image (h, w), paper (0) where it reaches over the edges."""
    left, top, right, bottom = box
    height, width = ink.shape
    inside = ink[max(0, top) : bottom, max(0, left) : right]
    if inside.shape == (bottom - top, right - left):
        return inside
    cut = np.zeros((bottom - top, right - left), ink.dtype)
    cut[max(0, -top) : min(bottom, height) - top, max(0, -left) : min(right, width) - left] = inside
    return cut


def _without_rules(mask: np.ndarray) -> np.ndarray:
    """The mask (h, w) of 0 and 1 without long straight horizontal and vertical strokes."""
    height, width = mask.shape
    across = np.ones((1, max(LEAST_RULE[0], int(RULE_WIDTH * width))), np.uint8)
    down = np.ones((max(LEAST_RULE[1], int(RULE_HEIGHT * height)), 1), np.uint8)
    rules = [cv2.dilate(left, stroke) for stroke in (across, down) if (left := cv2.erode(mask, stroke)).any()]
    for rule in rules:
        mask = mask & ~cv2.dilate(rule, np.ones((3, 3), np.uint8))
    return mask


def _line(rows: np.ndarray) -> tuple[float, float]:
    """Middle and standard deviation (px) of the ink's rows (h,), other lines' ink left out step by step."""
    y = np.arange(len(rows)) + 0.5
    sums = np.zeros((3, len(rows) + 1))  # of the ink, its places and their squares, over all rows above
    np.cumsum(rows * np.stack((np.ones_like(y), y, y * y)), axis=1, out=sums[:, 1:])
    middle, spread, first, end = len(rows) / 2, math.inf, 0, len(rows)
    for _ in range(3):
        ink, places, squares = (sums[:, end] - sums[:, first]).tolist()
        if not ink:
            break
        middle = places / ink
        spread = max(1.0, math.sqrt(max(0.0, squares / ink - middle * middle)))
        near = LINE_SPREAD * spread
        first, end = max(0, math.ceil(middle - near - 0.5)), min(len(rows), math.floor(middle + near + 0.5))
    return middle, spread
