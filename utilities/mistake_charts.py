"""Figures of one model's mistakes, by character and by length; tables come from `utilities/comparison.py`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from utilities.chart_style import BLUE, GREY, PALE_BLUE, add_title, drawable, new_figure
from utilities.counts import percent

LEFT_TO_RIGHT = "\u200e"  # a mark that keeps Hebrew and Arabic letters on their side of the arrow
ARROW = f" {LEFT_TO_RIGHT}→{LEFT_TO_RIGHT} "
KIND_HEADINGS = {
    "substitution": "Read as another (there → read)",
    "insertion": "Read, but not there",
    "deletion": "There, but not read",
}


def error_bars(errors: pd.DataFrame, title: str = "") -> Figure:
    """The most frequent mistakes by kind; `errors`: `comparison.frequent_errors`."""
    most = max([1, *errors.groupby("kind").size()])
    figure = new_figure(11, 1.5 + 0.3 * most)
    add_title(figure, title)
    for axes, (kind, heading) in zip(figure.subplots(1, 3), KIND_HEADINGS.items(), strict=True):
        rows = errors[errors["kind"] == kind]
        axes.set(title=heading, xlabel="times", ylim=(most - 0.5, -0.5))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
        labels = [
            LEFT_TO_RIGHT + ARROW.join(drawable(c) for c in pair if c)
            for pair in zip(rows["there"], rows["read"], strict=True)
        ]
        axes.set_yticks(range(len(rows)), labels, fontsize=12, parse_math=False)
        axes.bar_label(axes.barh(range(len(rows)), rows["count"], height=0.65, color=BLUE), padding=3)
        axes.margins(x=0.15)
        if rows.empty:
            axes.set_xticks([])
            axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", color=GREY)
    return figure


def length_chart(table: pd.DataFrame, title: str = "") -> Figure:
    """CER and share of exact words by length of the transcription, with intervals; `table`: `comparison.by_length`."""
    figure = new_figure(10, 4.2)
    add_title(figure, title)
    places = np.arange(len(table))
    lengths = table["length"].str.replace(" or more", "+")
    names = [f"{length}\n{words:,}" for length, words in zip(lengths, table["words"], strict=True)]
    panels = {
        "CER": ("Wrong characters (lower is better)", ""),
        "exact": ("Words read exactly (higher is better)", "//"),
    }
    for axes, (figure_name, (heading, hatch)) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        shares, low, high = (table[f"{figure_name}{end} %"].to_numpy(float) for end in ("", " low", " high"))
        axes.bar(places, shares, width=0.65, color=PALE_BLUE, edgecolor=BLUE, hatch=hatch)
        # a percentile interval need not hold the figure itself: an arm is never of negative length
        arms = np.maximum(0, [shares - low, high - shares])
        axes.errorbar(places, shares, arms, fmt="none", ecolor="black", capsize=5)
        for place, share, top in zip(places, shares, np.fmax(shares, high), strict=True):
            axes.annotate(percent(share), (place, top), (0, 4), textcoords="offset points", ha="center", fontsize=9)
        axes.set_xticks(places, names, fontsize=8)
        axes.set(title=heading, xlabel="characters of the word, and how many words there are", ylabel="%")
        axes.set_ylim(0, 1.12 * np.nanmax([1, *shares, *high]))  # 12 %: room for the figures
        axes.spines[["top", "right"]].set_visible(False)
        if table.empty:
            axes.set_xticks([])
            axes.text(0.5, 0.5, "no transcriptions", transform=axes.transAxes, ha="center", color=GREY)
    return figure
