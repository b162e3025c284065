"""The part of a report about one model: what can be accepted, where it goes wrong, and its words."""

from collections.abc import Collection, Mapping
from html import escape
from pathlib import Path
from string import Template

import numpy as np
import pandas as pd

from utilities import charts, comparison
from utilities.acceptance import as_written
from utilities.confidence_tables import promise_sentence
from utilities.counts import number_of
from utilities.mistakes import LOST
from utilities.prediction_summary import learnt_untranscribed
from utilities.report_html import chart, folded, paragraph, section, table, words_table
from utilities.report_words import PICTURED

WORDS = Path(__file__).with_name("report_page") / "words.html"
CHARACTERS = 15  # rows of the tables of characters
PRINTED = 30  # least certain words on paper, for each model
COLUMNS = {
    "image": "Image",
    "label": "Truth",
    "prediction": "Prediction",
    "confidence": "Confidence",
    "edits": "Edits",
    "group": "Group",
    "problem": "Problem",
}
OPTIONAL = ("label", "edits", "group", "problem")  # columns that are left out where no row has anything in them
SURE = '<button type="button" class="sure">Sure but wrong</button>'
MARKS = (
    "<p>How the letters are marked: in the truth, <mark>letters</mark> that were not read so; in the prediction,"
    " <ins>letters</ins> that are wrong and <del>letters</del> that are missing (␣ is a space). ✓ means read right.</p>"
)


def model_section(
    number: int,
    name: str,
    frame: pd.DataFrame,
    pictures: Mapping[str, str],
    seen: Collection[str],
    untranscribed: int,
    target: float,
) -> str:
    """All about one model; `number` is its place in the page's data, `pictures` maps images to addresses."""
    judged = len(comparison.words_judged(frame)) > 0
    content = [
        paragraph(promise_sentence(frame, seen, target), "promise"),
        _seen(len(set(seen)), len(frame)),
        paragraph(learnt_untranscribed(untranscribed) if untranscribed else ""),
        _confidence(name, frame, target),
        _mistakes(name, frame) if judged else "",
        _words(number, name, frame, pictures),
    ]
    return section(name, *content, name=f"model-{number}", kind="model")


def _seen(seen: int, images: int) -> str:
    return paragraph(
        f"It was trained with {seen:,} of {number_of(images, 'image')} here, or others of their group: its figures here"
        " are better than they will be on new images. The promise above leaves these images out."
        if seen
        else ""
    )


def _confidence(name: str, frame: pd.DataFrame, target: float) -> str:
    words = comparison.words_read(frame)
    judged = int(words["edits"].notna().sum())
    kinds = {
        "read right": words[words["edits"] == 0],
        "read wrong": words[words["edits"] > 0],
        "without transcription": words[words["edits"].isna()],
    }
    told = [
        f"{kind}: {number_of(len(found), 'word')}, median confidence {found['confidence'].median():.2f}"
        for kind, found in kinds.items()
        if len(found)
    ]
    caption = (
        f"{name}: {number_of(len(words), 'word')} read, {judged:,} of them judged. Counts of these words, so without"
        " intervals."
    )
    content = [chart(charts.confidence_histogram(words), f"How sure the model was. {'; '.join(told)}.", caption)]
    if judged:
        under = comparison.population(name, frame)
        content += [_calibration(under, frame), _acceptance(under, frame, target)]
    return section("Can the confidence be trusted?", *content, level=3)


def _calibration(population: str, frame: pd.DataFrame) -> str:
    bins = comparison.calibration_table(frame)
    error, by_chance = 100 * comparison.calibration_error(frame), 100 * comparison.calibration_error_by_chance(frame)
    told = "; ".join(
        f"confidence {sure:.2f}: {100 * right:.0f} % right ({100 * low:.0f} to {100 * high:.0f})"
        for _, sure, right, low, high in bins.itertuples(index=False)
    )
    caption = (
        f"{population}, in tenths, each with its 95 % interval. Confidence and the share that was right differ by"
        f" {error:.1f} points in the mean of the tenths (expected calibration error); of so many words chance alone"
        f" makes {by_chance:.1f}."
    )
    picture = chart(charts.calibration_chart(bins), f"Share of right words by confidence. {told}.", caption)
    return picture + folded("The numbers", table(bins, f"{population}; shares from 0 to 1 with 95 % intervals."))


