"""The words of a report: their rows as JSON inside a page, small pictures of them, and which letters differ."""

import base64
import io
import json
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from PIL import Image
from rapidfuzz.distance import Levenshtein

from utilities.comparison import confident_errors, least_certain, rows_read, words_judged
from utilities.image_file import ImageError, read_grey
from utilities.progress_bar import progress_bar
from utilities.texts import normalize

PICTURED = 200  # words of each kind (least certain, sure but wrong, most wrong) that have their picture in the page
HEIGHT, WIDTH = 64, 480  # px, the most a picture has: what a table row shows on a dense screen
QUALITY = 40  # of WebP: about 1.5 kB a word, still easy to read
TEXTS = ("image", "label", "prediction", "group", "problem")
UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}  # what could end a script element, or a line in it


def script_json(value: object) -> str:
    """JSON that is safe between <script> tags whatever the texts in it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(UNSAFE)


def words_json(frames: Mapping[str, pd.DataFrame], pictures: Mapping[str, str]) -> str:
    """All rows of all models for the page's script.

    `columns` holds each different column once (models share images and truths), `models` the number of each of their
    columns by name, `pictures` the data URI of each image that has one.
    """
    numbers: dict[str, int] = {}
    models = []
    for frame in frames.values():
        texts = {name: script_json(values) for name, values in word_columns(frame).items()}
        models.append({name: numbers.setdefault(text, len(numbers)) for name, text in texts.items()})
    return (
        f'{{"columns":[{",".join(numbers)}],"models":{script_json(models)},"pictures":{script_json(dict(pictures))}}}'
    )


def word_columns(frame: pd.DataFrame) -> dict[str, list]:
    """The rows of a predictions frame by column, in its order; None where there is no number.

    `marks` has `differing` of the words read wrong, 0 of all others.
    """
    edits = rows_read(frame)["edits"].reindex(frame.index)
    columns = {name: frame[name].tolist() for name in TEXTS}
    columns["confidence"] = [None if pd.isna(c) else round(c, 4) for c in frame["confidence"].tolist()]
    columns["edits"] = [None if pd.isna(e) else int(e) for e in edits.tolist()]
    columns["marks"] = [
        differing(truth, reading) if wrong else 0
        for truth, reading, wrong in zip(columns["label"], columns["prediction"], columns["edits"], strict=True)
    ]
    return columns


def differing(truth: str, reading: str) -> tuple[list[str], list[str]]:
    """Both texts cut where they differ, by one shortest alignment; white space that differs is made visible.

    The truth's pieces are in turn equal and not read (so); the reading's in turn equal, wrongly read, and missing
    there. Pieces may be "".
    """
    there, read = _letters(normalize(truth)), _letters(normalize(reading))
    truth_pieces, reading_pieces = [""], [""]
    for tag, start, end, read_start, read_end in Levenshtein.opcodes(there, read):
        lost, found = "".join(there[start:end]), "".join(read[read_start:read_end])
        if tag == "equal":
            truth_pieces[-1] += lost
            reading_pieces[-1] += found
            continue
        lost, found = _visible(lost), _visible(found)
        if lost:
            truth_pieces += [lost, ""]
        reading_pieces += [found, lost if tag == "delete" else "", ""]
    return truth_pieces, reading_pieces


def _letters(text: str) -> list[str]:
    """Characters with the accents that follow them: a mark must not part the two."""
    letters: list[str] = []
    for character in text:
        if letters and unicodedata.category(character)[0] == "M":
            letters[-1] += character
        else:
            letters.append(character)
    return letters


def _visible(text: str) -> str:
    return "".join("␣" if c.isspace() else c for c in text)


def pictured_images(frame: pd.DataFrame, n: int = PICTURED) -> list[str]:
    """The images of a model worth showing: the n least certain, the n surest of the wrong, and the n most wrong."""
    most_wrong = words_judged(frame).query("edits > 0").sort_values("CER %", ascending=False, kind="stable").head(n)
    return [
        name for words in (least_certain(frame, n), confident_errors(frame, n), most_wrong) for name in words["image"]
    ]


def thumbnails(images: Collection[str], paths: Mapping[str, Path | None]) -> dict[str, str]:
    """Image -> data URI of its picture, for those that can be read."""
    wanted = [image for image in dict.fromkeys(images) if paths.get(image)]
    with ThreadPoolExecutor() as pool:
        made: Iterable[str | None] = pool.map(lambda image: thumbnail(paths[image]), wanted)
        shown = progress_bar("Pictures for the report", "image", len(wanted), made)
        return {image: uri for image, uri in zip(wanted, shown, strict=True) if uri}


def thumbnail(path: Path) -> str | None:
    """A small grey picture as a data URI; None for an image that cannot be read."""
    try:
        picture = Image.fromarray(read_grey(path))
    except ImageError:
        return None
    picture.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return data_uri(picture, "webp", quality=QUALITY)


def data_uri(picture: Image.Image, kind: str, **options) -> str:
    """The picture in a file format, inside an address."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
