import pytest

from utilities.spreadsheet import escaped, is_error, is_marked, unescaped

CHANGED = (
    "007", "3.10", "24.1.54", "1/2", "3-4", "1E5", "Jan. 24, 1954", "4 mai 54", "12 März", "'54", "TRUE", "10 AM",
    "5 p.m.", "3 P", "3 maart 1954", "3. Mrz 1954",
)  # fmt: skip


@pytest.mark.parametrize("text", ["Carex", "=a", "'quoted'", "''", "-5°", "@x", "'=a", "", *CHANGED])
def test_what_is_escaped_comes_back(text):
    assert unescaped(escaped(text)) == text
    assert not escaped(text).startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("text", CHANGED)
def test_what_a_spreadsheet_would_change_stays_a_text(text):
    assert escaped(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Carex 3", "No. 12 b", "images/fr-0001-1.png", "N'Djamena", "images/mar-01.png"])
def test_other_texts_are_left_alone(text):
    assert escaped(text) == unescaped(text) == text


def test_an_apostrophe_that_a_person_wrote_for_the_spreadsheet_is_none_of_the_text():
    assert unescaped("'24.1.54") == "24.1.54"


def test_a_mark_is_told_from_a_doubt():
    assert all(map(is_marked, ("x", " X", "1", "ja", "✓")))
    assert {is_marked(cell) for cell in ("", " ", "no", "Nein", "0", "-", "FALSO")} == {False}
    assert {is_marked(cell) for cell in ("?", "wrong")} == {None}


@pytest.mark.parametrize("text", ["\t=SUM(A:A)", "\r=SUM(A:A)"])
def test_what_stands_before_a_formula_does_not_hide_it(text):
    assert escaped(text) == f"'{text}" and unescaped(escaped(text)) == text


def test_an_error_of_the_spreadsheet_is_told_from_a_text():
    errors = ("#NAME?", "#WERT!", "#¿NOMBRE?", "#DIV/0!", "#ÜBERLAUF!", "#N/A", "#NV", "########", "Err:509")
    assert all(map(is_error, errors))
    assert not any(map(is_error, ("#478", "#", "# A!", "No. #3?", "NAME?", "Err. 509", "")))
