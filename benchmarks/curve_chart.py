"""The accuracy benchmark's chart: test CER over training time."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from utilities.chart_style import BLUE, GREEN, GREY, ORANGE, new_figure

# told apart without colour as well: by mark, and by the dashes of transfers
LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (GREY, "D"), ("#CC79A7", "v"), ("#E69F00", "P"))


def curve_chart(rows: Sequence[dict]) -> Figure:
    """One line a run of `accuracy_runs`: its `curve`, points with `seconds` and `cer`; the last is what was kept."""
    figure = new_figure(9, 5)
    axes = figure.subplots()
    for number, row in enumerate(rows):
        colour, mark = LOOKS[number % len(LOOKS)]
        axes.plot(
            [point["seconds"] / 60 for point in row["curve"]],
            [100 * point["cer"] for point in row["curve"]],
            color=colour,
            marker=mark,
            linestyle="--" if row["start"] == "transfer" else "-",
            label=f"{row['architecture']}, {row['start']}, {row['words']:,} words: {100 * row['cer']:.1f} %",
        )
    highest = max(100 * point["cer"] for row in rows for point in row["curve"])
    axes.set(
        xlabel="training time (minutes)",
        ylabel="wrong characters of the test set (CER, %)",
        title="Lower and further left is better",
        xlim=(0, None),
        ylim=(0, max(5, min(105, 1.05 * highest))),
    )
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
