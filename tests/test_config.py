"""Settings files: the published ones, defaults, every kind of mistake, and the tuner's file."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import write_settings

from utilities.config import format_hyperparameters, load_config, read_hyperparameters
from utilities.errors import UserError
from utilities.hyperparameters import DEFAULTS, TUNED, resolve
from utilities.setting_keys import KEYS
from utilities.settings_file import SettingsError

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = Path(__file__).parent / "fixtures"
STAGES = ("tune", "train", "transfer", "predict")
FOLDERS = "[tune]\nIMAGE_SET_NAME = images\n[train]\nIMAGE_SET_NAME = images\n[test]\nIMAGE_SET_NAME = images\n"


@pytest.fixture
def write(tmp_path):
    (tmp_path / "images").mkdir()

    def write_settings(text, name="setup.cfg"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_settings


def refusal(path, stage="train"):
    with pytest.raises(SettingsError) as refused:
        load_config(path, stage)
    return str(refused.value)


def project(write, line):
    return load_config(write(f"[project]\n{line}\n{FOLDERS}"), "train").project


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", ["published_older.cfg", "published_newer.cfg"])
def test_published_files_load_unchanged(tmp_path, name, stage):
    path = Path(shutil.copy(FIXTURES / name, tmp_path))
    for folder in ("IAM_words_train", "combo_split/test", "steyermark_6994_split/test"):
        (tmp_path / "image_sets" / folder).mkdir(parents=True)
    config = load_config(path, stage)
    assert (config.project.img_height, config.project.img_width, config.project.max_label_length) == (100, 400, 30)
    assert (config.tune.num_epochs, config.tune.num_calls, config.tune.num_random_starts) == (15, 30, 5)
    assert (config.train.num_epochs, config.train.seed, config.train.early_stopping) == (125, 2, True)
    assert config.train.image_set == tmp_path / "image_sets/IAM_words_train"
    assert config.train.architecture == "residual"
    if "older" in name:
        assert config.train.hyperparameters == {"batch_size": 128, "learning_rate": 0.001}
    else:
        assert resolve("classic", config.train.hyperparameters, {"learning_rate": 0.0005}) == DEFAULTS["classic"]


def test_defaults(write, tmp_path):
    config = load_config(write("[train]\nIMAGE_SET_NAME = images"), "train")
    p, t, x = config.project, config.train, config.transfer
    assert (p.image_format, p.max_label_length, p.img_height, p.img_width) == ("png", 40, 40, 512)
    assert (p.metadata_file_name, p.metadata_image_column) == ("words_metadata.csv", "image_location")
    assert (p.metadata_transcription_column, p.metadata_group_column, p.alphabet) == ("transcription", None, None)
    assert (p.model_format, p.on_bad_rows) == ("h5", "stop")
    assert (t.num_epochs, t.seed, t.early_stopping, t.patience, t.validation_share) == (250, 2, False, 20, 0.1)
    assert (t.max_minutes, t.architecture, t.hyperparameters) == (None, "residual", {})
    assert (x.retraining_epochs, x.fine_tuning_epochs, x.max_minutes) == (10, 250, None)
    assert (x.retraining_learning_rate, x.fine_tuning_learning_rate) == (0.003, 0.0015)
    assert (config.tune.num_epochs, config.tune.seed, config.test.image_set) == (15, 2, None)
    assert t.image_set == tmp_path / "images"
    assert (config.test.lexicon, config.test.language_weight) == (None, None)


def test_shipped_file_has_every_key_with_its_default_and_one_comment_line(tmp_path):
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    for section, keys in KEYS.items():
        body = re.search(rf"^\[{section}\]\n(.*?)(?=^\[|\Z)", text, re.M | re.S)[1]
        assert sorted(re.findall(r"^(?:# )?([A-Z][A-Z_0-9]+) = ", body, re.M)) == sorted(keys)
        lines = body.strip().splitlines()
        assert all(line.startswith("# ") for line in lines[::2]), "a comment line above each key"
        assert all(re.match(r"(# )?[A-Z_0-9]+ = ", line) for line in lines[1::2]), "one comment line only"
    for hand in ("train", "test"):
        (tmp_path / "image_sets/sample/first_hand" / hand).mkdir(parents=True)
    shipped = load_config(shutil.copy(ROOT / "setup.cfg", tmp_path), "train")
    (tmp_path / "bare.cfg").write_text("[train]\nIMAGE_SET_NAME = image_sets/sample/first_hand/train")
    bare = load_config(tmp_path / "bare.cfg", "train")
    ours = vars(shipped.project) | {"metadata_group_column": None}
    assert (ours, shipped.transfer) == (vars(bare.project), bare.transfer)
    assert resolve("residual", shipped.train.hyperparameters) == DEFAULTS["residual"]
    assert vars(shipped.train) | {"hyperparameters": {}} == vars(bare.train)
    assert (shipped.tune.num_epochs, shipped.tune.space["learning_rate"]) == (3, (0.001, 0.003))
    assert sorted(len(values) for values in shipped.tune.space.values()) == [1, 1, 1, 1, 1, 2]


def test_grid_comes_from_tune_then_train_then_defaults(write):
    text = "[tune]\nDROPOUT = 0.1, 0.2,\n   0.30, 0.3\n[train]\nIMAGE_SET_NAME = images\nKERNEL_SIZE = 5\nSEED = 9\n"
    text += "NUM_EPOCHS = 4"
    config = load_config(write(text), "tune")
    assert list(config.tune.space) == list(TUNED)
    assert config.tune.space["dropout"] == (0.1, 0.2, 0.3)
    assert config.tune.space["kernel_size"] == (5,)
    assert config.tune.space["num_units_lstm1"] == (128,)
    assert (config.tune.seed, config.tune.num_epochs, config.tune.image_set) == (9, 4, config.train.image_set)


def test_without_lists_the_grid_has_eight_trials(write):
    grid = load_config(write(FOLDERS + "\n[project]\nBATCH_SIZE = 64"), "tune").tune.space
    assert grid["dropout"] == (0.1, 0.3) and grid["num_units_lstm1"] == (128, 256)
    assert grid["learning_rate"] == (0.001, 0.002)
    assert (grid["batch_size"], grid["kernel_size"], grid["num_units_dense"]) == ((64,), (3,), (128,))


def test_batch_size_of_train_goes_before_that_of_project(write):
    text = "[project]\nBATCH_SIZE = 64\n[train]\nBATCH_SIZE = 8\nIMAGE_SET_NAME = images"
    assert load_config(write(text), "train").train.hyperparameters == {"batch_size": 8}


@pytest.mark.parametrize(
    "content",
    [
        "﻿[train]\r\nimage_set_name = images\r\nseed = 0\r\n".encode(),
        b"[train]\nImage_Set_Name=images\nSeed: 0",
        b"; a comment\n\n[train]\n# another\n\nIMAGE_SET_NAME = images\nSEED = 0\n",
    ],
)
def test_marks_line_ends_and_case_do_not_matter(write, content):
    assert load_config(write(content), "train").train.seed == 0


@pytest.mark.parametrize(
    ("text", "alphabet"),
    [
        ('#;"', '#;"'),
        ('" ab"', " ab"),
        ('"ab "', "ab "),
        ("%(x)s", "%(x)s"),
        ('"', '"'),
        ('"""', '"'),
        ("=:[]", "=:[]"),
        ("e\u0301", "\u00e9"),
        ("", None),
    ],
)
def test_alphabets(write, text, alphabet):
    assert project(write, f"ALPHABET = {text}").alphabet == alphabet