def _acceptance(population: str, frame: pd.DataFrame, target: float) -> str:
    curve = comparison.acceptance_curve(frame)
    if curve.empty:
        return ""
    wanted = np.arange(5, 101, 5)  # % of the words: the curve itself has a row for each confidence that occurs
    some = curve.iloc[sorted({int((curve["accepted %"] - share).abs().argmin()) for share in wanted})]
    told = "; ".join(
        f"from {as_written(row['confidence'])} on, {row['accepted %']:.0f} % accepted,"
        f" {row['wrong %']:.1f} % of them wrong"
        for row in some.iloc[1::4].to_dict("records")
    )
    caption = (
        f"{population}, with a 95 % interval for each threshold by itself. To choose a threshold, take the sentence at"
        " the top: it allows for the choice."
    )
    picture = chart(
        charts.acceptance_chart(curve, target=target), f"What accepting words leaves wrong. {told}.", caption
    )
    return picture + folded("The numbers", table(some, f"{population}; 95 % intervals for each threshold by itself."))


def _mistakes(name: str, frame: pd.DataFrame) -> str:
    under = comparison.population(name, frame)
    counted = f"{under}. Counts of these words, so without intervals."
    return section(
        "Which characters and words go wrong?",
        _frequent(counted, frame),
        table(comparison.by_character(frame, CHARACTERS), f"The characters most often wrong. {counted}"),
        _confusions(counted, frame),
        _lengths(under, frame),
        level=3,
    )


def _frequent(counted: str, frame: pd.DataFrame) -> str:
    errors = comparison.frequent_errors(frame, 10)
    most = errors.sort_values("count", ascending=False, kind="stable").head(5)
    told = [
        f"{there or 'nothing'} read as {read or 'nothing'}, {number_of(count, 'time')}"
        for there, read, count in zip(most["there"], most["read"], most["count"], strict=True)
    ]
    picture = chart(charts.error_bars(errors), f"The most frequent mistakes: {'; '.join(told) or 'none'}.", counted)
    return picture + folded("These mistakes, each with a word that shows it", table(errors, counted))


def _confusions(counted: str, frame: pd.DataFrame) -> str:
    counts = comparison.confusion_table(frame, CHARACTERS).rename(columns={"": LOST})
    if counts.empty:
        return ""
    shown = counts.astype(object).where(counts > 0, "").reset_index()
    return table(shown, f"What was there (rows), and what was read instead (columns). {counted}")


def _lengths(population: str, frame: pd.DataFrame) -> str:
    lengths = comparison.by_length(frame)
    told = "; ".join(
        f"{row['length']} characters: {row['CER %']:.1f} % of them wrong, {row['exact %']:.0f} % of words exact"
        for row in lengths.to_dict("records")
    )
    under = f"{population}, by length of the transcription, with 95 % intervals."
    picture = chart(charts.length_chart(lengths), f"Mistakes by length of the word. {told}.", under)
    return picture + folded("The numbers", table(lengths, under))


def _words(number: int, name: str, frame: pd.DataFrame, pictures: Mapping[str, str]) -> str:
    shown = int(frame["image"].isin(set(pictures)).sum())
    told = (
        f"{shown:,} of {len(frame):,} images have their picture in this page: the {PICTURED} least certain, the"
        f" {PICTURED} surest of the wrong, and the {PICTURED} with the largest share of wrong characters, of each"
        " model. Of the others only the name is shown."
    )
    least, read = comparison.least_certain(frame, PRINTED), len(comparison.words_read(frame))
    fixed = words_table(least, pictures, f"{name}: the {len(least):,} least certain of {number_of(read, 'word')} read")
    return section(
        "Words",
        paragraph(told if shown < len(frame) else ""),
        MARKS if len(comparison.words_judged(frame)) else "",
        _controls(number, name, frame),
        f'<div class="fixed">{fixed}</div>',
        level=3,
    )


def _controls(number: int, name: str, frame: pd.DataFrame) -> str:
    """The search, the filters and the empty table that the page's script fills."""
    read = comparison.rows_read(frame)
    counts = {
        "all": ("all", len(frame)),
        "wrong": ("only wrong", int((read["edits"] > 0).sum())),
        "right": ("only right", int((read["edits"] == 0).sum())),
        "unlabelled": ("no transcription", int(read["edits"].isna().sum())),
        "unread": ("not read", len(frame) - len(read)),
    }
    told = frame.assign(edits=read["edits"].reindex(frame.index).astype(object).where(lambda e: e.notna(), ""))
    heads = [
        f'<th scope="col" data-column="{column}"><button type="button">{title}</button></th>'
        for column, title in COLUMNS.items()
        if column not in OPTIONAL or (told[column] != "").any()
    ]
    return Template(WORDS.read_text(encoding="utf-8")).substitute(
        number=number,
        model=escape(name),
        filters="".join(f'<option value="{k}">{what} ({n:,})</option>' for k, (what, n) in counts.items()),
        sure=SURE if read["edits"].notna().any() else "",
        caption=escape(f"{comparison.population(name, frame)}. Click on a heading to sort by it."),
        heads="".join(heads),
    )
