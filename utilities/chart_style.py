"""What all figures share: colours, sizes, and rows of models.

Matplotlib without pyplot needs no screen and leaves no state. Nothing is told by colour alone: marks, hatches and words
say it too.
"""

import re

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine

from utilities.counts import number_of

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"  # Okabe & Ito: told apart by the colour-blind
PALE, PALE_BLUE = "#D9D9D9", "#BBD9EC"
DPI = 120  # pixels an inch
NAME_WIDTH = 26  # characters in a line of a model name


def new_figure(width: float, height: float) -> Figure:
    """A figure of that size in inches."""
    return Figure(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08))


def add_title(figure: Figure, title: str) -> None:
    """A title over the whole figure; a "$" in it is a dollar sign."""
    if title:
        figure.suptitle(drawable(title), parse_math=False, fontsize=13)


def model_rows(names: list[str], inches_a_row: float = 0.65) -> tuple[Figure, Axes]:
    """A figure with one row a model, the first on top."""
    figure = new_figure(10, 1.7 + inches_a_row * len(names))
    axes = figure.subplots()
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    return figure, axes


def counted(table: pd.DataFrame) -> list[str]:
    """The models' names, each with how many words it is judged on."""
    return [f"{broken(name)}\n{number_of(judged, 'word')}" for name, judged in table["judged"].items()]


def broken(name: str) -> str:
    """A long model name in several lines, broken after -, _ or a space."""
    lines = [""]
    for piece in re.findall(r"[^-_ ]*[-_ ]|[^-_ ]+", drawable(name)):
        if lines[-1] and len(lines[-1]) + len(piece) > NAME_WIDTH:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def say(axes: Axes, place: int, text: str) -> None:
    """A remark in a model's row instead of its figures."""
    axes.annotate(text, (0, place), (8, 0), textcoords="offset points", va="center", color=GREY, style="italic")


def drawable(text: str) -> str:
    """The text with a code for each character that the charts' font lacks: all of those would be the same box."""
    font = get_font(findfont(FontProperties()))
    return "".join(c if c == "\n" or font.get_char_index(ord(c)) else f"U+{ord(c):04X}" for c in text)


def legend_below(figure: Figure, handles: list, labels: list[str]) -> None:
    """A legend in one line under the figure."""
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
