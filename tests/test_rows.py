"""Rows of a table: labels that cannot be learnt, problems as sentences."""

from pathlib import Path

from utilities.alphabet import Alphabet
from utilities.rows import Problem, Sample, label_problems


def test_labels_that_cannot_be_learnt_are_problems():
    path = Path("w.png")
    samples = [Sample(2, "a", "Carex", "", path), Sample(3, "b", "aab", "", Path("narrow.png"))]
    problems = label_problems(samples, 4, Alphabet(tuple("Carexb")), {path: 9, Path("narrow.png"): 3})
    assert [(p.row, p.finding) for p in problems] == [(2, "label too long"), (3, "label too long for its image")]
    spoilt = label_problems([Sample(4, "c", "#NAME?", "", path)], 40, None, {})
    assert [str(p)[:62] for p in spoilt] == ["row 4: c: label is a spreadsheet's error (#NAME?; write what t"]
    assert [p.finding for p in label_problems(samples[:1], 40, Alphabet(("C",)), {})] == ["character outside ALPHABET"]


def test_a_problem_reads_as_a_sentence():
    assert str(Problem(7, "w.png", "empty label", "fill in")) == "row 7: w.png: empty label (fill in)"
