import numpy as np
import pytest
from conftest import draw

from utilities.images import Preprocessing, prepare
from utilities.writing_box import cut_out, find_writing


def ink_of(text, seed=1):
    """Ink 255 on paper 0, cropped to the text's own rows and columns."""
    ink = 255 - np.asarray(draw(text, height=80, seed=seed))
    ink = np.where(ink > 120, 255, 0).astype(np.uint8)
    rows, columns = np.nonzero(ink.any(1))[0], np.nonzero(ink.any(0))[0]
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def page_with(word, height=160, width=500, top=50, left=90):
    page = np.zeros((height, width), np.uint8)
    page[top : top + word.shape[0], left : left + word.shape[1]] = word
    return page


def assert_holds(box, word, top=50, left=90, spare=0.25):
    """The box holds the whole word and little else."""
    height, width = word.shape
    assert box[0] <= left and box[2] >= left + width
    assert box[1] <= top and box[3] >= top + height
    assert box[3] - box[1] <= (1 + 2 * spare) * height
    assert box[2] - box[0] <= width + 4 * spare * height


@pytest.mark.parametrize("text", ["Quercus", "Gödern", "carex", "1937", "jgypq", "Éé!", "St. Louis,"])
def test_the_box_holds_the_whole_word_with_its_dots_accents_and_tails(text):
    word = ink_of(text)
    assert_holds(find_writing(page_with(word))[0], word)


def test_ruled_lines_frames_and_specks_are_not_writing():
    word = ink_of("Carex alba")
    page = page_with(word)
    page[130:133] = 255  # a ruled line below
    page[:, 3:5] = 255  # the edge of a frame
    page[5, 480] = 255  # dirt
    assert_holds(find_writing(page)[0], word)


def test_tails_of_the_line_above_are_left_out():
    word = ink_of("Carex alba")
    page = page_with(word)
    page[0:6, 120:126] = 255
    assert_holds(find_writing(page)[0], word)


def test_letters_have_one_size_however_loose_the_crop():
    how = Preprocessing(40, 512)
    word = ink_of("Rosa")
    tight, loose = (prepare(255 - page_with(word, h, w, h // 3, w // 4), how) for h, w in ((70, 240), (200, 500)))
    assert abs(tight.shape[1] - loose.shape[1]) <= 4


def test_an_empty_image_and_a_lone_speck_stay_whole_or_small():
    empty = np.zeros((40, 90), np.uint8)
    assert find_writing(empty)[0] == (0, 0, 90, 40)
    empty[10:13, 10:13] = 255
    left, top, right, bottom = find_writing(empty)[0]
    assert bottom - top >= 0.15 * 40
    assert left < 10 < right and top < 10 < bottom


def test_a_box_over_the_edge_is_filled_with_paper():
    ink = np.full((4, 6), 9, np.uint8)
    cut = cut_out(ink, (-1, -2, 8, 5))
    assert cut.shape == (7, 9)
    assert cut.sum() == ink.sum()
    assert (cut[2:6, 1:7] == 9).all()


def test_more_specks_than_narrow_labels_can_count_do_not_hide_the_word():
    word = ink_of("Carex alba")
    page = np.zeros((560, 560), np.uint8)
    page[::2, ::2] = 255  # 78,400 specks
    clean = np.pad(word, 6)
    page[194 : 194 + clean.shape[0], 84 : 84 + clean.shape[1]] = clean
    assert_holds(find_writing(page)[0], word, top=200, spare=1.0)  # no box is lower than a share of the crop
