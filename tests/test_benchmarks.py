"""The benchmark programs as processes, on sets and models so small that all ends within minutes."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT, WORDS, small_recognizer, write_image_set, write_settings
from PIL import Image

from benchmarks import accuracy, accuracy_runs, machine
from benchmarks.accuracy_runs import Curve, TestWords
from benchmarks.curve_chart import curve_chart, words_chart
from benchmarks.experiment import CANVASES, Sets, experiment, first_words
from benchmarks.image_set_measures import padding
from benchmarks.machine import cpu_name
from benchmarks.results import (
    accuracy_table,
    read_all,
    runs_by_words,
    runs_of,
    short_accuracy_table,
    short_speed_table,
    speed_table,
)
from benchmarks.speed import parse_args, settings
from benchmarks.speed_report import ORIGINAL, ratios
from benchmarks.tables import RESULTS, model_of, text_table, words_of, write_json
from benchmarks.trial_overhead import Timing
from utilities import training_run
from utilities.alphabet import Alphabet
from utilities.errors import UserError
from utilities.full_model import HEADS
from utilities.hyperparameters import ARCHITECTURES, DEFAULTS, resolve
from utilities.images import Preprocessing, canvas_width
from utilities.metrics import character_error_rate
from utilities.model import RecognizerSpec, build_prediction_model
from utilities.model_card import read_description
from utilities.model_cost import operations
from utilities.optimizer import LAST_RATE
from utilities.peak_memory import forget_peak_memory, peak_memory
from utilities.reader import Reader
from utilities.saved_model import save_recognizer
from utilities.training import Progress

TINY = ["BATCH_SIZE=8", "NUM_UNITS_DENSE=8", "NUM_UNITS_LSTM1=8", "NUM_UNITS_LSTM2=8"]
GROUPS = {"METADATA_GROUP_COLUMN": "writer"}


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    write_image_set(folder / "train", WORDS * 3, groups=[f"w{i % 6}" for i in range(36)])
    write_image_set(folder / "test", WORDS, groups=[f"t{i % 3}" for i in range(12)])
    return folder


def run(program, *arguments, cwd):
    command = [sys.executable, str(ROOT / "benchmarks" / program), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)


def result_of(done, path):
    assert done.returncode == 0, done.stdout + done.stderr
    assert "retracing" not in done.stderr
    return json.loads(path.read_text(encoding="utf-8"))


def test_accuracy_trains_and_transfers_and_reports(sets):
    done = run(
        "accuracy.py", sets / "train", "test", "--minutes", 0.05, "--architectures", "compact",
        "--canvas", "compact=32x128", "--group-column", "writer", "--set", *TINY,
        "--transfer", "train", "test", "--words", 18, "--save", "models", "--seed", 3,
        "--transfer-minutes", 0.04, "--transfer-group-column", "",
        "--out", "out/a.json", cwd=sets,
    )  # fmt: skip
    result = result_of(done, sets / "out" / "a.json")
    assert result["machine"]["cores"] >= 1 and result["machine"]["versions"]["keras"]
    assert result["seed"] == 3
    scratch, transfer = result["runs"]
    assert (scratch["start"], transfer["start"]) == ("scratch", "transfer")
    assert [(row["words"], row["minutes"], row["groups"], row["seed"]) for row in (scratch, transfer)] == [
        (36, 0.05, 3, 3), (18, 0.04, 12, 3),
    ]  # fmt: skip
    for row in result["runs"]:
        assert (row["architecture"], row["optimizer"]) == ("compact", "Muon, weight decay 0.3")  # of few steps
        assert (row["canvas"], row["resize"]) == ([32, 128], "upright")
        assert (row["test_words"], row["unread"]) == (12, 0)
        assert row["hyperparameters"]["batch_size"] == 8
        assert 0 < row["cer_low"] <= row["cer"] <= row["cer_high"]
        assert 0 <= row["exact"] <= 1
        assert all(0 < row[way]["cer"] <= 2 and 0 <= row[way]["exact"] <= 1 for way in ("leaning", "several_views"))
        assert row["epochs"] == len(row["history"]) >= 1
        assert row["images_per_second"] == pytest.approx(row["training_words"] * row["epochs"] / row["seconds"])
        seconds = [point["seconds"] for point in row["curve"]]
        assert seconds == sorted(seconds) and row["curve"][-1]["cer"] == row["cer"]
        assert row["operations_per_image"] > 1e6 and row["parameters"] > 1e5
        assert f"{100 * row['cer']:.2f}" in done.stdout
    with Image.open(sets / "out" / "a.png") as chart:
        assert chart.width > 500
    assert str(sets) not in (sets / "out" / "a.json").read_text()
    assert sorted(path.name for path in (sets / "models").iterdir()) == [
        "compact-scratch-36_words-0.05_minutes.h5", "compact-transfer-18_words-0.04_minutes.h5",
    ]  # fmt: skip
    described = read_description(sets / "models" / "compact-transfer-18_words-0.04_minutes.h5")
    assert described["hyperparameters"] == transfer["hyperparameters"] != scratch["hyperparameters"]
    rates = [row["history"][-1]["learning_rate"] / LAST_RATE for row in result["runs"]]
    assert [row["hyperparameters"]["learning_rate"] for row in result["runs"]] == pytest.approx(rates, rel=1e-3)
    record = described["record"]
    assert record["data"]["training_images"] < 18 and record["base"]["data"]["training_images"] < 36
    assert record["calibration"]["temperature"] > 0


def test_accuracy_transfers_with_images_that_nobody_transcribed_and_with_words_of_the_base(sets):
    small, model = small_recognizer(), sets / "small.h5"
    save_recognizer(model, small.spec, small.full_model, small.record)
    arguments = ("train", "test", "--base", model, "--words", 18, "--minutes", 0.05, "--group-column", "writer")
    more = ("--untranscribed", "test", "--rehearse", "train")
    done = run("accuracy.py", *arguments, *more, "--out", "out/u.json", cwd=sets)
    (row,) = result_of(done, sets / "out" / "u.json")["runs"]
    assert re.search(rf"{row['untranscribed']} of \d+ untranscribed images of {sets.name}/test\.", done.stdout)
    assert row["words"] == 18 and row["training_words"] < 18 + row["untranscribed"]
    again = round(row["training_words"] / 2)
    assert row["rehearsed"] == 18
    assert f"{min(again, 18)} of 18 words of {sets.name}/train." in done.stdout
    done = run("accuracy.py", "train", "test", "--untranscribed", "test", cwd=sets)
    assert done.returncode == 1 and "needs --base or --transfer" in done.stderr
    done = run("accuracy.py", "train", "test", "--base", model, "--untranscribed", "nowhere", cwd=sets)
    assert done.returncode == 1 and "--untranscribed nowhere: there is no such folder" in done.stderr


def test_words_without_a_transcription_are_told_from_the_others():
    assert words_of({"words": 1200}) == words_of({"words": 1200, "untranscribed": 0}) == "1,200"
    assert words_of({"words": 250, "untranscribed": 1500}) == "250 and 1,500 untranscribed"
    assert words_of({"words": 250, "rehearsed": 4872}) == "250 and 4,872 learnt again"


def test_the_overhead_of_trials_is_a_row_for_each(tmp_path):
    for part in ("train", "test"):
        write_image_set(tmp_path / part, WORDS * 2)
    write_settings(tmp_path)
    settings = (tmp_path / "setup.cfg").read_text()
    (tmp_path / "setup.cfg").write_text(settings.replace("NUM_EPOCHS = 1\nLEARNING", "NUM_EPOCHS = 3\nLEARNING"))
    done = run("trial_overhead.py", "setup.cfg", "--out", "overhead.json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    header, *rows = done.stdout.strip().splitlines()[-4:-1]
    written = json.loads((tmp_path / "overhead.json").read_text())
    assert written["machine"]["cores"] and len(written["trials"]) == len(rows) == 2
    assert header.split()[:4] == ["trial", "seconds", "training", "overhead"]
    for row, trial in zip(rows, written["trials"], strict=True):
        seconds, training, overhead = map(float, row.split()[1:4])
        assert 0 < training < seconds and overhead == pytest.approx(seconds - training, abs=0.11)
        assert [trial[name] for name in ("seconds", "training", "overhead")] == pytest.approx(
            [seconds, training, overhead], abs=0.06
        )


def test_a_trial_would_take_its_epochs_at_the_pace_of_the_later_ones():
    timing = Timing(10.0, [14.0, 15.0, 16.0, 19.0], 25.0)
    assert (timing.training, timing.overhead) == (4.0, 11.0)


def test_speed_measures_everything_once(sets, tmp_path):
    spec = RecognizerSpec("compact", Alphabet(("a", "b")), Preprocessing(32, 128), resolve("compact"))
    model = tmp_path / "knows_two_letters.h5"
    save_recognizer(model, spec, build_prediction_model(spec), {})
    done = run("speed.py", "train", "--model", model, "--seconds", 0.5, "--rows", 500, "--out", "out/s.json", cwd=sets)
    result = result_of(done, sets / "out" / "s.json")
    assert list(result["speed"])[:2] == ["network alone", "file to text"]
    assert {name.partition(":")[0] for name in result["speed"]} >= {"training", "classic, original settings"}
    for speed in result["speed"].values():
        assert speed["images"] > 0 and speed["images_per_second"] > 0 and speed["peak_memory_mb"] > 50
        assert speed["flop_per_second"] == pytest.approx(speed["images_per_second"] * speed["operations_per_image"])
        assert 0 < speed["utilisation"] < 2  # other work on the machine can slow the matrix product as well
        assert speed["utilisation"] == pytest.approx(
            speed["flop_per_second"] / result["machine"]["matrix_flop_per_second"]
        )
    network = result["speed"]["network alone"]["operations_per_image"]
    assert result["speed"]["file to text"]["operations_per_image"] == pytest.approx(network)
    original = result["speed"]["classic, original settings: network alone"]["operations_per_image"]
    assert original > 5 * network
    assert len(result["ratios"]) == 3 and all(ratio > 0 for ratio in result["ratios"].values())
    assert result["opening"]["rows"] == 500 and result["opening"]["seconds"] > 0
    assert result["cache"]["ratio"] > 1
    padding = result["padding"]
    assert 0 < padding["of_img_width"] <= padding["of_widest_needed"] <= 1
    assert padding["ink_share"] > padding["training"]["ink_share"]  # narrower buckets hold less paper
    assert all(seconds > 0 for seconds in result["first_batch"].values())
    assert "float32 matrix product" in done.stdout


def test_speed_measures_a_fresh_model_on_another_canvas(sets):
    short = ["--seconds", 0.1, "--rows", 100, "--no-classic", "--out", "out/c.json"]
    done = run("speed.py", "train", "--architecture", "compact", "--canvas", "32x128", *short, cwd=sets)
    result = result_of(done, sets / "out" / "c.json")
    assert (result["architecture"], result["canvas"], result["trained_model"]) == ("compact", [32, 128], None)


def test_the_seed_of_speed_is_that_of_the_batches_it_trains_on(sets, tmp_path):
    assert settings(parse_args(["train", "--seed", "7"]), sets / "train", tmp_path).train.seed == 7


def test_speeds_are_compared_as_their_names_say():
    speeds = {
        "network alone": 200,
        "file to text": 100,
        f"{ORIGINAL}: network alone": 50,
        f"{ORIGINAL}: file to text": 20,
    }
    assert ratios({name: {"images_per_second": rate} for name, rate in speeds.items()}) == {
        "file to text / network alone": 0.5, "network alone / original's": 4, "file to text / original's": 5,
    }  # fmt: skip


def test_pixels_are_compared_with_the_widest_canvas_needed_and_with_the_widest_allowed():
    how = Preprocessing(32, 256)
    found = padding([np.zeros((32, 60), np.uint8)] * 3, how)
    assert found["of_widest_needed"] == 1
    assert found["training"]["of_img_width"] == canvas_width(60, how) / 256


def test_the_machines_rate_is_of_its_quickest_product(monkeypatch):
    steps = iter([0, 0, 0, 4, 4, 4, 6, 6])  # s: one sets up, the next takes 4 and the last 2
    monkeypatch.setattr(machine, "MATRIX_SIDES", (8,))
    monkeypatch.setattr(machine, "time", SimpleNamespace(perf_counter=lambda: next(steps)))
    assert machine.matrix_product_rate(5) == pytest.approx(2 * 8**3 / 2)


def test_reading_the_test_set_is_no_training_time_and_what_cannot_be_read_is_wrong(sets, tmp_path, monkeypatch):
    shutil.copytree(sets / "test", tmp_path / "test")
    (tmp_path / "test/images/w000.png").write_bytes(b"no picture")
    with (tmp_path / "test/words_metadata.csv").open("a") as file:
        file.write("images/gone.png,Rosa,t0\nimages/w001.png,,t0\n")  # an image that is not there, a word nobody read
    config = experiment(tmp_path, "compact", Sets(sets / "train", tmp_path / "test", GROUPS), None, 1, {})
    monkeypatch.chdir(tmp_path)
    words, clock = TestWords(config, Preprocessing(32, 256)), [0.0]

    def read(contents):
        clock[0] += 50
        return [SimpleNamespace(text=word) for word in WORDS[1:]]

    monkeypatch.setattr(accuracy_runs.time, "perf_counter", lambda: clock[0])
    curve = Curve(SimpleNamespace(read=read), words, minutes=1)
    for epoch in range(4):
        clock[0] += 2
        curve([{"val_cer": 0.9}] * epoch + [{"val_cer": 0.5}])
    assert [(point["seconds"], point["epoch"]) for point in curve.points] == [(4, 2), (8, 4)]  # every 3 seconds
    assert {point["val_cer"] for point in curve.points} == {0.5}
    assert (curve.seconds, curve.test_seconds, curve.epochs) == (8, 100, 4)
    readings = words.read(SimpleNamespace(read=read))
    assert readings == ["", *WORDS[1:], ""]
    lost = len(WORDS[0]) + len("Rosa")
    assert curve.points[0]["cer"] == pytest.approx(lost / (sum(map(len, WORDS)) + len("Rosa")))
    assert words.summary(readings).units == 3  # as many as there are groups


def test_a_transfer_is_measured_as_its_stage_would_train(sets, tmp_path, monkeypatch):
    """Each phase takes half a minute here, of ten that there are."""
    clock, seen, rng = [0.0], [], np.random.default_rng(1)

    def train(full, network, batches, alphabet, plan, resume, after_epoch):
        trained = {layer.name for layer in full.layers if layer.trainable_variables}
        seen.append((trained == set(HEADS), plan.rate_key, plan.max_minutes, batches[0].batch_size))
        full.set_weights([w + 0.1 * abs(rng.normal(size=w.shape)) for w in full.get_weights()])
        clock[0] += 30
        history = [{"epoch": n, "val_loss": 1.0, "val_cer": 1 / (len(seen) + n)} for n in (1, 2)]
        for n in (1, 2):
            after_epoch(history[:n])
        return Progress(epochs_planned=3, history=history, best_epoch=1)

    def reader_for(recognizer, several_views):
        return SimpleNamespace(read=lambda contents: [SimpleNamespace(text=w if several_views else "") for w in WORDS])

    def read(words, reader):
        clock[0] += 7
        return as_ever(words, reader)

    as_ever = TestWords.read
    monkeypatch.setattr(TestWords, "read", read)
    monkeypatch.setattr(accuracy_runs, "reader_for", reader_for)
    monkeypatch.setattr(training_run, "train", train)
    monkeypatch.setattr(accuracy_runs.time, "perf_counter", lambda: clock[0])
    pair = Sets(sets / "train", sets / "test", GROUPS)
    config = experiment(tmp_path, "compact", pair, None, 10, {"BATCH_SIZE": "5", "VALIDATION_SHARE": "0.2"})
    monkeypatch.chdir(tmp_path)
    base = small_recognizer(record={"date": "of the base"})
    done = accuracy_runs.run_transfer(config, base, sets / "train", tmp_path / "cache")
    assert seen == [(True, "RETRAINING_LEARNING_RATE", 1, 5), (False, "FINE_TUNING_LEARNING_RATE", 9.5, 5)]
    row = done.row
    assert (row["training_set"], row["test_set"]) == (f"{sets.name}/train", f"{sets.name}/test")
    assert (row["words"], row["training_words"], row["test_words"], row["groups"]) == (36, 30, 12, 3)
    assert (len(row["history"]), row["epochs"], row["best_epoch"], row["val_cer"]) == (4, 4, 1, 1 / 3)
    assert (row["seconds"], row["images_per_second"]) == (60, 2)  # 30 words four times in a minute
    assert row["test_seconds"] == 7 * len(row["curve"]) > 0
    assert [row[way]["exact"] for way in ("leaning", "several_views")] == [0, 1]
    reader, words = Reader(done.recognizer), TestWords(config, base.spec.preprocessing)
    assert row["cer"] == character_error_rate(words.truths, words.read(reader))  # with the weights as they are by now
    counts = [operations(reader.model, reader.canvas_width(content)) for content in words.contents]
    assert row["operations_per_image"] == pytest.approx(np.mean(counts)) and len(set(counts)) > 1
    assert row["optimizer"] == "Muon, weight decay 0.3"
    record = done.recognizer.record
    assert record["base"]["date"] == "of the base" and record["calibration"]["words"] == 6


def test_a_mistake_is_said_in_one_message(sets):
    done = run("accuracy.py", "nowhere", "test", cwd=sets)
    assert done.returncode == 1 and "no such folder" in done.stderr and "Traceback" not in done.stderr
    done = run("speed.py", "nowhere", cwd=sets)
    assert done.returncode == 1 and "nowhere" in done.stderr and "Traceback" not in done.stderr
    done = run("trial_overhead.py", "nowhere.cfg", cwd=sets)
    assert done.returncode == 1 and "nowhere.cfg" in done.stderr and "Traceback" not in done.stderr
    done = run("speed.py", "train", "--batch-size", "0", cwd=sets)
    assert done.returncode == 2 and "BATCH_SIZE = 0: allowed is a whole number from 1" in done.stderr
    done = run("speed.py", "train", "--canvas", "40", cwd=sets)
    assert done.returncode == 2 and "40: write HEIGHTxWIDTH in px, such as 40x512" in done.stderr
    done = run("speed.py", "train", "--canvas", "32x128", "--model", "m.h5", cwd=sets)
    assert done.returncode == 2 and "one given by --model has its own" in done.stderr


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_experiment_takes_the_shipped_settings_and_each_architecture_its_own(sets, tmp_path, architecture):
    pair = Sets(sets / "train", sets / "test", GROUPS)
    config = experiment(tmp_path, architecture, pair, None, 7, {"SEED": "5", "DROPOUT": "0.4"})
    assert resolve(architecture, {"dropout": 0.4}) == resolve(architecture, config.train.hyperparameters)
    assert (config.project.img_height, config.project.img_width) == CANVASES.get(architecture, (40, 512))
    assert (config.train.max_minutes, config.transfer.max_minutes, config.train.seed) == (7, 7, 5)
    assert config.project.on_bad_rows == "skip"
    assert DEFAULTS[architecture].dropout != 0.4
    given = experiment(tmp_path, architecture, pair, (48, 300), 7, {}).project
    assert (given.img_height, given.img_width) == (48, 300)


def test_an_unknown_setting_is_refused(sets, tmp_path):
    with pytest.raises(UserError, match="NUM_UNIT"):
        experiment(tmp_path, "compact", Sets(sets / "train", sets / "test", {}), None, 1, {"NUM_UNIT": "5"})


def test_a_line_of_setup_cfg_that_is_none_is_not_passed_over(sets, tmp_path, monkeypatch):
    (tmp_path / "setup.cfg").write_text((ROOT / "setup.cfg").read_text() + "SEVERAL VIEWS\n")
    monkeypatch.setattr("benchmarks.experiment.ROOT", tmp_path)
    with pytest.raises(UserError, match="'SEVERAL VIEWS' is neither KEY = VALUE"):
        experiment(tmp_path / "work", "compact", Sets(sets / "train", sets / "test", {}), None, 1, {})


def test_samples_take_whole_groups_and_smaller_ones_are_part_of_larger_ones(sets, tmp_path):
    pair = Sets(sets / "train", sets / "test", GROUPS)
    config = experiment(tmp_path, "compact", pair, None, 1, {})
    rows = {}
    for count in (12, 20):
        folder = first_words(config, count, tmp_path / str(count))
        with (folder / "words_metadata.csv").open(encoding="utf-8", newline="") as file:
            rows[count] = list(csv.DictReader(file))
        assert len(rows[count]) == count == len(list((folder / "images").iterdir()))
    assert rows[20][:12] == rows[12]
    assert len({row["writer"] for row in rows[12]}) == 2  # six words each
    assert len(list((first_words(config, 36, tmp_path / "all") / "images").iterdir())) == 36
    with pytest.raises(UserError, match="36 words"):
        first_words(config, 37, tmp_path / "more")
    other = first_words(experiment(tmp_path, "compact", pair, None, 1, {"SEED": "5"}), 12, tmp_path / "other")
    without = Sets(sets / "train", sets / "test", {"METADATA_GROUP_COLUMN": ""})
    ungrouped = experiment(tmp_path, "compact", without, None, 1, {})
    by_chance = first_words(ungrouped, 12, tmp_path / "by chance")
    assert {p.name for p in (by_chance / "images").iterdir()} != {f"w{n:03d}.png" for n in range(12)}
    assert {p.name for p in (other / "images").iterdir()} != {Path(row["image_location"]).name for row in rows[12]}


def test_the_machine_is_described_and_its_memory_peaks_anew():
    assert cpu_name()
    block = np.ones(40_000_000, np.uint8)
    high = peak_memory()
    del block
    forget_peak_memory()
    assert 0 < peak_memory() < high - (20 if sys.platform == "linux" else 0)  # MB; elsewhere nothing is forgotten


def test_tables_line_up_and_json_knows_no_nan(tmp_path):
    assert text_table(("a", "b"), [("long", "1"), ("x", "22")]) == "a      b\nlong   1\nx     22"
    write_json(
        tmp_path / "r.json", {"a": np.float32(0.5), "b": [float("nan"), float("inf")], "c": [np.int64(3), tmp_path]}
    )
    assert json.loads((tmp_path / "r.json").read_text()) == {"a": 0.5, "b": [None, None], "c": [3, str(tmp_path)]}


def test_the_readmes_results_are_those_of_the_json_files():
    readme, in_full = (ROOT / name for name in ("README.md", "benchmarks/RESULTS.md"))
    accuracy, speed = (read_all(sorted(RESULTS.glob(f"{kind}-*.json"))) for kind in ("accuracy", "speed"))
    assert accuracy and speed
    for file, tables in {
        readme: (short_accuracy_table(runs_of(accuracy)), short_speed_table(speed)),
        in_full: (accuracy_table(runs_of(accuracy)), speed_table(speed)),
    }.items():
        text = file.read_text(encoding="utf-8")
        assert [table for table in tables if table not in text] == []


def test_what_the_readme_says_of_a_transfers_gain_is_what_its_table_says():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = r"^\| lectaurep_entries \| ([\d,]+) \| (\w+) \| residual \| (\d+) \| ([\d.]+) %"
    cers = {row[:3]: float(row[3]) for row in re.findall(row, readme, re.MULTILINE)}
    gains = [cers[w, "scratch", m] - cer for (w, start, m), cer in cers.items() if start == "transfer"]
    assert {round(gain) for gain in gains} == {1, 2}
    assert "it is one to two points better" in readme


def test_a_row_says_where_a_model_has_other_lstms_than_those_of_setup_cfg():
    run = {"architecture": "residual", "hyperparameters": {"num_units_lstm1": 192, "num_units_lstm2": 192}}
    assert model_of(run) == "residual, LSTMs of 192"
    assert model_of(run | {"hyperparameters": {"num_units_lstm1": 128, "num_units_lstm2": 128}}) == "residual"
    other = run | {"hyperparameters": {"num_units_lstm1": 128, "num_units_lstm2": 192}}
    assert model_of(other) == "residual, LSTMs of 128 and 192"


def test_the_readmes_table_has_the_longest_of_runs_that_only_the_machine_tells_apart():
    def run(epochs, cer, **others):
        return {
            "training_set": "a/train", "start": "scratch", "minutes": 20.0, "architecture": "residual", "words": 250,
            "epochs": epochs, "cer": cer, "synthetic": 5000,
        } | others  # fmt: skip

    leaning = {"cer": 0.2, "cer_low": 0.1, "cer_high": 0.3, "exact": 0.5}
    table = short_accuracy_table([run(8, 0.4), run(40, 0.3, leaning=leaning), run(8, 0.25, untranscribed=99)])
    assert table.splitlines()[2:] == [
        "| a | 250 | scratch | residual | 20 | 20.0 % (10.0 to 30.0) | 50.0 % |  | 30.0 % |",
        "| a | 250 and 99 untranscribed | scratch | residual | 20 |  |  |  | 25.0 % |",
    ]


def test_a_result_says_on_which_processor():
    machine = {"cpu": "Intel(R) Xeon(R) Processor", "gpus": []}
    (run,) = runs_of([{"machine": machine, "runs": [{"words": 3}]}])
    assert run == {"words": 3, "processor": "Intel Xeon", "optimizer": "AdamW"}


def test_the_chart_of_few_words_is_of_runs_that_differ_in_words():
    def run(words, cer, architecture="residual", start="scratch", minutes=10.0, untranscribed=0):
        return {
            "architecture": architecture, "optimizer": "Muon", "start": start, "words": words, "minutes": minutes,
            "test_set": "a/test", "cer": cer, "cer_low": cer - 0.1, "cer_high": cer + 0.1,
            "untranscribed": untranscribed,
        }  # fmt: skip

    scratch = [run(1000, 0.4), run(250, 0.6) | {"synthetic": 5000}]  # follows from the number of words
    transfer = [run(250, 0.5, start="transfer"), run(1000, 0.3, start="transfer")]
    others = [run(999, 0.9, minutes=20.0), run(1000, 0.9, "classic")]  # of these there is one number of words alone
    more = [run(words, 0.2, start="transfer", untranscribed=9) for words in (250, 1000)]
    few = runs_by_words(others + scratch + transfer + more)
    assert few == scratch + transfer  # of `more` nobody knows from which images
    (axes,) = words_chart(few).axes
    assert [line.get_label() for line in axes.containers] == [
        "residual, scratch, at most 10 minutes, Muon",
        "residual, transfer, at most 10 minutes, Muon",
    ]
    line = axes.containers[0].lines[0]
    assert line.get_xdata().tolist() == [250, 1000]
    assert line.get_ydata().tolist() == pytest.approx([60, 40])


def test_an_interval_that_there_is_not_is_left_out():
    run = {
        "training_set": "a/train", "test_set": "a/test", "architecture": "residual", "start": "scratch", "words": 250,
        "seconds": 60, "minutes": 1, "epochs": 3, "val_cer": 0.5, "cer": 0.25, "cer_low": None, "cer_high": None,
        "exact": 0.5, "exact_low": None, "exact_high": None, "optimizer": "Muon", "processor": "a",
    }  # fmt: skip
    assert "| 25.0 % | 50.0 % |" in accuracy_table([run])
    words_chart([run, run | {"words": 1000}])


@pytest.mark.parametrize(
    "flags", ["--base m.h5 --transfer a b", "--base m.h5 --architectures compact", "--transfer-minutes 5"]
)
def test_flags_that_would_count_for_nothing_are_refused(flags):
    with pytest.raises(SystemExit):
        accuracy.parse_args(["train", "test", *flags.split()])


def test_curves_of_several_test_sets_are_told_apart():
    run = {"architecture": "residual", "start": "scratch", "words": 9, "cer": 0.5, "curve": [{"seconds": 6, "cer": 1}]}
    (axes,) = curve_chart([run | {"test_set": name} for name in ("a/test", "b/test")]).axes
    assert [t.get_text().split()[-1] for t in axes.get_legend().get_texts()] == ["a/test", "b/test"]
    assert "of the same test set" in axes.get_title()
    assert [axes.lines[0].get_xdata()[0], axes.lines[0].get_ydata()[0]] == [0.1, 100]  # minutes, %
