import shutil

import keras
import numpy as np
import pytest
from conftest import FIXTURES, WORDS, small_recognizer, write_image_set, write_settings

from one_model_trainer import task as one_model_trainer
from transfer_learning.task import parse_args, run
from utilities import saved_run, training_run
from utilities.config import load_config
from utilities.errors import UserError
from utilities.full_model import HEADS
from utilities.metadata import ImageSetError
from utilities.model_files import ModelFiles
from utilities.original_model import PUBLISHED_CHARACTERS
from utilities.resume import ResumeError
from utilities.safe_files import NoSpaceError, OutputExistsError
from utilities.saved_model import load_recognizer, save_recognizer

STEPS = [ModelFiles(f"x-{step}", f"x-{step}", "h5") for step in ("retrained", "fine_tuned")]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A folder with two base models, to transfer from."""
    keras.utils.set_random_seed(1)
    folder = tmp_path_factory.mktemp("begun")
    write_image_set(folder / "train", WORDS)
    write_image_set(folder / "test", WORDS[:2])
    settings = write_settings(folder)
    settings.write_text(settings.read_text().replace("FINE_TUNING_EPOCHS = 1", "FINE_TUNING_EPOCHS = 3"))
    for name in ("a", "b"):
        base = small_recognizer(record={"date": name, "data": {}})
        save_recognizer(folder / f"{name}.h5", base.spec, base.full_model, base.record)
    return folder


@pytest.fixture
def work(begun, tmp_path, monkeypatch):
    """A copy of that folder, the working directory."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def ended(begun, tmp_path_factory):
    """The same folder after a transfer, and before its second step's files were written."""
    folder = tmp_path_factory.mktemp("ended") / "work"
    shutil.copytree(begun, folder)
    original = saved_run.save_trained

    def kept_before(files, *arguments):
        if files == STEPS[1]:
            shutil.copytree(folder, folder.with_name("unsaved"), ignore=shutil.ignore_patterns("*.lock"))
        original(files, *arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setattr(saved_run, "save_trained", kept_before)
        transfer(folder)
    return folder


@pytest.fixture
def after_one(ended, work):
    """The working directory after a transfer."""
    shutil.copytree(ended, work, dirs_exist_ok=True)
    return work


@pytest.fixture
def after_stop(ended, work):
    """The working directory after a transfer that was stopped when its second step was to be saved."""
    shutil.copytree(ended.with_name("unsaved"), work, dirs_exist_ok=True)
    return work


def transfer(work, *flags, base="a.h5"):
    run(load_config(work / "setup.cfg", "transfer"), parse_args(["setup.cfg", base, "x", *flags]))


def interrupted(work, monkeypatch, step, *flags):
    """A transfer that is stopped when its first or second step begins."""
    begun, original = [], training_run.train

    def train(*arguments):
        begun.append(True)
        if len(begun) == step:
            raise KeyboardInterrupt
        return original(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(training_run, "train", train)
        with pytest.raises(KeyboardInterrupt):
            transfer(work, *flags)


def begun_anew(work, monkeypatch, rate):
    """A transfer with another rate that replaces the one before, and is stopped when its first step is to be saved."""
    settings = (work / "setup.cfg").read_text()
    rates = f"RETRAINING_LEARNING_RATE = {rate}\nFINE_TUNING_LEARNING_RATE = {rate}"
    (work / "setup.cfg").write_text(settings.replace("[transfer]", f"[transfer]\n{rates}"))
    with monkeypatch.context() as patched:
        patched.setattr(saved_run, "save_trained", stopped)
        with pytest.raises(KeyboardInterrupt):
            transfer(work, "--overwrite")


def stopped(*arguments):
    raise KeyboardInterrupt


def history(files):
    return np.loadtxt(files.history, delimiter=",", skiprows=1, ndmin=2)[:, :-1]  # but for the seconds


def test_a_transfer_stopped_between_its_steps_goes_on_to_the_same_result(after_one, monkeypatch, capsys):
    work, unbroken = after_one, history(STEPS[1])
    for files in STEPS:
        for path in files.all:
            path.unlink()
    interrupted(work, monkeypatch, step=2)
    assert STEPS[0].resume.exists()
    capsys.readouterr()
    transfer(work, "--resume")
    said = capsys.readouterr().out
    assert "epoch   1/1" not in said and "starting afresh" not in said  # the first step is not trained again
    assert not any(files.resume.exists() for files in STEPS)
    assert np.allclose(history(STEPS[1]), unbroken, rtol=1e-3)


def test_a_finished_first_step_of_other_images_or_another_model_is_not_taken_up(work, monkeypatch):
    interrupted(work, monkeypatch, step=2)
    with pytest.raises(ResumeError, match=r"base: was a, now b"):
        transfer(work, "--resume", base="b.h5")
    table = work / "train/words_metadata.csv"
    kept = table.read_text()
    table.write_text(kept.replace("Carex", "Carex!"))  # one more character to learn
    changed = r"(?s)alphabet: was .*, now .*!.*names, transcriptions and groups: was .*--overwrite"
    with pytest.raises(ResumeError, match=changed) as refused:
        transfer(work, "--resume")
    assert len(str(refused.value)) < 1000
    table.write_text(kept)
    transfer(work, "--resume")
    assert load_recognizer(STEPS[1].full).record["base"]["date"] == "a"


def test_a_disk_that_is_full_at_the_end_costs_nothing_but_the_wait(work, monkeypatch):
    """The second of the models that a step leaves cannot be written."""
    original = saved_run.save_trained

    def full_disk(files, spec, full, record, progress):
        if files == STEPS[1]:
            save_recognizer(files.prediction, spec, full, record)
            raise NoSpaceError("no space")
        original(files, spec, full, record, progress)

    with monkeypatch.context() as patched:
        patched.setattr(saved_run, "save_trained", full_disk)
        with pytest.raises(NoSpaceError):
            transfer(work)
    trained = history(STEPS[1])
    transfer(work, "--resume")
    assert np.array_equal(history(STEPS[1]), trained)
    assert all(path.exists() for files in STEPS for path in files.all)


def test_what_was_to_be_thrown_away_is_not_gone_on_with_even_where_the_settings_are_the_same(after_stop, monkeypatch):
    kept = STEPS[1].resume
    assert kept.exists()
    with monkeypatch.context() as patched:
        patched.setattr(saved_run, "save_trained", stopped)
        with pytest.raises(KeyboardInterrupt):
            transfer(after_stop, "--overwrite")
    assert not kept.exists()
    transfer(after_stop, "--resume")
    assert all(path.exists() for files in STEPS for path in files.all)


@pytest.mark.parametrize("flags", [("--resume",), ("--resume", "--overwrite")])
def test_a_transfer_that_replaces_another_and_was_stopped_takes_nothing_from_that(after_one, monkeypatch, flags):
    work = after_one
    before = history(STEPS[1])
    begun_anew(work, monkeypatch, rate=0.004)
    transfer(work, *flags)
    rates = [rows[:, -1] for rows in (before, history(STEPS[1]))]
    assert rates[0].max() < 0.0016 < rates[1].max() and not np.allclose(history(STEPS[1])[:, :-1], before[:, :-1])


def test_one_that_replaces_another_and_was_stopped_between_its_steps_can_go_on(after_one, monkeypatch):
    work = after_one
    settings = (work / "setup.cfg").read_text()
    (work / "setup.cfg").write_text(settings.replace("[transfer]", "[transfer]\nFINE_TUNING_LEARNING_RATE = 0.004"))
    interrupted(work, monkeypatch, 2, "--overwrite")
    with pytest.raises(UserError, match=r"--resume.* or --overwrite to throw it away and replace the finished model"):
        transfer(work)
    transfer(work, "--resume")
    assert history(STEPS[1])[:, -1].max() > 0.0016


def test_the_model_that_a_transfer_starts_from_is_there_until_it_ends(work):
    """Else one that was stopped in its second step could not go on."""
    for path in STEPS[0].models:
        for flag in ("--overwrite", "--resume"):
            with pytest.raises(UserError, match=r"first step .* writes.* another NAME.* the MODEL that it began with"):
                transfer(work, flag, base=str(work / path))
    with pytest.raises(UserError, match="no model file"):  # what its end replaces may be what it starts from
        transfer(work, "--overwrite", base=str(STEPS[1].full))


def test_another_run_that_has_ended_meanwhile_is_not_replaced(work, monkeypatch):
    original = saved_run.ResumePoint.open

    def late(path, *arguments):
        if path == STEPS[0].resume:
            STEPS[0].full.parent.mkdir(exist_ok=True)
            STEPS[0].full.write_text("finished")
        return original(path, *arguments)

    monkeypatch.setattr(saved_run.ResumePoint, "open", late)
    with pytest.raises(OutputExistsError, match=r"x-retrained-full_model.h5"):
        transfer(work)
    assert STEPS[0].full.read_text() == "finished"


def test_what_an_older_run_kept_of_the_second_step_is_not_taken_for_the_new_ones(after_stop, monkeypatch):
    assert STEPS[1].resume.exists()
    begun_anew(after_stop, monkeypatch, rate=0.004)
    transfer(after_stop, "--resume")
    assert history(STEPS[1])[:, -1].max() > 0.0016 and all(path.exists() for files in STEPS for path in files.all)


def test_the_alphabet_that_says_what_an_original_model_reads_forbids_no_new_character(work):
    settings = (work / "setup.cfg").read_text()
    table, original = work / "train/words_metadata.csv", str(FIXTURES / "original_models/tiny-prediction.h5")
    table.write_text(table.read_text().replace("Carex", "Carexω"))
    for alphabet in ("abc", "".join(PUBLISHED_CHARACTERS)):
        (work / "setup.cfg").write_text(settings.replace("[project]\n", f'[project]\nALPHABET = "{alphabet}"\n'))
        with pytest.raises(ImageSetError, match="outside ALPHABET"):
            transfer(work, base=original if alphabet == "abc" else "a.h5")
    transfer(work, base=original)
    assert "ω" in load_recognizer(STEPS[1].full).spec.alphabet.characters


def test_the_trainer_says_where_the_tuners_architecture_is_another(work, monkeypatch, capsys):
    def stop(*_):
        raise UserError

    monkeypatch.setattr(one_model_trainer, "refuse_to_overwrite", stop)
    (work / "best.cfg").write_text("[train]\nARCHITECTURE = compact\nDROPOUT = 0.1\n")
    args = one_model_trainer.parse_args(["setup.cfg", "x", "--hyperparameters", "best.cfg"])
    with pytest.raises(UserError):
        one_model_trainer.run(load_config(work / "setup.cfg", "train"), args)
    assert "ARCHITECTURE = compact of best.cfg is used, not residual of setup.cfg." in capsys.readouterr().out


def test_a_transfer_says_what_it_does_not_use_and_records_what_it_did(work, capsys):
    settings = (work / "setup.cfg").read_text()
    given = "[train]\nDROPOUT = 0.5\nLEARNING_RATE = 0.1\nARCHITECTURE = residual\n"
    (work / "setup.cfg").write_text(settings.replace("[train]\n", given).replace("BATCH_SIZE = 8", "BATCH_SIZE = 3"))
    transfer(work)
    said = capsys.readouterr().out
    assert "Not used of [train]: ARCHITECTURE = residual (it is compact), " in said
    assert "NUM_EPOCHS = 1 (RETRAINING_ and FINE_TUNING_EPOCHS decide)" in said
    assert said.count("WARNING: this model reads nothing yet") == 1  # of the head alone nothing is expected
    assert "DROPOUT = 0.5 (it has 0.2)" in said and "LEARNING_RATE (a transfer has" in said
    record = load_recognizer(STEPS[1].full).record
    judged = [record[name]["words"] for name in ("calibration", "language_calibration")]
    assert judged == [record["data"]["validation_images"]] * 2
    rates = [load_recognizer(files.full).spec.hyperparameters.learning_rate for files in STEPS]
    assert rates == [0.003, 0.0015] and load_recognizer(STEPS[1].full).spec.hyperparameters.batch_size == 3


def test_a_transfer_that_was_to_replace_another_and_kept_nothing_begins_afresh(after_one, monkeypatch, capsys):
    work = after_one
    settings = (work / "setup.cfg").read_text()
    (work / "setup.cfg").write_text(settings.replace("[transfer]", "[transfer]\nRETRAINING_LEARNING_RATE = 0.0042"))
    interrupted(work, monkeypatch, 1, "--overwrite")
    capsys.readouterr()
    transfer(work, "--overwrite", "--resume")
    assert "starting afresh" in capsys.readouterr().out
    assert load_recognizer(STEPS[0].full).record["plan"]["learning_rate"] == 0.0042


def test_a_transfer_trains_the_heads_alone_and_then_all_layers(work, monkeypatch):
    trained = []

    def see(spec, full, *arguments, **options):
        trained.append({layer.name for layer in full.layers if layer.trainable_variables})
        return {"seconds": 0.0}

    monkeypatch.setattr(saved_run, "train_and_save", see)
    transfer(work)
    heads, everything = trained
    assert heads == set(HEADS) and heads | {"Conv1", "bidirectional_2"} < everything
