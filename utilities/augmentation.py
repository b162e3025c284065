"""Training-time distortions of a batch: one smooth warp per image, then its ink.

Strengths follow Retsinas et al. 2024 ("Best practices for a handwritten text recognition system"): rotation, shear,
scale, elastic distortion, dilation or erosion, contrast, each on half of the images; and sharpness, of which crops of
other resolutions have more or less. Then columns are cut out, as SpecAugment masks spans of time (Park et al. 2019).
"""

import cv2
import numpy as np

SHARE = 0.5  # probability of each distortion
ROTATION = np.deg2rad(1.5)  # rad, either way
SHEAR = np.tan(np.deg2rad(25))  # horizontal px per vertical px, either way
SCALE_X, SCALE_Y = (0.7, 1.3), (0.75, 1.1)
INKED = 0.6  # share of the height that ink usually spans: what shear pushes over the sides
SHIFT = 0.06  # of the height, vertically, either way
# shares of the height: spacing of a grid's points (somewhat less, so that a whole number fits) and their displacement's
# standard deviation
ELASTIC_CELL, ELASTIC_PX = 0.4, 0.04
BLUR = (0.3, 0.9)  # px, standard deviation
SHARPENING = (0.3, 1.2)  # of what a blur would take: so much is added instead
CONTRAST = (0.5, 1.2)
NOISE = 8.0  # grey levels, standard deviation
CUT = 0.25  # of the columns, at most: what they said must be told from the letters beside them
LONG_RUN = 100_000  # images seen, from which on so much is cut; shorter runs have not the time to learn from it
PIECE = (0.1, 0.6)  # of the height: the width of one cut


def augment(content: np.ndarray, width: int, rng: np.random.Generator, cut: float = CUT) -> np.ndarray:
    """A distorted copy of a canvas's content (H, w') uint8 with light ink on 0: (H, w'') uint8 with w'' <= width.

    `cut`: the share of the columns that is cut out, at most.
    """
    return _cut_out(_change_ink(_warp(content, width, rng), rng), rng, cut)


def cut_for(images: int) -> float:
    """How much to cut out in a run that sees so many images, each time it sees one counted."""
    return CUT * min(1.0, images / LONG_RUN)


def _warp(content: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """Scale, shear, rotate, shift and bend in one resampling, narrowed as far as the canvas demands."""

    def sometimes(low, high, otherwise):
        return rng.uniform(low, high) if rng.random() < SHARE else otherwise

    height, old_width = content.shape
    scale_x, scale_y = sometimes(*SCALE_X, 1.0), sometimes(*SCALE_Y, 1.0)
    shear, angle = sometimes(-SHEAR, SHEAR, 0.0), sometimes(-ROTATION, ROTATION, 0.0)
    shift = sometimes(-SHIFT, SHIFT, 0.0) * height
    overhang = abs(shear) * height * INKED
    scale_x = max(min(scale_x, (width - overhang) / old_width), 0.5)
    new_width = int(np.clip(round(old_width * scale_x + overhang), 1, width))
    # from output pixel to input pixel, about the centres; a row and a column, added, are the map's two parts
    cos, sin = np.cos(angle), np.sin(angle)
    (xx, xy), (yx, yy) = (np.array([[1 / scale_x, shear], [0.0, 1 / scale_y]]) @ [[cos, sin], [-sin, cos]]).tolist()
    dx = np.arange(new_width, dtype=np.float32) - new_width / 2
    dy = np.arange(height, dtype=np.float32)[:, None] - (height / 2 + shift)
    map_x = (xx * dx + old_width / 2) + xy * dy
    map_y = yx * dx + (yy * dy + height / 2)
    if rng.random() < SHARE:
        map_x += _smooth_field(height, new_width, rng)
        map_y += _smooth_field(height, new_width, rng)
    return cv2.remap(content, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)


def _smooth_field(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth displacement field in px, (height, width) float32."""
    cell = ELASTIC_CELL * height
    rows, columns = 2 + int(height / cell), 2 + int(width / cell)
    coarse = rng.normal(0, ELASTIC_PX * height, (rows, columns)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def _change_ink(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Softer or sharper, thicker or thinner strokes, other contrast, a little noise; uint8 in and out."""
    if rng.random() < SHARE:
        image = _change_sharpness(image, rng)
    if rng.random() < SHARE:
        kernel = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        changed = (cv2.dilate if rng.random() < 0.5 else cv2.erode)(image, kernel)
        weight = rng.uniform(0.2, 0.8)  # a whole pixel is much on thin strokes: blend
        image = cv2.addWeighted(image, 1 - weight, changed, weight, 0)
    values = image.astype(np.float32)
    if rng.random() < SHARE:
        values *= rng.uniform(*CONTRAST)
    if rng.random() < SHARE:
        values += rng.uniform(0, NOISE) * rng.standard_normal(image.shape, np.float32)
    return np.clip(values, 0, 255).astype(np.uint8)


def _change_sharpness(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As if scanned with fewer pixels, or sharpened by the scanner's program; uint8 in and out."""
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(*BLUR))
    if rng.random() < 0.5:
        return soft
    added = rng.uniform(*SHARPENING)
    return cv2.addWeighted(image, 1 + added, soft, -added, 0)


def _cut_out(image: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """Columns wiped out in place, up to that share of them; the image itself."""
    height, width = image.shape
    left = rng.uniform(0, share) * width
    while left >= 2:
        piece = max(1, int(min(rng.uniform(*PIECE) * height, left)))
        start = rng.integers(0, width - piece + 1)
        image[:, start : start + piece] = 0
        left -= piece
    return image