def test_alphabet_with_a_character_twice_after_normalisation(write):
    message = refusal(write(f"[project]\nALPHABET = \u00e9xye\u0301x\n{FOLDERS}"))
    assert "'x'" in message and "'\u00e9'" in message and "'y'" not in message
    assert "ALPHABET" in refusal(write(f'[project]\nALPHABET = ""\n{FOLDERS}'))


def test_percent_signs_quotes_and_comment_signs_survive(write):
    assert project(write, 'METADATA_FILE_NAME = 100% "mine" #2;.csv').metadata_file_name == '100% "mine" #2;.csv'


def test_empty_means_absent_where_it_may(write):
    text = "[project]\nMETADATA_GROUP_COLUMN =\nALPHABET =\n[train]\nMAX_MINUTES =\nIMAGE_SET_NAME = images\n"
    config = load_config(write(text + "[transfer]\nMAX_MINUTES ="), "train")
    assert config.project.metadata_group_column is config.project.alphabet is None
    assert config.train.max_minutes is config.transfer.max_minutes is None


@pytest.mark.parametrize(
    ("text", "value"), [("True", True), ("no", False), ("0", False), ("YES", True), ("false", False)]
)
def test_truth(write, text, value):
    config = load_config(write(f"[train]\nIMAGE_SET_NAME = images\nEARLY_STOPPING = {text}"), "train")
    assert config.train.early_stopping is value


