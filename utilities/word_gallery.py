"""Pictures of words with what stands there and what was read."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from utilities.chart_style import GREEN, GREY, ORANGE, PALE, add_title, new_figure
from utilities.metrics import edit_distances

CAPTION_WIDTH = 30  # characters in a line of a text under an image
GALLERY_TITLE = "Above: what stands there. Below: what was read (✓ right, ✗ wrong), and how sure the model was"


def word_gallery(
    rows: Sequence[tuple[np.ndarray, str | None, str, float]], columns: int = 4, title: str = ""
) -> Figure:
    """Word images with what stands there and what was read; wrong readings have a cross and a dashed frame.

    `rows`: (image (H, W) uint8, truth or None, prediction, confidence in [0, 1]).
    """
    texts = [_captions(*row[1:]) for row in rows]
    lines = max((truth.count("\n") + reading.count("\n") + 2 for truth, reading, _ in texts), default=2)
    n_rows = max(1, math.ceil(len(rows) / columns))
    heading = textwrap.wrap(title or GALLERY_TITLE, 26 * columns)
    # inches: an image, a line of text under it, a line of the heading
    figure = new_figure(2.9 * columns, n_rows * (0.85 + 0.2 * lines) + 0.3 * (1 + len(heading)))
    add_title(figure, "\n".join(heading))
    cells = figure.subplots(n_rows, columns, squeeze=False).flat
    for axes in cells:
        axes.set_axis_off()
    for axes, (image, *_), (truth, reading, right) in zip(figure.axes, rows, texts, strict=False):
        axes.set_axis_on()
        axes.set(xticks=[], yticks=[], anchor="S")
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
        wrong = right is False
        axes.spines[:].set(
            color=ORANGE if wrong else PALE, linewidth=2 if wrong else 1, linestyle="--" if wrong else "-"
        )
        axes.set_xlabel(truth, fontsize=10, color="black", parse_math=False, labelpad=4)
        colour = ORANGE if wrong else GREEN if right else GREY
        below = {
            "xycoords": axes.xaxis.label,
            "xytext": (0, -3),
            "textcoords": "offset points",
            "annotation_clip": False,
        }
        axes.annotate(
            reading,
            (0.5, 0),
            **below,
            ha="center",
            va="top",
            color=colour,
            weight="bold",
            fontsize=10,
            parse_math=False,
        )
    return figure


def _captions(truth: str | None, prediction: str, confidence: float) -> tuple[str, str, bool | None]:
    """The text above, the text below, and whether the reading is right (None: not known)."""
    right = None if not truth else bool(edit_distances([truth], [prediction])[0] == 0)
    mark = {True: "✓ ", False: "✗ ", None: ""}[right]
    return (
        _wrapped(truth or "(no transcription)"),
        _wrapped(f"{mark}{prediction or '(nothing)'}  {confidence:.2f}"),
        right,
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, CAPTION_WIDTH, max_lines=3, placeholder=" …")
