"""The part of a report that compares the models: one section for each question."""

from collections.abc import Mapping

import pandas as pd

from utilities import charts, comparison
from utilities.bootstrap import known_groups
from utilities.counts import number_of, percent
from utilities.report_html import bullets, chart, folded, paragraph, section, table

READING_THE_TABLE = (
    "CER is the share of wrong characters and WER the share of wrong words: lower is better. Exact is the share of"
    " images read without any mistake, off by one the share with a single wrong character."
)


def summary_sections(frames: Mapping[str, pd.DataFrame]) -> list[str]:
    """Notes, figures, comparison of single words and of rows; without transcriptions only what needs none."""
    made = comparison.model_table(frames)
    judged = comparison.judged_models(frames)
    return [
        section(
            "The models side by side",
            bullets(comparison.notes(frames), "notes"),
            paragraph(READING_THE_TABLE) if judged else "",
            table(
                comparison.headline_table(made).reset_index(), f"Figures of the judged images. {basis(made, judged)}"
            ),
            _figures(frames, made) if judged else "",
            _pairs(frames) if len(judged) > 1 else "",
            name="models",
        ),
        section(
            "Single words and rows left out",
            chart(_box_plots(frames), _spread_told(judged), f"CER of single words. {populations(judged)}")
            if judged
            else "",
            folded(
                "Statistics of single words",
                table(
                    comparison.per_word_statistics(frames).reset_index(),
                    "Of the words read; no intervals: each row is what these words are, not an estimate.",
                    measures="measure",
                ),
            ),
            table(comparison.rows_left_out(frames).reset_index(), "Which images count, and why the others do not."),
        ),
    ]


def basis(made: pd.DataFrame, judged: Mapping[str, pd.DataFrame]) -> str:
    """What intervals are made from, for captions; `made`: the `model_table` of all, or of the `judged` models."""
    if not judged:
        return "No image that could be read has a transcription."
    units = made["resampled"]
    told = dict.fromkeys(
        _units_told(units[name], comparison.words_judged(frame)) for name, frame in judged.items() if units[name] > 1
    )
    if not told:
        return "No intervals: all judged words are of one group."
    return f"Brackets and bars: 95 % interval (bootstrap over {', '.join(told)})."


def _units_told(units: int, judged: pd.DataFrame) -> str:
    groups = known_groups(judged["group"])
    if not groups:
        return number_of(units, "image")
    alone = f" and {number_of(units - groups, 'single image')}" if units > groups else ""
    return number_of(groups, "group") + alone


def populations(frames: Mapping[str, pd.DataFrame]) -> str:
    """The words that a figure of several models is of."""
    return "; ".join(comparison.population(name, frame) for name, frame in frames.items()) + "."


def _figures(frames: Mapping[str, pd.DataFrame], made: pd.DataFrame) -> str:
    shown = comparison.headline_table(made)
    told = [f"{name}: {row['CER %']} % wrong characters" for name, row in shown.iterrows()]
    matches = [
        f"{name}: {percent(row['exact %'], 0)} % exactly right, {percent(row['off by one %'], 0)} % one character off"
        for name, row in made.dropna(subset="CER %").iterrows()
    ]
    told_basis = basis(made, comparison.judged_models(frames))
    under = f"{populations(comparison.judged_models(frames))} {told_basis}"
    return "\n".join(
        [
            chart(charts.interval_plot(made), "Character error rates. " + "; ".join(told), under),
            chart(
                charts.match_bars(made),
                "Words read right. " + "; ".join(matches),
                f"{populations(comparison.judged_models(frames))} The intervals stand in the table.",
            ),
            folded(
                "When case, punctuation or accents do not matter",
                table(comparison.variant_table(made).reset_index(), f"Of the judged images. {told_basis}"),
            ),
        ]
    )


def _pairs(frames: Mapping[str, pd.DataFrame]) -> str:
    caption = (
        "Is one model better? Each pair on the images that both were judged on; difference: second less first, in"
        " points of CER, with its 95 % interval (negative: the second is better); p: the paired test. The more"
        " pairs, the smaller p must be for a verdict: of those that name a model at most one in twenty is chance."
    )
    return table(comparison.readable_pairs(comparison.paired_table(frames)), caption)


def _box_plots(frames: Mapping[str, pd.DataFrame]):
    return charts.box_plots({name: comparison.words_read(frame) for name, frame in frames.items()})


def _spread_told(judged: Mapping[str, pd.DataFrame]) -> str:
    cers = {name: comparison.words_judged(frame)["CER %"] for name, frame in judged.items()}
    told = [
        f"{name}: median {c.median():.0f} %, mean {c.mean():.1f} %, worst {c.max():.0f} %" for name, c in cers.items()
    ]
    return "How wrong single words are. " + "; ".join(told)
