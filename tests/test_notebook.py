"""The notebook as Jupyter runs it, without a screen."""

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOK = ROOT / "test_set_predictions" / "visualize_predictions.ipynb"
CSV = """image,label,prediction,confidence,group,problem
a.png,Carex,Carex,0.91,s1,
b.png,Quercus alba,Quercns alba,0.62,s1,
c.png,007,07,0.33,s2,
d.png,,Rosa,0.2,s2,
e.png,Poa,,,s3,image missing
"""


def execute():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    return notebook


def test_the_notebook_compares_every_model_of_the_folder(tmp_path, monkeypatch):
    (tmp_path / "one-predictions.csv").write_text(CSV)
    (tmp_path / "two-predictions.csv").write_text(CSV.replace("Quercns", "Quercus"))
    monkeypatch.setenv("HANDWRITING_PREDICTIONS", str(tmp_path))
    notebook = execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    shown = " ".join(str(output.get("data", output)) for output in outputs)
    for part in ("`: 2", "10.0 (", "standard deviation", "substitution", "without diacritics", "image missing"):
        assert part in shown
    for part in ("too few groups to tell: with 2", "mostly read as", "points (by chance alone"):
        assert part in shown
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    assert pictures == 3 + 2 * 5  # of all models; of each: lengths, mistakes, confidences, calibration, acceptance


def test_models_without_transcriptions_get_what_needs_none(tmp_path, monkeypatch):
    (tmp_path / "one-predictions.csv").write_text(
        "image,label,prediction,confidence\na.png,,Carex,0.9\nb.png,,Poa,0.2\n"
    )
    monkeypatch.setenv("HANDWRITING_PREDICTIONS", str(tmp_path))
    outputs = [output for cell in execute().cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    shown = " ".join(str(output.get("data", output)) for output in outputs)
    assert "It takes two models with transcribed images" in shown
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4  # three of all, and the confidences


def test_an_empty_folder_is_told_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("HANDWRITING_PREDICTIONS", str(tmp_path))
    with pytest.raises(CellExecutionError, match=r"task.py setup.cfg MODEL") as error:
        execute()
    assert "utilities/comparison.py" not in str(error.value)


def test_the_notebook_is_kept_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