@pytest.mark.parametrize(
    ("section", "line", "allowed"),
    [
        ("project", "IMG_HEIGHT = 15", "from 16 to 1024"),
        ("project", "IMG_WIDTH = wide", "from 16 to 8192"),
        ("project", "IMAGE_FORMAT = gif", "png or jpg"),
        ("project", "MODEL_FORMAT = onnx", "h5 or keras"),
        ("project", "ON_BAD_ROWS = ignore", "stop or skip"),
        ("project", "METADATA_IMAGE_COLUMN =", "a column name"),
        ("project", "MAX_LABEL_LENGTH = 0", "from 1 to"),
        ("tune", "DROPOUT =", "cannot be in the list"),
        ("tune", "DROPOUT = 0.1, 1.5", "'1.5' cannot be in the list"),
        ("tune", "BATCH_SIZE = 8,", "'' cannot be in the list"),
        ("tune", "NUM_CALLS = few", "a whole number"),
        ("train", "VALIDATION_SHARE = 0", "above 0 and at most 0.5"),
        ("train", "VALIDATION_SHARE = 0.6", "above 0 and at most 0.5"),
        ("train", "EARLY_STOPPING = maybe", "True or False"),
        ("train", "MAX_MINUTES = 0", "minutes above 0"),
        ("train", "MAX_MINUTES = nan", "minutes above 0"),
        ("train", "ARCHITECTURE = clasic", "classic or compact or residual or retsinas"),
        ("train", "ACTIVATION_FUNCTION = 'rleu'", "one of relu"),
        ("train", "SEED = -1", "from 0"),
        ("test", "LANGUAGE_WEIGHT = 3", "to 2"),
        ("transfer", "RETRAINING_EPOCHS = 0", "from 1"),
        ("transfer", "FINE_TUNING_LEARNING_RATE = 2", "at most 1"),
    ],
)
def test_a_refused_value_is_named_with_section_and_what_is_allowed(write, section, line, allowed):
    filled = re.sub(rf"(\[{section}\]\n)", rf"\1{line}\n", FOLDERS + "[project]\n[transfer]\n")
    message = refusal(write(filled))
    assert f"[{section}] {line}" in message and allowed in message and message.count("\n") == 2


def test_all_problems_are_reported_at_once_with_the_next_action(write):
    text = (
        "[project]\nIMG_HIGHT = 64\nIMG_WIDTH = x\n[train]\nIMAGE_SET_NAME = absent\nDROPOUT = 2\nIMG_HEIGHT = 1\n"
        "[Trian]\nSEED = 1\n[transfer]\nMETHODE = grid\n"
    )
    message = refusal(write(text))
    assert "setup.cfg has 7 problems" in message
    for part in (
        "[project] IMG_HIGHT = 64: no such key; did you mean IMG_HEIGHT?",
        "[project] IMG_WIDTH = x",
        "[train] DROPOUT = 2",
        "[train] IMG_HEIGHT = 1: no such key; it belongs under [project]",
        "[train] IMAGE_SET_NAME = absent: no such folder",
        "[Trian]: no such section; did you mean [train]?",
        "[transfer] METHODE = grid: no such key",
        "Correct the file and run the command again.",
    ):
        assert part in message


def test_lines_that_are_no_settings_or_come_twice_do_not_hide_other_problems(write):
    text = "[train]\nSEED = 1\nNUM_EPOCHS 9\nseed = 2\nDROPOUT = 2\n[test]\nSEVERAL_VIEWS = yes\n" + (
        "SEVERAL_VIEWS = no\nLEXIKON = a\n"
    )
    message = refusal(write(text))
    assert "6 problems" in message and message.index("line 3") < message.index("line 4")
    for part in (
        "line 3: 'NUM_EPOCHS 9' is neither KEY = VALUE",
        "line 4: [train] SEED is given a second time",
        "line 8: [test] SEVERAL_VIEWS is given a second time",
        "[train] DROPOUT = 2: allowed is",
        "[test] LEXIKON = a: no such key",
        "[train] IMAGE_SET_NAME is missing",
    ):
        assert part in message
    message = refusal(write(text + "[train]\n"))
    assert "line 4: [train] SEED is given" in message and "line 10: section [train] begins a second time" in message


