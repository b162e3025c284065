"""Handwriting drawn by the computer: texts in any hand that openly licensed stroke fonts and chance can make.

Letters get their own slant, size and wobble in every word, and a specimen its own pen and paper.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from utilities.glyphs import glyph

PIXELS_A_UNIT = 1.5  # font units -> px: capitals are 21 units high
FONTS = (
    *4 * ("scripts",),
    "scriptc",
    "cursive",
    "futural",
    "rowmans",
    "timesr",
    "timesi",
)  # as often as they stand here


@dataclass(frozen=True)
class Hand:
    """How an invented person writes. Lengths are in font units, `pen` in px; `restless` scales all that varies."""

    font: str
    slant: float  # horizontal units per vertical unit, to the right
    wide: float
    spacing: float
    pen: int
    restless: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Hand":
        """Somebody's hand."""
        return cls(
            font=FONTS[rng.integers(len(FONTS))],
            slant=rng.uniform(-0.2, 0.7),
            wide=rng.uniform(0.65, 1.2),
            spacing=rng.uniform(-2.5, 1.5),
            pen=int(rng.integers(1, 5)),
            restless=rng.uniform(1, 4),
        )


@dataclass(frozen=True)
class Sheet:
    """Pen and paper of one specimen: grey levels (255 is white), the pen in px beside the hand's own, a ruled line."""

    paper: int
    ink: int
    pen: int
    ruled: bool

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Sheet":
        """Some sheet."""
        paper = int(rng.integers(190, 245))
        return cls(paper, int(rng.integers(20, paper - 90)), int(rng.random() < 0.25), bool(rng.random() < 0.15))


def can_be_drawn(text: str) -> bool:
    """Whether every font of FONTS has strokes for a text."""
    return bool(text.strip()) and not any(_without_strokes(text, font) for font in set(FONTS))


def _without_strokes(text: str, font: str) -> list[str]:
    return sorted({c for c in text if not glyph(font, c)[1]} - {" "})


def draw_word(text: str, hand: Hand, rng: np.random.Generator, sheet: Sheet | None = None) -> np.ndarray:
    """The text as this hand might write it, cropped as a person would, (h, w) uint8 grey.

    Raises ValueError that lists characters which cannot be drawn.
    """
    sheet = sheet or Sheet.random(rng)
    points, ends = _written(text, hand, rng)
    points *= PIXELS_A_UNIT * rng.uniform(0.85, 1.15)
    margin = rng.integers(4, 12, size=4)  # left, above, right, below
    points += margin[:2] - points.min(axis=0)
    width, height = np.ceil(points.max(axis=0) + margin[2:]).astype(int)
    page = _paper(height, width, sheet, rng)
    fixed = np.round(points * 16).astype(np.int32)  # cv2 takes 1/16 px with shift=4
    strokes = [np.ascontiguousarray(s) for s in np.split(fixed, ends[:-1])]
    ink = np.zeros((height, width), np.uint8)
    cv2.polylines(ink, strokes, False, 255, hand.pen + sheet.pen, cv2.LINE_AA, 4)
    share = ink.astype(np.float32) / 255 * rng.uniform(0.85, 1.0)
    grey = page * (1 - share) + sheet.ink * share + rng.normal(0, 3, ink.shape).astype(np.float32)
    return np.clip(grey, 0, 255).astype(np.uint8)


def _paper(height: int, width: int, sheet: Sheet, rng: np.random.Generator) -> np.ndarray:
    """Cloudy paper, at times with a ruled line, (height, width) float32."""
    clouds = rng.normal(0, 5, (2 + height // 30, 2 + width // 30)).astype(np.float32)
    page = sheet.paper + cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)
    if sheet.ruled:
        row = int(rng.integers(height // 2, height))
        page[row : row + 1] -= 40
    return page


def _written(text: str, hand: Hand, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """All strokes of a text, distorted: points (n, 2) float64 in font units, and the index where each stroke ends."""
    missing = _without_strokes(text, hand.font)
    if missing or not text.strip():
        raise ValueError(f"no strokes for {' '.join(missing) or 'an empty text'}")
    restless, pieces, ends, x = hand.restless, [], [], 0.0
    for character in text:
        width, strokes = glyph(hand.font, character)
        size, lift = rng.normal(1, 0.04 * restless), rng.normal(0, 0.4 * restless)
        for stroke in strokes:
            pieces.append(stroke * (hand.wide * size, size) + (x, lift))
            ends.append(len(stroke))
        x += hand.wide * size * width + hand.spacing + abs(rng.normal(0, 0.3 * restless))
    points = np.concatenate(pieces)
    above = -points[:, 1]  # the base line is 0 here
    points[:, 0] += above * (hand.slant + rng.normal(0, 0.06 * restless))
    along = points[:, 0].copy()
    for axis in (0, 1):  # slow waves along the word squeeze its letters and bend its line
        for _ in range(2):
            length, phase = rng.uniform(15, 60), rng.uniform(0, 2 * np.pi)
            points[:, axis] += restless * rng.normal(0, 0.5) * np.sin(2 * np.pi * along / length + phase)
    points[:, 1] += along * rng.normal(0, 0.012 * restless)
    return points, np.cumsum(ends)
