"""Pieces of HTML for the report: tables, charts, texts with marked letters. All that comes from data is escaped."""

import io
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from utilities.report_words import data_uri, differing

PALETTE = 64  # colours of a chart: flat areas and smooth text need no more, and the file is a third as large
TRUTH_TAGS = ("", "mark")  # what stands around the pieces of `report_words.differing`; script.js has the same
READING_TAGS = ("", "ins", "del")
DENSITY = 1.25  # a chart's pixels for one of the page, so that it stays sharp on dense screens and paper
SHORT = 24  # characters: texts up to this, such as a figure with its interval, stay in one line
DIGITS = {
    "confidence": 4,
    "mean confidence": 2,
    "right": 2,
    "right low": 2,
    "right high": 2,
    "confidence (0 to 1)": 4,
}  # after the point, by what the numbers are; one for all others


def section(title: str, *content: str, level: int = 2, name: str = "", kind: str = "") -> str:
    """A section with a heading; `name` is what links point at. Empty content is left out."""
    anchor = f' id="{escape(name)}"' if name else ""
    return (
        f"<section{anchor}{_class(kind)}>\n<h{level}>{escape(title)}</h{level}>\n"
        + "\n".join(filter(None, content))
        + "\n</section>"
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; "" for none."""
    return f"<p{_class(kind)}>{escape(text)}</p>" if text else ""


def bullets(texts: Sequence[str], kind: str = "") -> str:
    """A list of plain texts; "" for none."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul{_class(kind)}>{items}</ul>" if texts else ""


def folded(title: str, content: str) -> str:
    """Content behind a line to click on."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def table(frame: pd.DataFrame, caption: str, measures: str = "") -> str:
    """A table with its caption; the first column names the rows. Numbers are rounded, NaN is a dash.

    What the numbers are says the name of their column, or in each row the column `measures`.
    """
    numeric = [pd.api.types.is_numeric_dtype(frame[name]) for name in frame.columns]
    kinds = [_class("number" if number else "") for number in numeric]
    head = "".join(
        f'<th scope="col"{kind}>{escape(str(name))}</th>' for name, kind in zip(frame.columns, kinds, strict=True)
    )
    rows = []
    for values in frame.itertuples(index=False, name=None):
        of = [values[frame.columns.get_loc(measures)]] * len(values) if measures else frame.columns
        cells = [cell_text(value, str(name)) for value, name in zip(values, of, strict=True)]
        shown = [_cell(text, number) for text, number in zip(cells[1:], numeric[1:], strict=True)]
        rows.append(f'<tr><th scope="row"><bdi>{escape(cells[0])}</bdi></th>{"".join(shown)}</tr>')
    return _scrolling(caption, f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>")


def _cell(text: str, number: bool) -> str:
    if number:
        return f'<td class="number">{escape(text)}</td>'
    return f'<td dir="auto"{_class("short" if len(text) <= SHORT else "")}>{escape(text)}</td>'


def cell_text(value: object, column: str) -> str:
    """A value as people read it."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return "–" if np.isnan(value) else f"{value:z,.{DIGITS.get(column, 1)}f}"  # z: no "-0.0"
    return str(value)


def _scrolling(caption: str, content: str) -> str:
    """A table that scrolls in itself where the window is narrow, also by keyboard."""
    text = escape(caption)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text}">'
        f"<table><caption>{text}</caption>{content}</table></div>"
    )


def chart(figure: Figure, alternative: str, caption: str) -> str:
    """A figure as a picture inside the page. `alternative` says in words what it shows, `caption` of what."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    picture = Image.open(drawn).convert("RGB").quantize(PALETTE)
    width, height = (round(side / DENSITY) for side in picture.size)
    size = f'width="{width}" height="{height}"'
    image = f'<img src="{data_uri(picture, "png", optimize=True)}" {size} alt="{escape(alternative)}">'
    return f'<figure><div class="scroll" tabindex="0">{image}</div><figcaption>{escape(caption)}</figcaption></figure>'


def marked(truth: str, reading: str) -> tuple[str, str]:
    """Both texts with the letters marked in which they differ."""
    truth_pieces, reading_pieces = differing(truth, reading)
    return _tagged(truth_pieces, TRUTH_TAGS), _tagged(reading_pieces, READING_TAGS)


def _tagged(pieces: Sequence[str], tags: Sequence[str]) -> str:
    turns = ((piece, tags[turn % len(tags)]) for turn, piece in enumerate(pieces))
    return "".join(f"<{tag}>{escape(piece)}</{tag}>" if tag else escape(piece) for piece, tag in turns if piece)


def words_table(words: pd.DataFrame, pictures: Mapping[str, str], caption: str) -> str:
    """A fixed table of words with their pictures, for paper and for browsers without scripts.

    `words`: image, label, prediction, confidence.
    """
    rows = []
    for image, label, reading, confidence in zip(
        *(words[c] for c in ("image", "label", "prediction", "confidence")), strict=True
    ):
        picture = f'<img src="{pictures[image]}" alt="">' if image in pictures else ""
        truth, read = marked(label, reading) if label.strip() else ("–", escape(reading))
        rows.append(
            f'<tr><td>{picture}<bdi class="name">{escape(image)}</bdi></td><td dir="auto">{truth}</td>'
            f'<td dir="auto">{read}</td><td class="number">{cell_text(confidence, "confidence")}</td></tr>'
        )
    heads = ("Image", "Truth", "Prediction", "Confidence")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return _scrolling(caption, f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>")


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
