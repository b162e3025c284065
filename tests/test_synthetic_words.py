import subprocess
import sys
from collections import Counter
from itertools import islice

import numpy as np
import pytest

from utilities.images import Preprocessing
from utilities.sample_texts import label_texts
from utilities.synthetic_words import draw_words

HOW = Preprocessing(32, 256)
LABELS = list(dict.fromkeys(islice(label_texts("éöü×°", np.random.default_rng(1)), 60)))


@pytest.fixture(scope="module")
def drawn():
    return draw_words(LABELS, 200, HOW, seed=1)


def test_half_of_the_words_say_what_labels_say_and_the_others_something_of_the_same_characters(drawn):
    texts = [text for _, text in drawn]
    assert 0.4 < np.mean([text in LABELS for text in texts]) < 0.8
    new = set(texts) - set(LABELS)
    assert len(new) > 20
    for text in new:
        assert set(text) <= set("".join(LABELS))
        assert 0 < len(text) <= max(map(len, LABELS)) and text == " ".join(text.split())


def test_words_are_contents_as_of_image_files_and_one_text_never_looks_alike_twice(drawn):
    for content, _ in drawn:
        assert content.dtype == np.uint8 and content.shape[0] == HOW.height and content.shape[1] <= HOW.width
        assert content.max() > 100 and np.median(content) < 50  # light ink on nothing
    lengths, widths = zip(*((len(text), content.shape[1]) for content, text in drawn), strict=True)
    assert np.corrcoef(lengths, widths)[0, 1] > 0.5  # each shows its own text
    [(frequent, times)] = Counter(text for _, text in drawn).most_common(1)
    assert len({content.tobytes() for content, text in drawn if text == frequent}) == times > 2


def test_words_follow_from_the_seed(drawn):
    again, other = draw_words(LABELS, 40, HOW, seed=1), draw_words(LABELS, 40, HOW, seed=2)
    assert [text for _, text in again] == [text for _, text in drawn[:40]]
    assert all(np.array_equal(one, two) for (one, _), (two, _) in zip(again, drawn, strict=False))
    assert [text for _, text in again] != [text for _, text in other]


def test_labels_that_the_fonts_cannot_draw_are_left_out_and_where_they_are_most_nothing_is_drawn():
    assert all(set(text) <= set("Acer ") for _, text in draw_words(["Acer", "Бук"], 20, HOW, seed=1))
    assert draw_words(["Acer", "Бук", "Дуб"], 20, HOW, seed=1) == []
    assert draw_words(["Бук"], 20, HOW, seed=1) == []


def test_processes_that_draw_need_no_framework():
    code = "import sys, utilities.synthetic_words as s; sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
