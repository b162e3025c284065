from conftest import write_predictions

from utilities.caveats import notes
from utilities.predictions_table import load_predictions


def test_unequal_populations_are_said(predictions_folder):
    write_predictions(predictions_folder, "other", "z.png,Acer,Acer,0.9,,")
    said = " ".join(notes(load_predictions(predictions_folder)))
    assert "not judged on the same images" in said
    assert "no mistake in 1 words" in said
