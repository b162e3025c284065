"""What the README says to type, to set and to look at exists."""

import importlib
import re
import shlex

import pytest
from conftest import ROOT

from utilities.setting_keys import KEYS

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"^(?:\| \d \| `)?python (\w+)/task\.py ([^`\n]*)", README, re.MULTILINE)))
ENVIRONMENT = {"CUDA_VISIBLE_DEVICES"}


@pytest.mark.parametrize("stage, arguments", COMMANDS)
def test_a_stage_takes_what_the_readme_says_to_type(stage, arguments):
    parsed = vars(importlib.import_module(f"{stage}.task").parse_args(shlex.split(arguments)))
    for flag in re.findall(r"--([a-z0-9-]+)", arguments):
        assert parsed[flag.replace("-", "_")]


def test_all_stages_and_flags_of_the_readme_are_among_these_commands_or_in_help(capsys):
    assert {stage for stage, _ in COMMANDS} == {
        "image_set_preparation",
        "hyperparameter_tuner",
        "one_model_trainer",
        "transfer_learning",
        "test_set_predictions",
    }
    said = ""
    for stage in {stage for stage, _ in COMMANDS}:
        with pytest.raises(SystemExit):
            importlib.import_module(f"{stage}.task").parse_args(["--help"])
        said += capsys.readouterr().out
    named = set(re.findall(r"`(--[a-z0-9-]+)[ `]", README))
    assert named
    assert {flag for flag in named if flag not in said} == set()


def test_keys_that_the_readme_names_can_be_set():
    known = {key for keys in KEYS.values() for key in keys} | ENVIRONMENT
    named = set(re.findall(r"`([A-Z]+_[A-Z0-9_]+)\b[^`]*`", README))
    assert len(named) > 10
    assert named - known == set()


def test_every_file_of_the_utilities_has_its_place_in_the_table_for_engineers():
    table = re.findall(r"^\| (`.*?) \| [^|]*\|$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    listed = [name for row in table for name in re.findall(r"`(\w+)`", row)]
    assert sorted(listed) == sorted(p.stem for p in (ROOT / "utilities").glob("*.py") if p.stem != "__init__")


def test_pictures_and_files_that_the_readme_links_exist():
    linked = [path for path in re.findall(r"\]\(([^)#]+)", README) if not path.startswith("http")]
    assert linked
    assert [path for path in linked if not (ROOT / path).exists()] == []
    inside = re.findall(r"\]\(#([^)]+)\)", README)
    headings = {
        re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", README, re.M)
    }
    assert inside
    assert set(inside) <= headings
