"""What opening, decoding and padding an image set takes, as JSON-ready values."""

import csv
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utilities.image_cache import cached_images
from utilities.image_set import ImageSet, read_image_set, usable_samples
from utilities.images import BUCKET, READING_BUCKET, Preprocessing, canvas_width
from utilities.metadata import Columns
from utilities.rows import label_problems
from utilities.split import split_samples


def opening(rows: int) -> dict:
    """Seconds to open a generated image set of that many rows: join, checks other than decoding, split."""
    columns = Columns("words_metadata.csv", "image_location", "transcription", "specimen")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        with (folder / columns.file_name).open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow((columns.image, columns.transcription, columns.group))
            for row in range(rows):
                image = f"images/w{row:06d}.png"
                (folder / image).touch()  # nothing is decoded, so nothing needs to be in it
                table.writerow((image, f"word {row % 977}", f"s{row // 40}"))
        began = time.perf_counter()
        found = read_image_set(folder, columns, "png")
        problems = [*found.problems, *label_problems(found.samples, 40, None, {})]
        split_samples(usable_samples(found, problems, "stop"), 0.1, 2, grouped=True)
        seconds = time.perf_counter() - began
    return {"rows": rows, "seconds": seconds}


def cache_start(image_set: ImageSet, how: Preprocessing) -> dict:
    """Seconds to decode an image set into a new cache, and to start from that cache; files are in the system's."""
    paths = [s.path for s in image_set.samples]
    seconds = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2):
            began = time.perf_counter()
            cached_images(image_set.folder, paths, how, Path(cache))
            seconds.append(time.perf_counter() - began)
    return {"decoding_seconds": seconds[0], "cache_seconds": seconds[1], "ratio": seconds[0] / seconds[1]}


def padding(contents: Sequence[np.ndarray], how: Preprocessing) -> dict:
    """Pixels computed with width buckets, in reading and in training, as shares of what one canvas for all would need.

    What stands outside `training` is of reading.
    """
    return _padding(contents, how, READING_BUCKET) | {"training": _padding(contents, how, BUCKET)}


def _padding(contents: Sequence[np.ndarray], how: Preprocessing, bucket: int) -> dict:
    widths = np.array([content.shape[1] for content in contents])
    canvases = np.array([canvas_width(int(width), how, bucket) for width in widths])
    return {
        "ink_share": float(widths.sum() / canvases.sum()),  # of the computed pixels that are content, not padding
        "of_widest_needed": float(canvases.sum() / (canvases.max() * len(canvases))),
        "of_img_width": float(canvases.sum() / (how.width * len(canvases))),
        "buckets": len(set(canvases.tolist())),
    }
