"""The accuracy benchmark's charts: test CER over training time, and over the number of words to train on."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from benchmarks.tables import model_of, words_of
from utilities.chart_style import BLUE, GREEN, GREY, ORANGE, new_figure

# told apart without colour as well: by mark, and by the dashes of transfers
LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (GREY, "D"), ("#CC79A7", "v"), ("#E69F00", "P"))


def curve_chart(rows: Sequence[dict]) -> Figure:
    """One line a run of `accuracy_runs`: its `curve`, points with `seconds` and `cer`; the last is what was kept."""
    figure = new_figure(9, 5)
    axes = figure.subplots()
    tested = list(dict.fromkeys(row["test_set"] for row in rows))
    for number, row in enumerate(rows):
        colour, mark = LOOKS[number % len(LOOKS)]
        what = f"{model_of(row)}, {row['start']}, {words_of(row, ' words')}"
        where = f" of {row['test_set']}" if len(tested) > 1 else ""
        axes.plot(
            [point["seconds"] / 60 for point in row["curve"]],
            [100 * point["cer"] for point in row["curve"]],
            color=colour,
            marker=mark,
            linestyle="--" if row["start"] == "transfer" else "-",
            label=f"{what}: {100 * row['cer']:.1f} %{where}",
        )
    highest = max(100 * point["cer"] for row in rows for point in row["curve"])
    axes.set(
        xlabel="training time (minutes)",
        ylabel="wrong characters of the test set (CER, %)",
        title="Lower and further left is better" + ("" if len(tested) == 1 else ", of the same test set"),
        xlim=(0, None),
        ylim=(0, max(5, min(105, 1.05 * highest))),
    )
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def kind_of(run: dict) -> tuple:
    """What else a run of `accuracy_runs` differs in from those that only have other numbers of words."""
    return model_of(run), run["optimizer"], run["start"], run["test_set"], run["minutes"]


def words_chart(runs: Sequence[dict]) -> Figure:
    """Test CER against the number of words, a line for each kind of run, with the 95 % intervals.

    `runs`: rows of `accuracy_runs` on one test set, several numbers of `words` for each line.
    """
    figure = new_figure(8, 5)
    axes = figure.subplots()
    lines = defaultdict(list)
    for run in runs:
        lines[kind_of(run)].append(run)
    for number, (kind, line) in enumerate(lines.items()):
        line = sorted(line, key=lambda run: run["words"])
        figures = ([run[key] for run in line] for key in ("cer", "cer_low", "cer_high"))
        cer, low, high = (100 * np.array(figure, float) for figure in figures)  # None: no interval
        colour, mark = LOOKS[number % len(LOOKS)]
        axes.errorbar(
            [run["words"] for run in line],
            cer,
            yerr=[cer - low, high - cer],
            color=colour,
            marker=mark,
            capsize=4,
            linestyle="--" if line[0]["start"] == "transfer" else "-",
            label=_told(*kind),
        )
    counts: list[int] = []
    for count in sorted({run["words"] for run in runs}):  # labels side by side, not on each other
        if not counts or count > 1.1 * counts[-1]:
            counts.append(count)
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.set(
        xlabel="words with a transcription, validation's included",
        ylabel="wrong characters of the test set (CER, %)",
        title=f"What few words give: {runs[0]['test_set']}",
        ylim=(0, None),
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def _told(model, optimizer, start, test_set, minutes) -> str:
    """A kind of run as a legend has it."""
    return f"{model}, {start}, at most {minutes:g} minutes, {optimizer}"
