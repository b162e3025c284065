"""Figures of a hyperparameter search; tables come from `utilities/search_summary.py`."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utilities.chart_style import BLUE, GREY, ORANGE, legend_below, new_figure
from utilities.outcomes import TUNED_KEYS
from utilities.search_summary import best_so_far, complete, is_logarithmic, ranked, tried

MANY_RATES = 5  # learning rates from which on only the ends and the middle are written


def best_so_far_chart(trials: pd.DataFrame) -> Figure:
    """CER of each trial and the best so far, over the hours of training spent."""
    course = best_so_far(trials)
    figure = new_figure(10, 4)
    axes = figure.subplots()
    top = np.nanmax([1.0, *course["CER %"]])
    axes.plot(course["hours"], course["CER %"], "o", color=GREY, label="a trial")
    axes.step(course["hours"], course["best CER %"], where="post", color=BLUE, linewidth=2, label="best so far")
    stopped = course[course["CER %"].isna()]
    if len(stopped):
        axes.plot(stopped["hours"], [top] * len(stopped), "x", color=ORANGE, label="stopped early or failed")
    axes.set(xlabel="hours of training", ylabel="validation CER (%)", title="What the search found over time")
    axes.set_ylim(0, 1.1 * top)
    axes.grid(alpha=0.3)
    legend_below(figure, *axes.get_legend_handles_labels())
    if len(stopped) == len(course):
        _say_instead(axes, "no trial is complete")
    return figure


def importance_bars(importances: pd.Series) -> Figure:
    """How much of the differences each hyperparameter explains; `importances`: `search_summary.importances`."""
    figure = new_figure(8, 1.4 + 0.45 * max(1, len(importances)))
    axes = figure.subplots()
    axes.set(xlim=(0, 1), xlabel=importances.name or "", title="Which hyperparameter matters")
    axes.spines[["top", "right"]].set_visible(False)
    if importances.empty:
        _say_instead(axes, "too few trials, or settings, to say")
        axes.set_yticks([])
        return figure
    bars = axes.barh(importances.index[::-1], importances.to_numpy()[::-1], color=BLUE, height=0.6)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    return figure


def scatter_plots(trials: pd.DataFrame) -> Figure:
    """The CER of each complete trial over each hyperparameter of which several values were tried."""
    done = complete(trials)
    keys = tried(done) or ["trial"]
    columns = min(3, len(keys))
    rows = -(-len(keys) // columns)
    figure = new_figure(4 * columns, 3.2 * rows)
    cells = figure.subplots(rows, columns, squeeze=False).flat
    for key, axes in zip(keys, cells, strict=False):  # in this order: of `cells` the rest is left
        axes.plot(done[key], 100 * done["val_cer"], "o", color=BLUE, alpha=0.7)
        if len(done):
            best = ranked(trials).iloc[0]
            axes.plot(best[key], 100 * best["val_cer"], "*", color=ORANGE, markersize=14, label="best")
            axes.legend()
        else:
            axes.set(xticks=[], yticks=[])
            _say_instead(axes, "no trial is complete")
        if key in TUNED_KEYS and is_logarithmic(key):
            axes.set_xscale("log")
            rates = sorted(set(done[key]))
            if len(rates) > MANY_RATES:
                rates = [rates[0], (rates[0] * rates[-1]) ** 0.5, rates[-1]]
            axes.set_xticks(rates, [f"{rate:.2g}" for rate in rates])
            axes.minorticks_off()
        axes.set(xlabel=key, ylabel="validation CER (%)")
        axes.grid(alpha=0.3)
    for axes in list(cells):
        axes.set_axis_off()
    return figure


def _say_instead(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)