def test_numbers_with_a_decimal_comma_are_said_to_need_a_point(write):
    train, tune = "LEARNING_RATE = 0,002\nMAX_MINUTES = 1,5\nDROPOUT = 1,5", "LEARNING_RATE = 0,001, 0,003"
    message = refusal(
        write(FOLDERS.replace("[train]\n", f"[train]\n{train}\n").replace("[tune]\n", f"[tune]\n{tune}\n"))
    )
    for part in (
        "[train] LEARNING_RATE = 0,002: decimals follow a point, not a comma: 0.002; allowed is",
        "[train] MAX_MINUTES = 1,5: decimals follow a point, not a comma: 1.5; allowed is",
        "[train] DROPOUT = 1,5: allowed is",  # which no point would mend
        "[tune] LEARNING_RATE = 0,001, 0,003: decimals follow a point, not a comma: 0.001, 0.003; allowed is",
    ):
        assert part in message


def test_a_range_is_for_searches_that_choose(write):
    line = "LEARNING_RATE = 0.001..0.01"
    assert f"[tune] {line}: a range needs METHOD = random or bayes" in refusal(
        write(FOLDERS.replace("[tune]\n", f"[tune]\n{line}\n"))
    )
    found = load_config(
        write(FOLDERS.replace("[tune]\n", f"[tune]\nMETHOD = bayes\nNUM_CALLS = 7\n{line}\n")), "tune"
    ).tune
    assert (found.space["learning_rate"].low, found.num_calls, found.prune) == (0.001, 7, True)
    assert not load_config(write(FOLDERS), "tune").tune.prune


@pytest.mark.parametrize(
    ("stage", "section"), [("tune", "tune"), ("train", "train"), ("transfer", "train"), ("predict", "test")]
)
def test_a_stage_needs_its_section_and_its_images(write, stage, section):
    assert f"[{section}] is missing" in refusal(write("[project]\n"), stage)
    assert f"[{section}] IMAGE_SET_NAME is missing" in refusal(write(f"[{section}]\n"), stage)
    empty = refusal(write(f"[{section}]\nIMAGE_SET_NAME =\n"), stage)
    assert f"[{section}] IMAGE_SET_NAME = : allowed is a folder of images" in empty and "a problem" in empty
    for folder, finding in (
        ("nowhere", "no such folder"),
        ('"images"', "no such folder"),
        ("setup.cfg", "that is a file"),
        ("x" * 300, "no such folder can be read"),
    ):
        message = refusal(write(f"[{section}]\nIMAGE_SET_NAME = {folder}"), stage)
        assert f"[{section}] IMAGE_SET_NAME = {folder}: {finding}" in message and "without quotes" in message


def test_only_the_folder_that_a_stage_reads_must_exist(write):
    text = FOLDERS.replace("[test]\nIMAGE_SET_NAME = images", "[test]\nIMAGE_SET_NAME = nowhere")
    for stage in ("tune", "train", "transfer"):
        load_config(write(text), stage)
    assert "[test] IMAGE_SET_NAME = nowhere" in refusal(write(text), "predict")


@pytest.mark.parametrize(("key", "name"), [("UNTRANSCRIBED_SET_NAME", "untranscribed"), ("BASE_SET_NAME", "base_set")])
def test_more_images_of_a_transfer_stand_beside_the_settings_file_and_must_exist_for_it(write, tmp_path, key, name):
    text = FOLDERS + f"[transfer]\n{key} = more\n"
    assert f"[transfer] {key} = more: no such folder" in refusal(write(text), "transfer")
    load_config(write(text), "train")
    (tmp_path / "more").mkdir()
    assert getattr(load_config(write(text), "transfer").transfer, name) == tmp_path / "more"
    assert getattr(load_config(write(text.replace("more", "")), "transfer").transfer, name) is None


