"""How a training went, as a figure."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from utilities.chart_style import BLUE, ORANGE, new_figure
from utilities.history import best_of


def training_history_chart(history: Sequence[Mapping]) -> Figure:
    """How training went: losses on the left, validation CER with its best epoch and its last on the right.

    `history`: rows with the keys of `HISTORY_COLUMNS`; losses in nats a word, CER as a fraction.
    """
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    epochs, loss, val_loss, val_cer = ([row[k] for row in history] for k in ("epoch", "loss", "val_loss", "val_cer"))
    left.plot(epochs, loss, color=BLUE, marker=".", label="training (distorted images)")
    left.plot(epochs, val_loss, color=ORANGE, marker=".", linestyle="--", label="validation")
    left.set(xlabel="epoch", ylabel="CTC loss (nats a word)", title="Loss: lower is better")
    left.legend()
    right.plot(epochs, [100 * cer for cer in val_cer], color=BLUE, marker=".")
    best = best_of(history)
    ring = {"marker": "o", "markersize": 10, "markerfacecolor": "none", "markeredgewidth": 2, "linestyle": "none"}
    place = {"color": ORANGE, "label": "best epoch", "clip_on": False, "zorder": 3}
    right.plot(best["epoch"], 100 * best["val_cer"], **ring, **place)
    right.legend(loc="center right")  # where neither a curve that falls is, nor one that stays near 100 %
    title = f"Validation: best {100 * best['val_cer']:.1f} % in epoch {best['epoch']}, last {100 * val_cer[-1]:.1f} %"
    right.set(xlabel="epoch", ylabel="wrong characters (CER, %)", title=title)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.set_ylim(0, 1.05 * axes.dataLim.y1 or 1)  # of few epochs that hardly differ, too, no dot is cut
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    return figure
