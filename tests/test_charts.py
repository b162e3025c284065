import io
import itertools

import numpy as np
import pandas as pd
import pytest
from conftest import draw, predictions_frame
from PIL import Image

from utilities import charts, comparison


def drawn(figure):
    """The figure as an image, (h, w) uint8."""
    file = io.BytesIO()
    figure.savefig(file)
    return np.asarray(Image.open(file).convert("L"))


NUMBERS = itertools.count()


def words(label, prediction, confidence=0.5, problem=""):
    return {
        "image": f"{next(NUMBERS)}.png",
        "label": label,
        "prediction": prediction,
        "confidence": confidence,
        "group": "",
        "problem": problem,
    }


FRAMES = {
    "a-long-model-name-with-many-parts_and_more": pd.DataFrame(
        [words("Carex $x$", "Carex $y"), words("Poa", "Poa", 0.9), words("a b", "ab")]
    ),
    "unlabelled": pd.DataFrame([words("", "Rosa"), words("", "Acer", 0.1)]),
    "nothing read": pd.DataFrame([words("Poa", "", np.nan, "image missing (x)")]),
}


def visible_texts(figure):
    return texts(figure).replace("\u200e", "")


def texts(figure):
    return " ".join(t.get_text() for t in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def test_the_history_chart_marks_the_best_epoch():
    rows = zip((1, 2, 3), (9, 5, 4), (9, 5, 6), (1.0, 0.3, 0.4), strict=True)
    history = [dict(zip(("epoch", "loss", "val_loss", "val_cer"), row, strict=True)) for row in rows]
    figure = charts.training_history_chart(history)
    drawn(charts.training_history_chart(history[:1]))
    assert "best 30.0 % in epoch 2, last 40.0 %" in texts(figure)
    assert drawn(figure).std() > 5


def test_the_history_chart_of_epochs_that_hardly_differ_cuts_no_dot():
    rows = zip((1, 2, 3), (31.5, 27, 25), (48.3, 45, 44), (0.7485, 0.73, 0.68), strict=True)
    history = [dict(zip(("epoch", "loss", "val_loss", "val_cer"), row, strict=True)) for row in rows]
    left, right = charts.training_history_chart(history).axes
    assert left.get_ylim()[1] > 1.04 * 48.3 and right.get_ylim()[1] > 1.04 * 74.85
    assert drawn(charts.training_history_chart([row | {"val_cer": 0.0} for row in history])).std() > 5


@pytest.mark.parametrize("chart", [charts.interval_plot, charts.match_bars])
def test_charts_of_models_show_every_model_and_say_where_nothing_is_known(chart):
    figure = chart(comparison.model_table(FRAMES))
    assert texts(figure).count("no transcriptions") == 2
    assert "unlabelled" in texts(figure)
    assert drawn(figure).std() > 5


def test_names_in_other_scripts_can_be_told_apart():
    frames = dict.fromkeys(("模型-一", "模型-二"), FRAMES["unlabelled"])
    said = texts(charts.box_plots({name: comparison.words_read(frame) for name, frame in frames.items()}))
    assert "U+4E00" in said and "U+4E8C" in said and "模" not in said


def test_the_interval_plot_says_the_figures():
    figure = charts.interval_plot(comparison.model_table(FRAMES))
    assert "20.0 %" in texts(figure)  # three edits in 15 characters


def test_charts_of_words_can_be_drawn_whatever_is_missing():
    read = {name: comparison.words_read(frame) for name, frame in FRAMES.items()}
    assert drawn(charts.box_plots(read)).std() > 5
    for name, frame in read.items():
        drawn(charts.confidence_histogram(frame, title=name))
    errors = comparison.frequent_errors(FRAMES["a-long-model-name-with-many-parts_and_more"])
    assert "x → y" in visible_texts(charts.error_bars(errors, "title"))
    drawn(charts.error_bars(errors.head(0)))


def test_the_gallery_shows_truth_reading_and_confidence():
    image = np.asarray(draw("Poa"))
    rows = [
        (image, "Poa", "Poa", 0.91),
        (image, "Poa", "Pox", 0.42),
        (image, "", "$^Poa", 0.3),
        (image, "Poa", "", 0.1),
    ]
    figure = charts.word_gallery(rows)
    said = texts(figure)
    for part in ("✓ Poa  0.91", "✗ Pox  0.42", "(no transcription)", "(nothing)"):
        assert part in said
    assert drawn(figure).std() > 5


def test_the_calibration_chart_says_its_population_and_what_its_sides_mean():
    rows = [words("Poa", "Poa" if i % 3 else "Pox", i / 40) for i in range(40)]
    figure = charts.calibration_chart(comparison.calibration_table(pd.DataFrame(rows)), "a $model$: 40 words")
    said = texts(figure)
    for part in ("40 words", "too sure", "too modest", "95 % interval", "a $model$"):
        assert part in said
    assert drawn(figure).std() > 5


def test_the_acceptance_chart_says_confidences_and_the_target():
    rows = [words("Poa", "Poa" if i > 10 else "Pox", i / 40) for i in range(40)]
    figure = charts.acceptance_chart(comparison.acceptance_curve(pd.DataFrame(rows)), "title", target=0.01)
    said = texts(figure)
    for part in ("≥ 0.00", "≥ 0.82", "target: 1 % wrong", "95 % interval"):
        assert part in said
    assert drawn(figure).std() > 5


def test_confidences_along_a_curve_do_not_run_into_each_other():
    sure = [words("Poa", "Poa", 1.0) for _ in range(29)]  # many words have the highest confidence there is
    rows = sure + [words("Poa", "Poa" if i > 10 else "Pox", i / 80) for i in range(71)]
    figure = charts.acceptance_chart(comparison.acceptance_curve(pd.DataFrame(rows)))
    figure.canvas.draw()
    boxes = sorted((said.get_window_extent() for said in figure.axes[0].texts), key=lambda box: box.x0)
    assert len(boxes) > 3 and all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_the_length_chart_says_how_many_words_each_length_has():
    figure = charts.length_chart(comparison.by_length(FRAMES["a-long-model-name-with-many-parts_and_more"]), "title")
    assert "1–3\n2" in texts(figure) and "7–9\n1" in texts(figure)
    assert drawn(figure).std() > 5


def test_numbers_of_words_below_the_lengths_do_not_run_into_each_other():
    table = comparison.by_length(pd.DataFrame([words("x" * n, "x" * n, 0.9) for n in (2, 5, 8, 11, 14, 18, 30)]))
    figure = charts.length_chart(table.assign(words=12_345))
    figure.canvas.draw()
    for axes in figure.axes:
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_charts_of_nothing_say_so():
    nothing = FRAMES["unlabelled"]
    for figure in (
        charts.calibration_chart(comparison.calibration_table(nothing)),
        charts.acceptance_chart(comparison.acceptance_curve(nothing), target=0.01),
        charts.length_chart(comparison.by_length(nothing)),
    ):
        assert "no transcri" in texts(figure)
        drawn(figure)
    unread = comparison.words_read(FRAMES["unlabelled"]).head(0)
    figure = charts.confidence_histogram(unread)
    assert "no words with a confidence" in texts(figure)
    assert not len(figure.axes[0].get_yticks())  # from -0.06 to 0.06 words, else
    drawn(figure)


def test_mistakes_keep_their_sides_of_the_arrow_and_letters_without_a_picture_their_code():
    rows = [words("אב", "אש"), words("中文", "中丈")]
    errors = comparison.frequent_errors(pd.DataFrame(rows))
    figure = charts.error_bars(errors)
    labels = {label.get_text() for label in figure.axes[0].get_yticklabels()}
    left = "\u200e"  # without which what is read would stand on the left
    assert labels == {f"{left}ב {left}→{left} ש", f"{left}U+6587 {left}→{left} U+4E08"}


FRAME = predictions_frame(
    ("Poa", "Poa", 0.93), ("Poa", "Poa", 0.92), ("Zea", "Zex", 0.41), ("Rosa", "Rxxx", 0.12), ("", "Acer", 0.72)
)


def test_charts_show_the_figures_of_their_tables():
    (axes,) = charts.match_bars(comparison.model_table({"m": FRAME})).axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([50, 25, 25])  # right, one off, more off
    curve = comparison.acceptance_curve(FRAME)
    line = charts.acceptance_chart(curve).axes[0].lines[0]
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == tuple(
        curve[f"{n} %"].tolist() for n in ("accepted", "wrong")
    )
    errors = comparison.frequent_errors(FRAME)
    bars = [bar.get_width() for axes in charts.error_bars(errors).axes for bar in axes.patches]
    assert bars == errors["count"].tolist()


def test_the_histogram_tells_right_from_wrong():
    (axes,) = charts.confidence_histogram(comparison.words_read(FRAME)).axes
    counts = {bars.get_label(): [round(bar.get_height()) for bar in bars] for bars in axes.containers}
    assert [counts[name].index(1) for name in ("read wrong (2)", "no transcription (1)")] == [2, 14]
    assert counts["read wrong (2)"][8] == 1 and counts["read right (2)"][18] == 2


@pytest.mark.parametrize("frame", [FRAME, FRAME[:4], FRAME[4:]])
def test_there_is_room_above_the_bars_of_the_histogram(frame):
    (axes,) = charts.confidence_histogram(comparison.words_read(frame)).axes
    highest = max(bar.get_y() + bar.get_height() for bar in axes.patches)
    assert axes.get_ylim() == pytest.approx((0, 1.1 * highest))


def test_the_chart_of_a_training_shows_both_losses():
    rows = zip((1, 2), (9, 5), (8, 7), (1.0, 0.3), strict=True)
    history = [dict(zip(("epoch", "loss", "val_loss", "val_cer"), row, strict=True)) for row in rows]
    left, right = charts.training_history_chart(history).axes
    assert [line.get_ydata().tolist() for line in left.lines] == [[9, 5], [8, 7]]
    assert right.lines[0].get_ydata().tolist() == [100, 30]
