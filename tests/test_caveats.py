from conftest import write_predictions

from utilities.caveats import notes
from utilities.predictions_table import load_predictions


def test_unequal_populations_are_said(predictions_folder):
    write_predictions(predictions_folder, "other", "z.png,Acer,Acer,0.9,,")
    said = " ".join(notes(load_predictions(predictions_folder)))
    assert "not judged on the same images" in said
    assert "no mistake in 1 words" in said


def test_transcriptions_that_contradict_each_other_are_told_from_corrected_ones(tmp_path):
    twice = write_predictions(tmp_path, "one", "a.png,Carex,Carex,0.9,,two labels", "a.png,Poa,Carex,0.9,,two labels")
    said = " ".join(notes(load_predictions(twice)))
    assert "one: 1 images have two different transcriptions in this one file" in said
    assert "different files" not in said
    write_predictions(tmp_path, "other", "a.png,Carex,Carex,0.9,,")
    assert "1 images have different transcriptions in different files" in " ".join(notes(load_predictions(tmp_path)))


def test_transcribed_images_of_which_none_could_be_read_are_not_called_untranscribed(tmp_path):
    write_predictions(tmp_path, "one", "a.png,Carex,,,,image missing")
    assert "no image that could be read has a transcription" in " ".join(notes(load_predictions(tmp_path)))
