"""Handwriting drawn by the computer: texts in any hand that openly licensed stroke fonts and chance can make.

The strokes are A. V. Hershey's (1967), as the package Hershey-Fonts brings them. Letters get their own slant, size and
wobble in every word, and a specimen its own pen and paper.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from HersheyFonts import HersheyFonts

PIXELS_A_UNIT = 1.5  # font units -> px: capitals are 21 units high
BASE_LINE, X_HEIGHT = 9.0, 14.0  # font units; y points down and letters stand on BASE_LINE
OVERLAP = 0.7  # of a letter's width, after which the other letter of a ligature begins
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
    return sorted({c for c in text if not _glyph(font, c)[1]} - {" "})


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
        width, strokes = _glyph(hand.font, character)
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


@cache
def _glyph(font: str, character: str) -> tuple[float, tuple[np.ndarray, ...]]:
    """Advance width and strokes (n, 2) of a character, standing on 0, smoothed; no strokes if the font lacks it."""
    character = _LIKE.get(character, character)
    if character in _SIGNS:
        return _SIGNS[character]
    if character in _LIGATURES:
        return _ligature(font, *_LIGATURES[character])
    base, *marks = unicodedata.normalize("NFD", _STRUCK.get(character, character))
    glyph = _font(font).get(base)
    if glyph is None or not set(marks) <= _MARKS.keys():
        return 0.0, ()
    strokes = [np.array(s, float) - (glyph.left_offset, BASE_LINE) for s in glyph.strokes if len(s)]
    if not strokes:
        return float(glyph.char_width), ()
    low, high = (f([f(s, axis=0) for s in strokes], axis=0) for f in (np.min, np.max))
    middle = (low[0] + high[0]) / 2
    for mark in marks:
        at = (middle + 1, min(low[1], -X_HEIGHT) - 2) if mark in _ABOVE else (middle, 0.0)
        strokes += [np.array(s, float) + at for s in _MARKS[mark]]
    if character in _STRUCK:
        if base in "lL":
            low, high = np.array((low[0], -X_HEIGHT)), np.array((min(high[0], low[0] + 4), -X_HEIGHT / 2))
        strokes.append(np.array([(low[0] - 1, high[1] + 1), (high[0] + 1, low[1] - 1)]))
    return float(glyph.char_width), tuple(_smooth(s) for s in strokes)


def _ligature(font: str, one: str, other: str) -> tuple[float, tuple[np.ndarray, ...]]:
    """Two letters that touch, as `_glyph`."""
    (width, strokes), (more, others) = _glyph(font, one), _glyph(font, other)
    if not strokes or not others:
        return 0.0, ()
    shift = np.array((OVERLAP * width, 0.0))
    return shift[0] + more, (*strokes, *(s + shift for s in others))


@cache
def _font(name: str) -> dict:
    fonts = HersheyFonts()
    fonts.load_default_font(name)
    return fonts.all_glyphs


def _smooth(stroke: np.ndarray) -> np.ndarray:
    """Corners cut once (Chaikin 1974), ends kept."""
    if len(stroke) < 3:
        return np.linspace(stroke[0], stroke[-1], 5)
    early, late = stroke[:-1] * 0.75 + stroke[1:] * 0.25, stroke[:-1] * 0.25 + stroke[1:] * 0.75
    between = np.stack([early, late], axis=1).reshape(-1, 2)
    return np.concatenate([stroke[:1], between[1:-1], stroke[-1:]])


def _ring(x: float, y: float, radius: float) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 13)
    return np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)


# combining marks: strokes about the middle of the letter's top, or of its foot
_ABOVE = {
    "\u0300": [[(-3, -4), (1, 0)]],
    "\u0301": [[(3, -4), (-1, 0)]],
    "\u0302": [[(-3, -1), (0, -4), (3, -1)]],
    "\u0303": [[(-4, -1), (-2, -3), (1, -1), (3, -3)]],
    "\u0304": [[(-3, -2), (3, -2)]],
    "\u0306": [[(-3, -4), (-1.5, -1.5), (1.5, -1.5), (3, -4)]],
    "\u0307": [[(0, -2), (0.5, -1.5)]],
    "\u0308": [[(-3, -2), (-2.5, -1.5)], [(2.5, -2), (3, -1.5)]],
    "\u030a": [_ring(0, -3, 2.2)],
    "\u030b": [[(0, -4), (-3, 0)], [(4, -4), (1, 0)]],
    "\u030c": [[(-3, -4), (0, -1), (3, -4)]],
}
_BELOW = {
    "\u0326": [[(0, 2), (0.5, 3.5), (-1, 5.5)]],
    "\u0327": [[(0, 0), (-0.5, 2), (1.5, 3), (0.5, 5), (-1.5, 5)]],
    "\u0328": [[(2, 0), (0.5, 2), (1, 4), (3, 4.5)]],
}
_MARKS = _ABOVE | _BELOW
_STRUCK = {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}  # with a stroke through the whole letter, or its stem
_LIGATURES = {"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "„": ",,"}
_LIKE = dict.fromkeys("’‘′", "'") | dict.fromkeys("“”″", '"') | dict.fromkeys("–—", "-")  # as pens write them
_SHARP_S = [(2, 5), (2.5, -14), (4, -19), (7, -21), (10, -19.5), (10, -16), (8.5, -13.5), (6, -12), (9.5, -11),
            (11.5, -8), (11.5, -4), (9.5, -1), (6.5, 0), (4.5, -1)]  # fmt: skip
_SIGNS = {
    "×": (14.0, (np.linspace((2, -10), (11, -1), 5), np.linspace((11, -10), (2, -1), 5))),
    "°": (9.0, (_ring(4, -18, 2.8),)),
    "«": (13.0, (np.array([(6, -11), (2, -7), (6, -3)]), np.array([(11, -11), (7, -7), (11, -3)]))),
    "»": (13.0, (np.array([(2, -11), (6, -7), (2, -3)]), np.array([(7, -11), (11, -7), (7, -3)]))),
    "♀": (13.0, (_ring(6, -12, 4.5), np.array([(6, -7.5), (6, 1)]), np.array([(2.5, -3), (9.5, -3)]))),
    "♂": (15.0, (_ring(6, -5, 4.5), np.array([(9, -8), (13, -14)]), np.array([(8.5, -13), (13, -14), (13.5, -9)]))),
    "ß": (14.0, (_smooth(np.array(_SHARP_S, float)),)),
}
