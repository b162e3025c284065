"""Matplotlib figures, drawn without pyplot so that they need no screen and leave no state."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"  # Okabe & Ito: told apart by the colour-blind


def training_history_chart(history: Mapping[str, Sequence[float]]) -> Figure:
    """How training went: losses on the left, validation CER with its best epoch on the right.

    `history` has equally long `epoch`, `loss`, `val_loss` (nats a word) and `val_cer` (fraction).
    """
    figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs, cer = np.asarray(history["epoch"]), 100 * np.asarray(history["val_cer"], float)
    left.plot(epochs, history["loss"], color=BLUE, marker=".", label="training (distorted images)")
    left.plot(epochs, history["val_loss"], color=ORANGE, marker=".", linestyle="--", label="validation")
    left.set(xlabel="epoch", ylabel="CTC loss (nats a word)", title="Loss: lower is better", ylim=(0, None))
    left.legend()
    right.plot(epochs, cer, color=BLUE, marker=".")
    best = int(np.nanargmin(cer))
    right.plot(
        epochs[best], cer[best], marker="o", markersize=9, markerfacecolor="none", color=ORANGE, linestyle="none"
    )
    right.set(xlabel="epoch", ylabel="wrong characters (CER, %)", ylim=(0, None))
    right.set_title(f"Validation: best {cer[best]:.1f} % in epoch {epochs[best]}")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure
