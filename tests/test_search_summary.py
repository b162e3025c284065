import json

import nbformat
import numpy as np
import pytest
from conftest import ROOT
from nbclient import NotebookClient

from utilities import search_charts, search_summary
from utilities.errors import UserError
from utilities.search import COLUMNS

NOTEBOOK = ROOT / "hyperparameter_tuner" / "visualize_search.ipynb"


def write_trials(folder, cers, rates, dropouts=None, failed=()):
    lines = [",".join(COLUMNS)]
    for n, (cer, rate) in enumerate(zip(cers, rates, strict=True)):
        values = dict.fromkeys(COLUMNS, "") | {
            "trial": n + 1, "BATCH_SIZE": 32, "KERNEL_SIZE": 3, "NUM_UNITS_DENSE": 128, "NUM_UNITS_LSTM1": 128,
            "DROPOUT": dropouts[n] if dropouts else 0.1, "LEARNING_RATE": rate, "state": "complete", "val_cer": cer,
            "val_loss": 1, "best_epoch": 2, "epochs": 3, "seconds": 1800, "memory": 900, "cost": 12.5,
        }  # fmt: skip
        if n in failed:
            values |= {"state": "failed", "val_cer": "", "val_loss": "", "best_epoch": "", "reason": "out of memory"}
        lines.append(",".join(str(values[c]) for c in COLUMNS))
    path = folder / "trials.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def trials(tmp_path):
    rng = np.random.default_rng(1)
    rates = np.repeat(np.geomspace(1e-4, 1e-2, 6), 2)
    cers = 0.1 + 0.1 * np.abs(np.log10(rates / 1e-3)) + rng.normal(0, 0.001, 12)
    return search_summary.load_trials(write_trials(tmp_path, cers, rates, [0.1, 0.2, 0.3] * 4, failed=(11,)))


def test_the_best_so_far_never_rises_and_hours_add_up(trials):
    course = search_summary.best_so_far(trials)
    assert (np.diff(course["best CER %"]) <= 0).all()
    assert course["hours"].iloc[-1] == pytest.approx(6)
    assert np.isnan(course["CER %"].iloc[-1])


def test_what_matters_is_found(trials):
    found = search_summary.importances(trials)
    assert set(found.index) == {"LEARNING_RATE", "DROPOUT"}
    assert found.index[0] == "LEARNING_RATE"
    assert search_summary.importances(trials.head(2)).empty


def test_of_a_small_grid_the_setting_that_decides_is_told_from_those_that_do_not(tmp_path):
    rates, dropouts = [0.001, 0.001, 0.002, 0.002] * 2, [0.1, 0.2] * 4
    cers = [0.3 if rate == 0.001 else 0.2 for rate in rates]
    cers[0] += 0.0005
    trials = search_summary.load_trials(write_trials(tmp_path, cers, rates, dropouts))
    trials["NUM_UNITS_LSTM1"] = [64.0] * 4 + [128.0] * 4
    found = search_summary.importances(trials)
    assert found["LEARNING_RATE"] > 0.99 and found.drop("LEARNING_RATE").max() < 0.01
    assert search_summary.importances(trials.assign(val_cer=trials["val_cer"] + 0.75)).empty  # none reads yet


def test_a_setting_that_must_explain_everything_is_not_said_to_matter(tmp_path):
    cers = [0.2, 0.21, 0.205, 0.2]  # chance
    one_value_a_trial = search_summary.load_trials(write_trials(tmp_path, cers, [0.001, 0.002, 0.003, 0.004]))
    assert search_summary.importances(one_value_a_trial).empty
    rng = np.random.default_rng(3)
    one_range = write_trials(tmp_path, rng.uniform(0.2, 0.21, 60), 10 ** rng.uniform(-4, -2, 60))
    assert search_summary.importances(search_summary.load_trials(one_range)).empty
    (axes,) = search_charts.importance_bars(search_summary.importances(one_value_a_trial)).axes
    assert [text.get_text() for text in axes.texts] == ["too few trials, or settings, to say"]


@pytest.mark.parametrize(
    ("plan", "cers", "failed", "said"),
    [
        (("grid", 8), [0.3, 0.2, 0.25, 0.2], (), "Still to be tried: 4 of 8 combinations (best CER so far 20.00 %)"),
        (("grid", 5), [0.5, 0.4, 0.3, 0.2, 0.1], (), "outermost of LEARNING_RATE = 0.005 (the highest)"),
        (("grid", 6), [0.3, 0.2, 0.25, 0.2, 0.1, 0.1], (5,), "Of these 1 failed"),
        (("grid", 2), [1.0, 1.0], (), "100 % of the characters wrong: nothing can be said"),
        (("grid", 4), [0.97, 0.96, 0.99, 1.0], (), "96 % of the characters wrong: nothing can be said"),
        (("bayes", 30), [0.5, 0.4, 0.3, 0.2, 0.1], (), "more trials are worth it"),
    ],
)
def test_the_advice_knows_what_the_search_was_to_do(tmp_path, plan, cers, failed, said):
    rates = [(1 + n) / 1000 for n in range(len(cers))]
    table = write_trials(tmp_path, cers, rates, failed=failed)
    (tmp_path / search_summary.PLAN).write_text(json.dumps({"method": plan[0], "planned": plan[1]}))
    assert said in search_summary.advice(search_summary.load_trials(table))


def test_no_value_is_advised_that_may_not_be(tmp_path):
    for cers in ([0.1, 0.2, 0.3, 0.2], [0.2, 0.3, 0.2, 0.1]):
        table = write_trials(tmp_path, cers, [0.001] * 4, dropouts=[0, 0.1, 0.2, 0.96])
        assert search_summary.edges(search_summary.load_trials(table)) == []


def test_of_ranges_what_matters_is_found_too_and_nothing_said_of_few_trials(tmp_path):
    rng = np.random.default_rng(3)
    rates, dropouts = 10 ** rng.uniform(-4, -2, 100), rng.uniform(0, 0.5, 100)
    table = write_trials(tmp_path, 0.1 + 0.1 * np.abs(np.log10(rates / 1e-3)), rates, dropouts.tolist())
    trials = search_summary.load_trials(table)
    found = search_summary.importances(trials)
    assert found.index[0] == "LEARNING_RATE" and found["LEARNING_RATE"] > 0.8
    assert search_summary.importances(trials.head(20)).empty


def test_failures_are_counted_with_their_reason(trials):
    assert search_summary.states(trials).loc["failed"].tolist() == [1, "out of memory"]
    assert 12 not in search_summary.best_table(trials).index


@pytest.mark.parametrize(
    ("cers", "rates", "said"),
    [
        ([0.5, 0.4, 0.3, 0.2, 0.15, 0.1], [1, 2, 3, 4, 5, 6], "more trials are worth it"),
        ([0.5, 0.4, 0.3, 0.3, 0.2, 0.2], [1, 2, 3, 4, 5, 6], "from 30.00 to 20.00 %: more trials are worth it"),
        ([0.5, 0.1, 0.3, 0.2, 0.3, 0.4], [1, 2, 3, 4, 5, 6], "hardly worth it"),
        ([0.1, 0.2, 0.3, 0.2, 0.3, 0.4], [1, 2, 3, 4, 5, 6], "LEARNING_RATE = 0.001 (the lowest). Try values beyond"),
        ([0.5, 0.4], [1, 2], "Only 2 trials"),
    ],
)
def test_the_advice_follows_the_course(tmp_path, cers, rates, said):
    found = search_summary.load_trials(write_trials(tmp_path, cers, [rate / 1000 for rate in rates]))
    assert said in search_summary.advice(found)


def test_whole_numbers_stand_as_such_in_the_table_of_the_best(trials):
    units = trials.assign(NUM_UNITS_LSTM1=[64.0, 128.0] * 6, seconds=110.31)
    best = search_summary.best_table(units)
    assert [str(v) for v in best.loc[7, ["NUM_UNITS_LSTM1", "best_epoch", "seconds"]]] == ["64", "2", "110"]
    assert "<th>7</th>" in best.to_html() and "<td>64</td>" in best.to_html() and "<td>0.2</td>" in best.to_html()


def test_charts_can_be_drawn_of_any_search(trials, tmp_path):
    one = search_summary.load_trials(write_trials(tmp_path, [0.5], [0.001]))
    none = search_summary.load_trials(write_trials(tmp_path, [0.5], [0.001], failed=(0,)))
    for found in (trials, one, none):
        for figure in (
            search_charts.best_so_far_chart(found),
            search_charts.scatter_plots(found),
            search_charts.importance_bars(search_summary.importances(found)),
        ):
            figure.savefig(tmp_path / "chart.png")
    for figure in (search_charts.best_so_far_chart(none), search_charts.scatter_plots(none)):
        assert [text.get_text() for text in figure.axes[0].texts] == ["no trial is complete"]


def test_charts_show_what_the_tables_say(trials):
    lines = {line.get_label(): line for line in search_charts.best_so_far_chart(trials).axes[0].lines}
    course = search_summary.best_so_far(trials)
    assert np.allclose(lines["best so far"].get_ydata(), course["best CER %"])
    assert np.allclose(lines["a trial"].get_ydata(), course["CER %"], equal_nan=True)
    of_rates = next(a for a in search_charts.scatter_plots(trials).axes if a.get_xlabel() == "LEARNING_RATE")
    best = next(line for line in of_rates.lines if line.get_label() == "best")
    assert best.get_ydata() == pytest.approx(100 * trials["val_cer"].min())
    assert [tick.get_text() for tick in of_rates.get_xticklabels()] == ["0.0001", "0.001", "0.01"]
    importances = search_summary.importances(trials)
    (bars,) = (axes := search_charts.importance_bars(importances).axes[0]).containers
    shown = zip(axes.get_yticklabels(), bars, strict=True)
    assert {name.get_text(): bar.get_width() for name, bar in shown} == importances.to_dict()


def test_a_table_that_is_none_says_so(tmp_path):
    with pytest.raises(UserError, match="no table of trials"):
        search_summary.load_trials(tmp_path / "trials.csv")
    (tmp_path / "trials.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="lacks"):
        search_summary.load_trials(tmp_path / "trials.csv")


def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch):
    path = write_trials(tmp_path, [0.5, 0.3, 0.2, 0.25, 0.3], [0.001, 0.002, 0.003, 0.004, 0.005])
    path.write_text(path.read_text().replace(",128,0.1,0.004", ",64,0.1,0.004"))  # whole numbers differ, too
    monkeypatch.setenv("HANDWRITING_TRIALS", str(path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "stream"]  # warnings
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    assert "hardly worth it" in " ".join(str(output.get("data", "")) for output in outputs)


def test_of_a_grid_no_more_trials_are_advised(tmp_path):
    cers, rates = [0.18, 0.18, 0.18, 0.18, 0.18, 0.17, 0.16, 0.15], [0.001, 0.002, 0.003, 0.004] * 2
    found = search_summary.load_trials(write_trials(tmp_path, cers, rates, dropouts=[0.1] * 4 + [0.2] * 4))
    said = search_summary.advice(found)
    assert said.startswith("Every combination of these values was tried (best CER 15.00 %)")
    assert "DROPOUT = 0.2" in said and "worth" not in said


def test_no_empty_frame_is_left_among_the_plots(tmp_path):
    found = search_summary.load_trials(write_trials(tmp_path, [0.3, 0.2], [0.001, 0.002]))
    found = found.assign(KERNEL_SIZE=[3, 5], DROPOUT=[0.1, 0.2], BATCH_SIZE=[16, 32])
    shown = [axes for axes in search_charts.scatter_plots(found).axes if axes.axison]
    assert len(shown) == 4 and all(axes.get_xlabel() for axes in shown)


def test_of_trials_that_read_alike_the_cheaper_prediction_is_the_best(tmp_path):
    trials = search_summary.load_trials(write_trials(tmp_path, [0.2, 0.1, 0.1, 0.1], [0.001, 0.002, 0.003, 0.004]))
    trials = trials.assign(cost=[1.0, 9.0, 5.0, 5.0], val_loss=[1.0, 1.0, 3.0, 2.0])
    assert search_summary.ranked(trials)["trial"].tolist() == [4, 3, 2, 1]
    best = search_summary.best_table(trials)
    assert best.index.tolist() == [4, 3, 2, 1] and best["CER %"].tolist() == [10, 10, 10, 20]