def test_the_lexicon_stands_beside_the_settings_file(write, tmp_path):
    config = load_config(write(FOLDERS + "LEXICON = names.txt\nLANGUAGE_WEIGHT = 0.5\n"), "predict")
    assert (config.test.lexicon, config.test.language_weight) == (tmp_path / "names.txt", 0.5)


def test_home_and_unknown_users(write, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_config(write("[train]\nIMAGE_SET_NAME = ~/images"), "train").train.image_set == tmp_path / "images"
    assert "no such folder" in refusal(write("[train]\nIMAGE_SET_NAME = ~nobody-of-that-name/images"))


def test_a_line_that_begins_with_a_space_is_said_to_go_on(write):
    message = refusal(write("[project]\nMETADATA_FILE_NAME = a.csv\n IMG_WIDTH = 400\n" + FOLDERS))
    assert "METADATA_FILE_NAME" in message and "left margin" in message


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not a text file"),
        (b"a,b\n1,2\n", "line 1: 'a,b' stands before the first section"),
        (b"", "[train] is missing"),
        (b"[train]\nSEED = 1\nseed = 2\n", "line 3: [train] SEED is given a second time"),
        (b"[train]\nSEED = 1\n[train]\n", "line 3: section [train] begins a second time"),
        (b"[train]\nSEED\nno key\n", "line 2: 'SEED' is neither KEY = VALUE"),
        (b"[DEFAULT]\nSEED = 1\n", "[DEFAULT]: no such section"),
    ],
)
def test_files_that_are_no_settings_files(write, content, finding):
    assert finding in refusal(write(content))


def test_missing_file_and_folder(tmp_path):
    assert "There is no settings file" in refusal(tmp_path / "setup.cfg")
    assert "is a folder" in refusal(tmp_path)
    assert issubclass(SettingsError, UserError) and issubclass(SettingsError, ValueError)


@pytest.mark.parametrize("architecture", DEFAULTS)
def test_hyperparameter_file_round_trips(write, architecture):
    text = format_hyperparameters(architecture, DEFAULTS[architecture], ["CER 10 %, best of 8", "two\nlines"])
    assert text.startswith("# CER 10 %, best of 8\n# two\n# lines\n[train]\n")
    read_architecture, values = read_hyperparameters(write(text, "best_hyperparameters.cfg"))
    assert read_architecture == architecture
    assert resolve("compact", values) == DEFAULTS[architecture]


def test_hyperparameter_file_may_give_some_values_only(write):
    assert read_hyperparameters(write("[train]\ndropout = 0.5")) == (None, {"dropout": 0.5})


def test_hyperparameter_file_with_mistakes(write):
    with pytest.raises(SettingsError) as refused:
        read_hyperparameters(write("[train]\nDROPUOT = 0.5\nKERNEL_SIZE = 99\n[tune]\n"))
    assert all(
        part in str(refused.value) for part in ("did you mean DROPOUT?", "from 1 to 15", "[tune]: no such section")
    )
    with pytest.raises(SettingsError, match="missing or empty"):
        read_hyperparameters(write("# nothing"))


@pytest.mark.parametrize("content", [None, "[project]\n[train]\nSEED = 2\n", "BATCH_SIZE,KERNEL_SIZE\n16,3\n"])
def test_whoever_names_no_hyperparameter_file_is_not_told_to_name_or_mend_the_settings(write, content, tmp_path):
    path = write(content) if content else tmp_path / "missing.cfg"
    with pytest.raises(SettingsError, match=r"Give the tuner's best_hyperparameters\.cfg") as refused:
        read_hyperparameters(path)
    assert "such as setup.cfg" not in str(refused.value)


def test_no_framework_is_imported():
    heavy = "{'tensorflow', 'keras', 'pandas', 'numpy', 'PIL'}"
    modules = "utilities.config, utilities.hyperparameters, utilities.gpu, utilities.safe_files"
    code = f"import sys, {modules}; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_tuner_reads_its_own_image_set_where_it_names_one(tmp_path):
    for name in ("train", "tuned"):
        (tmp_path / name).mkdir()
    text = write_settings(tmp_path).read_text()
    (tmp_path / "setup.cfg").write_text(
        text.replace("[tune]\nIMAGE_SET_NAME = train", "[tune]\nIMAGE_SET_NAME = tuned")
    )
    assert load_config(tmp_path / "setup.cfg", "tune").tune.image_set.name == "tuned"
