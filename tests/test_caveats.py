import pandas as pd
from conftest import predictions_frame, write_predictions

from utilities.caveats import notes
from utilities.predictions_table import load_predictions


def test_unequal_populations_are_said(predictions_folder):
    write_predictions(predictions_folder, "other", "z.png,Acer,Acer,0.9,,")
    said = " ".join(notes(load_predictions(predictions_folder)))
    assert "not judged on the same images" in said
    assert "no mistake in 1 word." in said


def test_transcriptions_that_contradict_each_other_are_told_from_corrected_ones(tmp_path):
    twice = write_predictions(tmp_path, "one", "a.png,Carex,Carex,0.9,,two labels", "a.png,Poa,Carex,0.9,,two labels")
    said = " ".join(notes(load_predictions(twice)))
    assert "one: 1 image has two different transcriptions in this one file" in said
    assert "different files" not in said
    write_predictions(tmp_path, "other", "a.png,Carex,Carex,0.9,,")
    assert "1 image has different transcriptions in different files" in " ".join(notes(load_predictions(tmp_path)))


def test_transcribed_images_of_which_none_could_be_read_are_not_called_untranscribed(tmp_path):
    write_predictions(tmp_path, "one", "a.png,Carex,,,,image missing")
    assert "no image that could be read has a transcription" in " ".join(notes(load_predictions(tmp_path)))


def test_what_no_interval_shows_is_said():
    rows = [[f"{n}.png", "Poa", "Pox", 0.5, "", ""] for n in range(60)]
    columns = ["image", "label", "prediction", "confidence", "group", "problem"]
    said = " ".join(notes({"m": pd.DataFrame([*rows, rows[0]], columns=columns)}))
    assert "no word in 60 was read exactly" in said and "Up to 4.9 % of new words may still be" in said
    assert "1 row repeats an image" in said


def test_no_interval_is_spoken_of_where_there_is_none():
    for reading, said in (("Poa", "Up to 4.9 % of new words may still be wrong"), ("Pox", "may still be (at 95 %")):
        of_one_page = " ".join(notes({"m": predictions_frame(*[("Poa", reading, 0.5, "page")] * 60)}))
        assert said in of_one_page and "no interval" in of_one_page
        assert "interval of 0 to 0" not in of_one_page
        assert "interval of 0 to 0" in " ".join(notes({"m": predictions_frame(*[("Poa", reading, 0.5)] * 60)}))
        words = [("Poa", reading, 0.5, "page")] * 58 + [("Poa", reading, 0.5)] * 2  # of which nobody knows the page
        of_a_page_known = " ".join(notes({"m": predictions_frame(*words)}))
        assert said in of_a_page_known and "no interval" in of_a_page_known
        assert "interval of 0 to 0" not in of_a_page_known


def test_a_cell_without_a_group_does_not_make_few_groups_many(tmp_path):
    rows = [f"{i}.png,Carex,{'Carex' if i % 3 else 'Care'},0.9,{'' if i == 7 else i % 2}," for i in range(300)]
    said = " ".join(notes(load_predictions(written(tmp_path, rows))))
    assert "those of the 300 judged words whose group is known are of only 2 groups" in said
    one = [row.replace(",1,", ",0,") for row in rows]
    said = " ".join(notes(load_predictions(written(tmp_path, one))))
    assert "only 1 group, so there is nothing to resample and no interval" in said


def written(folder, rows):
    return write_predictions(folder, "one", *rows)


def test_few_words_are_said_to_be_few():
    words = [("Poa", "Poa" if i % 3 else "Pox", 0.5) for i in range(100)]
    assert "only 99 words are judged" in " ".join(notes({"m": predictions_frame(*words[:99])}))
    assert "words are judged" not in " ".join(notes({"m": predictions_frame(*words)}))
