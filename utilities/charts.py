"""Matplotlib figures, drawn without pyplot so that they need no screen and leave no state.

Tables come from `utilities/comparison.py`. Nothing is told by colour alone: marks, hatches and words say it too.
"""

import math
import re
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from utilities.metrics import edit_distances

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"  # Okabe & Ito: told apart by the colour-blind
PALE = "#D9D9D9"
DPI = 120  # pixels an inch
NAME_WIDTH, CAPTION_WIDTH = 26, 30  # characters in a line: of a model name, of a text under an image
CONFIDENCE_BINS = np.linspace(0, 1, 21)
GALLERY_TITLE = "Above: what stands there. Below: what was read (✓ right, ✗ wrong), and how sure the model was"
KIND_HEADINGS = {
    "substitution": "Read as another (there → read)",
    "insertion": "Read, but not there",
    "deletion": "There, but not read",
}


def training_history_chart(history: Mapping[str, Sequence[float | None]]) -> Figure:
    """How training went: losses on the left, validation CER with its best epoch on the right.

    `history` has equally long `epoch`, `loss`, `val_loss` (nats a word) and `val_cer` (fraction); the validation's may
    hold None or NaN where it was not measured. Of equally good epochs the one with the lower `val_loss` is marked.
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
        best = np.lexsort((val_loss, val_cer))[0]  # by val_cer, then val_loss; NaN comes last
        ring = {"marker": "o", "markersize": 10, "markerfacecolor": "none", "markeredgewidth": 2, "linestyle": "none"}
        right.plot(epochs[best], 100 * val_cer[best], color=ORANGE, **ring, label="best epoch", clip_on=False, zorder=3)
        right.legend()
        right.set(title=f"Validation: best {100 * val_cer[best]:.1f} % in epoch {epochs[best]}", ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    return figure


def box_plots(words: Mapping[str, pd.DataFrame]) -> Figure:
    """How the CER of single words is spread, one box a model; `words`: frames of `comparison.words_read`."""
    figure, axes = _model_rows([_broken(name) for name in words], inches_a_row=0.8)
    box = None
    for place, frame in enumerate(words.values()):
        cer = frame["CER %"].dropna().to_numpy(float)
        if not len(cer):
            _say(axes, place, "no transcriptions")
            continue
        box = _box(axes, place, cer)
        said = f"{len(cer):,} words, median {np.median(cer):.0f} %, mean {cer.mean():.1f} %"
        axes.annotate(said, (0, place - 0.25), (0, 3), textcoords="offset points", fontsize=9)
    if box:
        parts = {"medians": "median", "means": "mean of the words", "fliers": "single words far out"}
        _legend_below(figure, [box[part][0] for part in parts], list(parts.values()))
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
        boxprops={"facecolor": "#BBD9EC", "edgecolor": BLUE},
        medianprops={"color": "black", "linewidth": 3},
        meanprops={"marker": "D", "markerfacecolor": ORANGE, "markeredgecolor": "white", "markersize": 9},
        flierprops={"marker": "o", "markersize": 4, "markerfacecolor": GREY, "markeredgewidth": 0, "alpha": 0.3},
    )


def interval_plot(table: pd.DataFrame) -> Figure:
    """CER of each model with its 95 % interval; `table`: `comparison.model_table`."""
    figure, axes = _model_rows(_counted(table))
    for place, row in enumerate(table.to_dict("records")):
        cer, low, high = row["CER %"], row["CER low %"], row["CER high %"]
        if np.isnan(cer):
            _say(axes, place, "no transcriptions")
            continue
        said = f"{cer:.1f} %"
        if not np.isnan(low):
            axes.plot(
                [low, high], [place, place], color=BLUE, linewidth=2, marker="|", markersize=13, markeredgewidth=2
            )
            said += f" ({low:.1f} to {high:.1f})"
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
    figure, axes = _model_rows(_counted(table))
    styles = {
        "exactly right": (BLUE, "", "white"),
        "one character off": ("#F0C27B", "//", "black"),
        "more characters off": (PALE, "..", "black"),
    }
    for place, row in enumerate(table.to_dict("records")):
        shares = [row["exact %"], row["off by one %"], 100 - row["exact %"] - row["off by one %"]]
        if np.isnan(shares[0]):
            _say(axes, place, "no transcriptions")
            continue
        start = 0.0
        for share, (colour, hatch, ink) in zip(shares, styles.values(), strict=True):
            axes.barh(place, share, left=start, height=0.55, color=colour, hatch=hatch, edgecolor="white")
            if share >= 5:  # % of the width: room for the number
                box = {"facecolor": colour, "edgecolor": "none", "pad": 1.5}
                axes.text(start + share / 2, place, f"{share:.0f} %", ha="center", va="center", color=ink, bbox=box)
            start += share
    keys = [Patch(facecolor=colour, hatch=hatch, edgecolor="white") for colour, hatch, _ in styles.values()]
    _legend_below(figure, keys, list(styles))
    axes.set(xlim=(0, 100), xlabel="share of the judged words (%)", title="Words read right, nearly right, and wrong")
    return figure


def error_bars(errors: pd.DataFrame, title: str = "") -> Figure:
    """The most frequent mistakes by kind; `errors`: `comparison.frequent_errors`."""
    most = max([1, *errors.groupby("kind").size()])
    figure = new_figure(11, 1.5 + 0.3 * most)
    _title(figure, title)
    for axes, (kind, heading) in zip(figure.subplots(1, 3), KIND_HEADINGS.items(), strict=True):
        rows = errors[errors["kind"] == kind]
        axes.set(title=heading, xlabel="times", ylim=(most - 0.5, -0.5))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
        labels = [
            " → ".join(filter(None, pair)).replace("  ", " ␣") for pair in zip(rows["there"], rows["read"], strict=True)
        ]
        axes.set_yticks(range(len(rows)), labels, fontsize=12, parse_math=False)
        axes.bar_label(axes.barh(range(len(rows)), rows["count"], height=0.65, color=BLUE), padding=3)
        axes.margins(x=0.15)
        if rows.empty:
            axes.set_xticks([])
            axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", color=GREY)
    return figure


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
    _title(figure, title)
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
        axes.legend(loc="upper left", reverse=True)
    axes.set(xlim=(0, 1), xlabel="confidence (0: none, 1: certain)", ylabel="words", title="How sure the model was")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return figure


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
    _title(figure, "\n".join(heading))
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


def new_figure(width: float, height: float) -> Figure:
    """A figure of that size in inches."""
    return Figure(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08))


def _title(figure: Figure, title: str) -> None:
    if title:
        figure.suptitle(title, parse_math=False, fontsize=13)


def _model_rows(names: list[str], inches_a_row: float = 0.65) -> tuple[Figure, Axes]:
    """A figure with one row a model, the first on top."""
    figure = new_figure(10, 1.7 + inches_a_row * len(names))
    axes = figure.subplots()
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    return figure, axes


def _counted(table: pd.DataFrame) -> list[str]:
    """The models' names, each with how many words it is judged on."""
    return [f"{_broken(name)}\n{judged:,} words" for name, judged in table["judged"].items()]


def _broken(name: str) -> str:
    """A long model name in several lines, broken after -, _ or a space."""
    lines = [""]
    for piece in re.findall(r"[^-_ ]*[-_ ]|[^-_ ]+", name):
        if lines[-1] and len(lines[-1]) + len(piece) > NAME_WIDTH:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def _say(axes: Axes, place: int, text: str) -> None:
    axes.annotate(text, (0, place), (8, 0), textcoords="offset points", va="center", color=GREY, style="italic")


def _legend_below(figure: Figure, handles: list, labels: list[str]) -> None:
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
