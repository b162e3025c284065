"""The generated demonstration set: herbarium words in two invented hands.

This shows the toolkit at work and feeds the tests; it says nothing of how well real handwriting is read.
"""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from utilities.handwriting import Hand, Sheet, draw_word
from utilities.safe_files import refuse_existing, whole_folder
from utilities.sample_texts import label_texts

SIZES = {"first_hand": (2400, 300), "second_hand": (300, 150)}  # images to train on and to test with
WORDS_A_SPECIMEN = 5
COLUMNS = ("image_location", "transcription", "specimen")
METADATA = "words_metadata.csv"
HANDS = {
    "first_hand": Hand("scripts", slant=0.05, wide=1.0, spacing=0.0, pen=2, restless=1.0),
    "second_hand": Hand("futural", slant=0.45, wide=0.8, spacing=-0.5, pen=3, restless=1.4),
}
LETTERS = {"first_hand": "éöü×°", "second_hand": "éöü×°åçñøáèíëÅ"}  # outside ASCII, that their words may hold


def write_sample(destination: Path, seed: int = 2, sizes: dict[str, tuple[int, int]] | None = None) -> dict[str, int]:
    """Write DEST/HAND/{train,test} with images and words_metadata.csv, whole or not at all.

    `sizes`: images to train on and to test with, by hand. Returns the number of images of each folder below DEST.
    Raises OutputExistsError when DEST exists.
    """
    refuse_existing([destination], "Choose a folder that does not exist yet.")
    counts = {}
    with whole_folder(destination) as folder:
        for number, (name, parts) in enumerate((sizes or SIZES).items()):
            for part, count in zip(("train", "test"), parts, strict=True):
                rng = np.random.default_rng((seed, number, part == "test"))
                _write_part(folder / name / part, name, f"{name[0]}{part[1]}", count, rng)
                counts[f"{name}/{part}"] = count
    return counts


def _write_part(folder: Path, hand: str, prefix: str, count: int, rng: np.random.Generator) -> None:
    (folder / "images").mkdir(parents=True)
    with (folder / METADATA).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number in range(count):
            if number % WORDS_A_SPECIMEN == 0:
                specimen = f"{prefix}-{number // WORDS_A_SPECIMEN + 1:04d}"
                texts, sheet = label_texts(LETTERS[hand], rng), Sheet.random(rng)
            name = f"images/{specimen}-{number % WORDS_A_SPECIMEN + 1}.png"
            text = next(texts)
            Image.fromarray(draw_word(text, HANDS[hand], rng, sheet)).save(folder / name, compress_level=1)
            writer.writerow((name, text, specimen))
