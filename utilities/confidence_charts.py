"""Figures of one model's confidence; tables come from `utilities/comparison.py`."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utilities.acceptance import as_written
from utilities.chart_style import BLUE, GREY, ORANGE, PALE, PALE_BLUE, add_title, legend_below, new_figure
from utilities.counts import number_of

CONFIDENCE_BINS = np.linspace(0, 1, 21)
MARKS = 6  # confidences written along a curve, at most
APART = 8  # % of the words between two of them: nearer, one would be written over the other


def confidence_histogram(words: pd.DataFrame, title: str = "") -> Figure:
    """How sure the model was of words it read right and wrong; `words`: a frame of `comparison.words_read`."""
    words = words.dropna(subset="confidence")
    judged = words.dropna(subset="edits")
    wrong, right = judged[judged["edits"] > 0], judged[judged["edits"] == 0]
    without = words[words["edits"].isna()]
    kinds = {
        "read wrong": (wrong, ORANGE, "//"),
        "read right": (right, BLUE, ""),
        "no transcription": (without, PALE, ".."),
    }
    kinds = {name: kind for name, kind in kinds.items() if len(kind[0]) or (name != "no transcription" and len(judged))}
    figure = new_figure(10, 4)
    add_title(figure, title)
    axes = figure.subplots()
    below = np.zeros(len(CONFIDENCE_BINS) - 1)
    for name, (frame, colour, hatch) in kinds.items():
        counts, _ = np.histogram(frame["confidence"], CONFIDENCE_BINS)
        axes.bar(
            CONFIDENCE_BINS[:-1],
            counts,
            width=np.diff(CONFIDENCE_BINS),
            bottom=below,
            align="edge",
            color=colour,
            hatch=hatch,
            edgecolor="white",
            label=f"{name} ({len(frame):,})",
        )
        below += counts
    if kinds:
        legend_below(figure, *axes.get_legend_handles_labels())
    axes.set(xlim=(0, 1), xlabel="confidence (0: none, 1: certain)", ylabel="words", title="How sure the model was")
    axes.set_ylim(0, 1.1 * below.max() or 1)
    axes.yaxis.get_major_locator().set_params(integer=True)
    if words.empty:
        axes.set_yticks([])
        _nothing(axes, "no words with a confidence")
    return figure


def calibration_chart(table: pd.DataFrame, title: str = "") -> Figure:
    """Reliability diagram: confidence against the share that came out right; `table`: `comparison.calibration_table`.

    Each point is a tenth of the words with its 95 % interval and, below, how many words it stands for. On the diagonal
    confidence means what it says.
    """
    figure = new_figure(6.5, 7.2)
    add_title(figure, title)
    axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
    (diagonal,) = axes.plot([0, 1], [0, 1], color=GREY, linestyle="--")
    axes.text(0.04, 0.94, "too modest", color=GREY, style="italic", va="top")
    axes.text(0.96, 0.06, "too sure", color=GREY, style="italic", ha="right")
    columns = ("mean confidence", "right", "right low", "right high")
    confidence, right, low, high = (table[c].to_numpy(float) for c in columns)
    arms = np.maximum(0, [right - low, high - right])  # rounding must not leave an arm of negative length
    points = axes.errorbar(confidence, right, arms, fmt="o", color=BLUE, capsize=4)
    words = int(table["words"].sum())
    axes.set(ylabel="share that was right", ylim=(-0.02, 1.02))
    axes.set_title(f"Does the confidence come true? {number_of(words, 'word')}")
    axes.grid(alpha=0.3)
    counts.vlines(confidence, 0, table["words"], color=BLUE, linewidth=4)
    counts.set(xlim=(-0.02, 1.02), xlabel="mean confidence (0: none, 1: certain)", ylabel="words", ylim=(0, None))
    counts.yaxis.get_major_locator().set_params(integer=True, nbins=3)
    legend_below(figure, [points, diagonal], ["a tenth of the words (95 % interval)", "as sure as it should be"])
    if table.empty:
        _nothing(axes)
    return figure


def acceptance_chart(curve: pd.DataFrame, title: str = "", target: float | None = None) -> Figure:
    """What is left wrong, by how much is accepted unseen; `curve`: `comparison.acceptance_curve`.

    `target`: the share of wrong words one is ready to accept, a fraction; drawn as a line.
    """
    figure = new_figure(10, 4.8)
    add_title(figure, title)
    axes = figure.subplots()
    accepted, wrong = curve["accepted %"].to_numpy(float), curve["wrong %"].to_numpy(float)
    area = {"facecolor": PALE_BLUE, "alpha": 0.6, "edgecolor": BLUE, "linestyle": ":"}
    interval = axes.fill_between(accepted, curve["wrong low %"], curve["wrong high %"], **area)
    (line,) = axes.plot(accepted, wrong, color=BLUE, linewidth=2)
    keys = {"wrong, of the accepted": line, "95 % interval of each point": interval}
    if target is not None:
        keys[f"target: {100 * target:g} % wrong"] = axes.axhline(100 * target, color=ORANGE, linestyle="--")
    for row in _marked_rows(accepted):
        at = (accepted[row], wrong[row])
        axes.plot(*at, marker="o", color=BLUE, clip_on=False)
        style = {"ha": "center", "fontsize": 9, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1}}
        threshold = as_written(curve["confidence"].iloc[row])
        axes.annotate(f"≥ {threshold}", at, (0, 12), textcoords="offset points", **style)
    # 105: room for the last figure; the interval of the first few words is as wide as the chart and is cut off
    highest = max([1, *wrong, 200 * (target or 0)])
    axes.set(xlim=(0, 105), ylim=(0, 1.3 * highest), xlabel="words accepted unseen (%), the most certain first")
    axes.set(
        ylabel="wrong words among them (%)", title="What accepting words of at least a confidence (≥) leaves wrong"
    )
    axes.grid(alpha=0.3)
    legend_below(figure, list(keys.values()), list(keys))
    if curve.empty:
        _nothing(axes)
    return figure


def _nothing(axes: Axes, said: str = "no transcribed words with a confidence") -> None:
    axes.text(0.5, 0.25, said, transform=axes.transAxes, ha="center", color=GREY, style="italic")


def _marked_rows(accepted: np.ndarray) -> list[int]:
    """Rows of the curve about evenly along the words accepted, the last one first, where its confidence is written."""
    rows: list[int] = []
    for share in np.linspace(100, 100 / MARKS, MARKS) if len(accepted) else ():
        row = int(np.abs(accepted - share).argmin())
        if not rows or accepted[rows[-1]] - accepted[row] >= APART:
            rows.append(row)
    return rows
