"""Figures with one row a model; tables come from `utilities/comparison.py`."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from utilities.chart_style import BLUE, GREY, ORANGE, PALE, PALE_BLUE, broken, counted, legend_below, model_rows, say
from utilities.counts import number_of, percent


def interval_plot(table: pd.DataFrame) -> Figure:
    """CER of each model with its 95 % interval; `table`: `comparison.model_table`."""
    figure, axes = model_rows(counted(table))
    for place, row in enumerate(table.to_dict("records")):
        cer, low, high = row["CER %"], row["CER low %"], row["CER high %"]
        if np.isnan(cer):
            say(axes, place, "no transcriptions")
            continue
        said = f"{percent(cer)} %"
        if not np.isnan(low):
            axes.plot(
                [low, high], [place, place], color=BLUE, linewidth=2, marker="|", markersize=13, markeredgewidth=2
            )
            said += f" ({percent(low)} to {percent(high)})"
        axes.plot(cer, place, marker="o", markersize=9, color=BLUE, clip_on=False, zorder=3)
        axes.annotate(said, (np.nanmax([cer, high]), place), (10, 0), textcoords="offset points", va="center")
    highest = np.nanmax(table[["CER %", "CER high %"]].to_numpy(float), initial=0)
    axes.set_xlim(0, 1.4 * highest or 1)  # 40 %: room for the figures beside the marks
    axes.set(
        xlabel="wrong characters (CER, %)", title="Character error rate with 95 % interval: further left is better"
    )
    return figure


def match_bars(table: pd.DataFrame) -> Figure:
    """Shares of words read exactly, with one wrong character, and with more; `table`: `comparison.model_table`."""
    figure, axes = model_rows(counted(table))
    styles = {
        "exactly right": (BLUE, "", "white"),
        "one character off": ("#F0C27B", "//", "black"),
        "more characters off": (PALE, "..", "black"),
    }
    for place, row in enumerate(table.to_dict("records")):
        shares = [row["exact %"], row["off by one %"], 100 - row["exact %"] - row["off by one %"]]
        if np.isnan(shares[0]):
            say(axes, place, "no transcriptions")
            continue
        start = 0.0
        for share, (colour, hatch, ink) in zip(shares, styles.values(), strict=True):
            axes.barh(place, share, left=start, height=0.55, color=colour, hatch=hatch, edgecolor="white")
            if share >= 5:  # % of the width: room for the number
                box = {"facecolor": colour, "edgecolor": "none", "pad": 1.5}
                said = f"{percent(share, 0)} %"
                axes.text(start + share / 2, place, said, ha="center", va="center", color=ink, bbox=box)
            start += share
    keys = [Patch(facecolor=colour, hatch=hatch, edgecolor="white") for colour, hatch, _ in styles.values()]
    legend_below(figure, keys, list(styles))
    axes.set(xlim=(0, 100), xlabel="share of the judged words (%)", title="Words read right, nearly right, and wrong")
    return figure


def box_plots(words: Mapping[str, pd.DataFrame]) -> Figure:
    """How the CER of single words is spread, one box a model; `words`: frames of `comparison.words_read`."""
    figure, axes = model_rows([broken(name) for name in words], inches_a_row=0.8)
    box = None
    for place, frame in enumerate(words.values()):
        cer = frame["CER %"].dropna().to_numpy(float)
        if not len(cer):
            say(axes, place, "no transcriptions")
            continue
        box = _box(axes, place, cer)
        said = f"{number_of(len(cer), 'word')}, median {np.median(cer):.0f} %, mean {cer.mean():.1f} %"
        axes.annotate(said, (0, place - 0.25), (0, 3), textcoords="offset points", fontsize=9)
    if box:
        parts = {"medians": "median", "means": "mean of the words", "fliers": "single words far out"}
        legend_below(figure, [box[part][0] for part in parts], list(parts.values()))
    farthest = max([10, *axes.dataLim.intervalx]) if box else 100
    axes.set_xlim(-0.03 * farthest, 1.05 * farthest)
    axes.set(xlabel="CER of a word (%): 0 is right, 100 is all wrong", title="How wrong single words are")
    return figure


def _box(axes: Axes, place: int, values: np.ndarray) -> dict:
    return axes.boxplot(
        values,
        positions=[place],
        orientation="horizontal",
        widths=0.45,
        patch_artist=True,
        showmeans=True,
        manage_ticks=False,
        boxprops={"facecolor": PALE_BLUE, "edgecolor": BLUE},
        medianprops={"color": "black", "linewidth": 3},
        meanprops={"marker": "D", "markerfacecolor": ORANGE, "markeredgecolor": "white", "markersize": 9},
        flierprops={"marker": "o", "markersize": 4, "markerfacecolor": GREY, "markeredgewidth": 0, "alpha": 0.3},
    )
