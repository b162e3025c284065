"""The strokes of characters in openly licensed stroke fonts, with the accents and signs that these fonts lack.

The fonts are A. V. Hershey's (1967), as the package Hershey-Fonts brings them.
"""

import unicodedata
from functools import cache

import numpy as np
from HersheyFonts import HersheyFonts

BASE_LINE, X_HEIGHT = 9.0, 14.0  # font units; y points down and letters stand on BASE_LINE
OVERLAP = 0.7  # of a letter's width, after which the other letter of a ligature begins


@cache
def glyph(font: str, character: str) -> tuple[float, tuple[np.ndarray, ...]]:
    """Advance width and strokes (n, 2) of a character, standing on 0, smoothed; no strokes if the font lacks it."""
    character = _LIKE.get(character, character)
    if character in _SIGNS:
        return _SIGNS[character]
    if character in _LIGATURES:
        return _ligature(font, *_LIGATURES[character])
    base, *marks = unicodedata.normalize("NFD", _STRUCK.get(character, character))
    found = _font(font).get(base)
    if found is None or not set(marks) <= _MARKS.keys():
        return 0.0, ()
    strokes = [np.array(s, float) - (found.left_offset, BASE_LINE) for s in found.strokes if len(s)]
    if not strokes:
        return float(found.char_width), ()
    low, high = (f([f(s, axis=0) for s in strokes], axis=0) for f in (np.min, np.max))
    middle = (low[0] + high[0]) / 2
    for mark in marks:
        at = (middle + 1, min(low[1], -X_HEIGHT) - 2) if mark in _ABOVE else (middle, 0.0)
        strokes += [np.array(s, float) + at for s in _MARKS[mark]]
    if character in _STRUCK:
        if base in "lL":
            low, high = np.array((low[0], -X_HEIGHT)), np.array((min(high[0], low[0] + 4), -X_HEIGHT / 2))
        strokes.append(np.array([(low[0] - 1, high[1] + 1), (high[0] + 1, low[1] - 1)]))
    return float(found.char_width), tuple(_smooth(s) for s in strokes)


def _ligature(font: str, one: str, other: str) -> tuple[float, tuple[np.ndarray, ...]]:
    """Two letters that touch, as `glyph`."""
    (width, strokes), (more, others) = glyph(font, one), glyph(font, other)
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
