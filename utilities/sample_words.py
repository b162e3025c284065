"""The generated demonstration set: herbarium words in two invented hands, drawn from openly licensed stroke fonts.

The strokes are A. V. Hershey's (1967), as the package Hershey-Fonts brings them. Letters get their own slant, size and
wobble in every word, and a specimen its own pen and paper. This shows the toolkit at work and feeds the tests; it says
nothing of how well real handwriting is read.
"""

import csv
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from HersheyFonts import HersheyFonts
from PIL import Image

from utilities.safe_files import refuse_existing, whole_folder
from utilities.sample_texts import label_texts

SIZES = {"first_hand": (2400, 300), "second_hand": (300, 150)}  # images to train on and to test with
WORDS_A_SPECIMEN = 5
COLUMNS = ("image_location", "transcription", "specimen")
METADATA = "words_metadata.csv"
PIXELS_A_UNIT = 1.5  # font units -> px: capitals are 21 units high
BASE_LINE, CAP_HEIGHT, X_HEIGHT = 9.0, 21.0, 14.0  # font units; y points down and letters stand on BASE_LINE


@dataclass(frozen=True)
class Hand:
    """How an invented person writes. Lengths are in font units, `pen` in px; `restless` scales all that varies."""

    font: str
    slant: float  # horizontal units per vertical unit, to the right
    wide: float
    spacing: float
    pen: int
    restless: float
    letters: str  # characters outside ASCII that this hand's words may hold


HANDS = {
    "first_hand": Hand("scripts", slant=0.05, wide=1.0, spacing=0.0, pen=2, restless=1.0, letters="éöü×°"),
    "second_hand": Hand("futural", slant=0.45, wide=0.8, spacing=-0.5, pen=3, restless=1.4, letters="éöü×°åçñøáèíëÅ"),
}


def write_sample(destination: Path, seed: int = 2, sizes: dict[str, tuple[int, int]] | None = None) -> dict[str, int]:
    """Write DEST/HAND/{train,test} with images and words_metadata.csv, whole or not at all.

    `sizes`: images to train on and to test with, by hand. Returns the number of images of each folder below DEST.
    Raises OutputExistsError when DEST exists.
    """
    refuse_existing([destination], "Choose another folder, or delete that one first.")
    counts = {}
    with whole_folder(destination) as folder:
        for number, (name, parts) in enumerate((sizes or SIZES).items()):
            for part, count in zip(("train", "test"), parts, strict=True):
                rng = np.random.default_rng((seed, number, part == "test"))
                _write_part(folder / name / part, HANDS[name], f"{name[0]}{part[1]}", count, rng)
                counts[f"{name}/{part}"] = count
    return counts


def _write_part(folder: Path, hand: Hand, prefix: str, count: int, rng: np.random.Generator) -> None:
    (folder / "images").mkdir(parents=True)
    with (folder / METADATA).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number in range(count):
            if number % WORDS_A_SPECIMEN == 0:
                specimen = f"{prefix}-{number // WORDS_A_SPECIMEN + 1:04d}"
                texts, sheet = label_texts(hand.letters, rng), Sheet.random(rng)
            name = f"images/{specimen}-{number % WORDS_A_SPECIMEN + 1}.png"
            text = next(texts)
            Image.fromarray(draw_word(text, hand, rng, sheet)).save(folder / name, compress_level=1)
            writer.writerow((name, text, specimen))


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
    missing = sorted({c for c in text if not _glyph(hand.font, c)[1]} - {" "})
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
    if character in _SIGNS:
        return _SIGNS[character]
    base, *marks = unicodedata.normalize("NFD", "o" if character == "ø" else character)
    glyph = _font(font).get(base)
    if glyph is None or not set(marks) <= set(_MARKS):
        return 0.0, ()
    strokes = [np.array(s, float) - (glyph.left_offset, BASE_LINE) for s in glyph.strokes if len(s)]
    if not strokes:
        return float(glyph.char_width), ()
    low, high = (f([f(s, axis=0) for s in strokes], axis=0) for f in (np.min, np.max))
    middle = (low[0] + high[0]) / 2
    for mark in marks:
        at = (middle, 0.0) if mark == "\u0327" else (middle + 1, min(low[1], -X_HEIGHT) - 2)
        strokes += [np.array(s, float) + at for s in _MARKS[mark]]
    if character == "ø":
        strokes.append(np.array([(low[0] - 1, high[1] + 1), (high[0] + 1, low[1] - 1)]))
    return float(glyph.char_width), tuple(_smooth(s) for s in strokes)


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


# combining marks: strokes about the middle of the letter's top (of its foot for the cedilla)
_MARKS = {
    "\u0300": [[(-3, -4), (1, 0)]],
    "\u0301": [[(3, -4), (-1, 0)]],
    "\u0303": [[(-4, -1), (-2, -3), (1, -1), (3, -3)]],
    "\u0308": [[(-3, -2), (-2.5, -1.5)], [(2.5, -2), (3, -1.5)]],
    "\u030a": [_ring(0, -3, 2.2)],
    "\u0327": [[(0, 0), (-0.5, 2), (1.5, 3), (0.5, 5), (-1.5, 5)]],
}
_SIGNS = {
    "×": (14.0, (np.linspace((2, -10), (11, -1), 5), np.linspace((11, -10), (2, -1), 5))),
    "°": (9.0, (_ring(4, -18, 2.8),)),
}
