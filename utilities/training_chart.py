"""How a training went, as a figure."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from utilities.chart_style import BLUE, ORANGE, new_figure
from utilities.metrics import NOTHING_LEARNT


def training_history_chart(history: Mapping[str, Sequence[float | None]]) -> Figure:
    """How training went: losses on the left, validation CER with its best epoch and its last on the right.

    `history` has equally long `epoch`, `loss`, `val_loss` (nats a word) and `val_cer` (fraction); the validation's may
    hold None or NaN where it was not measured. The epoch marked is that of
    `training.best_of`.
    """
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    epochs = np.asarray(history["epoch"])
    loss, val_loss, val_cer = (np.array(history[k], float) for k in ("loss", "val_loss", "val_cer"))
    left.plot(epochs, loss, color=BLUE, marker=".", label="training (distorted images)")
    if not np.isnan(val_loss).all():
        left.plot(epochs, val_loss, color=ORANGE, marker=".", linestyle="--", label="validation")
    left.set(xlabel="epoch", ylabel="CTC loss (nats a word)", title="Loss: lower is better", ylim=(0, None))
    left.legend()
    right.plot(epochs, 100 * val_cer, color=BLUE, marker=".")
    right.set(xlabel="epoch", ylabel="wrong characters (CER, %)")
    if np.isnan(val_cer).all():
        right.set(title="Validation: not measured", ylim=(0, 100))
    else:
        reads = np.where(val_cer >= NOTHING_LEARNT, 1.0, val_cer)
        best = np.lexsort((val_loss, reads))[0]  # as `training.best_of` has it; NaN comes last
        ring = {"marker": "o", "markersize": 10, "markerfacecolor": "none", "markeredgewidth": 2, "linestyle": "none"}
        right.plot(epochs[best], 100 * val_cer[best], color=ORANGE, **ring, label="best epoch", clip_on=False, zorder=3)
        right.legend(loc="lower left")  # where a curve that falls from near 100 % is not
        last = val_cer[~np.isnan(val_cer)][-1]
        title = f"Validation: best {100 * val_cer[best]:.1f} % in epoch {epochs[best]}, last {100 * last:.1f} %"
        right.set(title=title, ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    return figure
