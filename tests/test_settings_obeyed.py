"""What settings and flags say reaches what they are about; seen where it arrives, since whole stages take long."""

import pytest
from conftest import write_settings

from hyperparameter_tuner import task as tuner
from image_set_preparation import task as preparation
from one_model_trainer import task as trainer
from transfer_learning import task as transfer
from utilities import sample_words
from utilities.config import load_config
from utilities.errors import UserError
from utilities.examination import examine
from utilities.images import Preprocessing
from utilities.plan import Plan, fine_tuning_plan, head_plan
from utilities.trials import TrialQueue


@pytest.fixture
def here(workspace, monkeypatch):
    """A working directory with image sets and settings; `here(section=lines)` adds lines to sections of the latter."""
    monkeypatch.chdir(workspace)

    def add(**lines):
        text = write_settings(workspace).read_text()
        for section, more in lines.items():
            text = text.replace(f"[{section}]\n", f"[{section}]\n{more}\n")
        (workspace / "setup.cfg").write_text(text)
        return workspace

    return add


def test_how_an_image_set_is_read(here):
    folder = here(
        project="IMAGE_FORMAT = jpg\nMAX_LABEL_LENGTH = 5\nMETADATA_FILE_NAME = list.csv\nALPHABET = CarexRosP"
    )
    (folder / "train/words_metadata.csv").unlink()
    (folder / "train/list.csv").write_text("image_location,transcription\nw000,Carex\nw001,Roses of Paros\nw002,Rosi\n")
    for number in range(2):
        (folder / f"train/images/w00{number}.jpg").write_bytes((folder / f"train/images/w00{number}.png").read_bytes())
    project = load_config(folder / "setup.cfg", "train").project
    found = examine(project, folder / "train", Preprocessing(32, 256), lambda width: width // 4, folder / "cache")
    assert [s.path.name for s in found.image_set.samples] == ["w000.jpg", "w001.jpg", "w002.png"]
    findings = [(p.row, p.finding) for p in found.problems]
    assert findings == [(3, "label too long"), (3, "character outside ALPHABET"), (4, "character outside ALPHABET")]


def test_how_long_to_wait_and_when_to_stop(here):
    config = load_config(
        here(train="PATIENCE = 7\nEARLY_STOPPING = True\nSEED = 5\nSYNTHETIC_WORDS = 9") / "setup.cfg", "transfer"
    )
    plans = [
        Plan.of(config.train, 3, 0.1, None),
        head_plan(config.train, config.transfer),
        fine_tuning_plan(config.train, config.transfer, 0),
    ]
    found = [(plan.patience, plan.early_stopping, plan.seed, plan.synthetic_words) for plan in plans]
    assert found == [(7, True, 5, 9)] * 3


def test_how_long_and_how_fast_each_step_of_a_transfer_trains(here):
    folder = here(transfer="RETRAINING_LEARNING_RATE = 0.03\nFINE_TUNING_LEARNING_RATE = 0.004")
    text = (folder / "setup.cfg").read_text().replace("FINE_TUNING_EPOCHS = 1", "FINE_TUNING_EPOCHS = 6")
    (folder / "setup.cfg").write_text(text.replace("RETRAINING_EPOCHS = 1", "RETRAINING_EPOCHS = 2"))
    config = load_config(folder / "setup.cfg", "transfer")
    plans = head_plan(config.train, config.transfer), fine_tuning_plan(config.train, config.transfer, 0)
    assert [(plan.epochs, plan.learning_rate, plan.rate_key) for plan in plans] == [
        (2, 0.03, "RETRAINING_LEARNING_RATE"),
        (6, 0.004, "FINE_TUNING_LEARNING_RATE"),
    ]


@pytest.mark.parametrize("stage", [trainer, transfer])
def test_what_kind_of_files_models_are(here, monkeypatch, stage):
    named = []

    def stop(files, *_):
        named.extend(path.suffix for f in files for path in f.models)
        raise UserError

    monkeypatch.setattr(stage, "refuse_to_overwrite", stop)
    folder = here(project="MODEL_FORMAT = keras")
    arguments = ["setup.cfg", *(["base.h5"] if stage is transfer else []), "a"]
    with pytest.raises(UserError):
        stage.run(load_config(folder / "setup.cfg", "train"), stage.parse_args(arguments))
    assert named and set(named) == {".keras"}


@pytest.mark.parametrize("stage", [trainer, transfer])
def test_a_name_is_judged_and_told_as_it_was_given(here, monkeypatch, stage):
    def stop(*_):
        raise UserError("the name is good")

    monkeypatch.setattr(stage, "refuse_to_overwrite", stop)
    folder = here()
    before = ["setup.cfg", *(["base.h5"] if stage is transfer else [])]
    for name, said in (("a" * 150, "the name is good"), ("a/b", "NAME 'a/b' cannot be")):
        with pytest.raises(UserError, match=said):
            stage.run(load_config(folder / "setup.cfg", "train"), stage.parse_args([*before, name]))


def test_how_trials_are_chosen_and_where_they_are_kept(here, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    opened = []

    def stop(storage, name, space, strategy, *_):
        opened.append((storage, strategy))
        raise UserError

    monkeypatch.setattr(TrialQueue, "open", stop)
    plain = here(tune="METHOD = random")
    chosen = (
        "METHOD = bayes\nNUM_CALLS = 9\nNUM_RANDOM_STARTS = 4\nPRUNE = False\nSTORAGE = sqlite:///mine.db\nSEED = 6"
    )
    with pytest.raises(UserError):
        tuner.run(load_config(plain / "setup.cfg", "tune"), resume=False)
    with pytest.raises(UserError):
        tuner.run(load_config(here(tune=chosen) / "setup.cfg", "tune"), resume=False)
    (usual, by_default), (storage, strategy) = opened
    assert usual.endswith("search.db") and by_default.prune
    assert storage == "sqlite:///mine.db"
    figures = (strategy.method, strategy.calls, strategy.random_starts, strategy.prune, strategy.seed)
    assert figures == ("bayes", 9, 4, False, 6)


def test_which_sample_is_drawn(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(sample_words, "write_sample", lambda destination, seed: drawn.append(seed) or {})
    assert preparation.main(["sample", str(tmp_path / "a"), "--seed", "5"]) == 0
    assert drawn == [5]


@pytest.fixture
def opened(workspace, monkeypatch):
    """Runs the tuner up to its search, with more settings; gives the search's name and strategy."""
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")

    def run(epochs=1, tune="", train=""):
        found = []

        def stop(storage, name, space, strategy, *_):
            found.append((name, strategy))
            raise UserError

        monkeypatch.setattr(TrialQueue, "open", stop)
        settings = write_settings(workspace, train=train)
        text = settings.read_text().replace("[tune]\n", f"[tune]\n{tune}\n")
        settings.write_text(text.replace("NUM_EPOCHS = 1\nLEARNING", f"NUM_EPOCHS = {epochs}\nLEARNING"))
        with pytest.raises(UserError):
            tuner.run(load_config(settings, "tune"), resume=False)
        return found[0]

    return run


def test_no_trial_is_judged_while_it_is_shown_drawn_words(opened):
    found = (opened(60), opened(60, train="SYNTHETIC_WORDS = 0"), opened(10))
    assert [strategy.drawn_epochs for _, strategy in found] == [21, 0, 0]


def test_in_a_shared_storage_sets_of_one_name_in_different_folders_have_different_searches(opened, workspace):
    name, _ = opened(tune="STORAGE = sqlite:///mine.db")
    assert f"{workspace.name}/train" in name
