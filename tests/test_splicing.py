import numpy as np

from utilities.batches import Word, WordBatches
from utilities.images import Preprocessing
from utilities.splicing import SHARE, Splicer, cuts_of_words, share_spliced

HEIGHT = 32
HOW = Preprocessing(HEIGHT, 256)
LETTER = 16  # px, the last 4 of them empty


def content(label, grey=7):
    """A word whose letters are blocks of a grey of their own: class id * `grey`."""
    letters = np.repeat(np.array(label, np.uint8) * grey, LETTER)[None].repeat(HEIGHT, axis=0)
    letters[:, np.arange(letters.shape[1]) % LETTER >= LETTER - 4] = 0
    return letters


def word(label, hand=""):
    return Word(content(label), np.array(label, np.int32), hand)


def frames(width):
    return width // 4


class Reads:
    """A reader that knows the letters: their class stands out in the second of the four time steps of each."""

    def __init__(self, sure=9.0):
        self._sure = sure

    def predict_on_batch(self, images):
        logits = np.zeros((len(images), images.shape[1] // 4, 9), np.float32)
        logits[:, :, 0] = self._sure / 2
        ids = np.rint(images[:, 4::LETTER, 0, 0] * 255 / 7).astype(int)
        for row, letters in zip(logits, ids, strict=True):
            for place, letter in enumerate(letters):
                row[4 * place + 1, letter] = self._sure
        return logits


def test_words_whose_text_is_drawn_anew_each_time_are_not_put_together():
    words = [word((1, 2, 3)), word((4, 5, 6)), Word(content((7, 8)), np.array((7, 8), np.int32), "", [((7,), 0.5)])]
    splicer, rng = Splicer(words, cuts(words), 1.0), np.random.default_rng(0)
    assert all(splicer(2, is_any, rng) is words[2] for _ in range(20))
    assert not {7, 8} & {letter for _ in range(50) for letter in splicer(0, is_any, rng).label.tolist()}


def is_any(width):
    return True


def cuts(words):
    return cuts_of_words(Reads(), WordBatches(words, HOW, frames, 4, seed=1))


def test_words_are_cut_where_there_is_least_ink_between_characters():
    words = [word((1, 2, 3)), word((4,)), word((5, 5))]
    found = cuts(words)
    assert found[1] == [0, LETTER]
    for (start, *inner, end), given in zip(found, words, strict=True):
        assert (start, end) == (0, given.content.shape[1])
        assert len(inner) == len(given.label) - 1
        for place, cut in enumerate(inner, start=1):
            assert place * LETTER - 4 <= cut <= place * LETTER


def test_a_word_that_the_model_does_not_recognise_is_left_whole():
    wrong = Word(content((1, 2)), np.array([3, 4], np.int32))
    assert cuts([word((1, 2)), wrong])[1] == []
    splice = Splicer([word((1, 2)), wrong], cuts([word((1, 2)), wrong]), 1.0)
    assert all(splice(1, is_any, np.random.default_rng(seed)) is wrong for seed in range(20))


def test_a_spliced_word_is_the_beginning_of_one_and_the_end_of_another_with_the_label_of_both():
    words = [word((1, 2, 3)), word((4, 5, 6, 7))]
    splice = Splicer(words, cuts(words), 1.0)
    made = [splice(0, is_any, np.random.default_rng(seed)) for seed in range(60)]
    assert len({tuple(w.label) for w in made}) > 6
    for new in made:
        assert new.label[0] == 1 and 2 <= len(new.label) <= 4
        middles = new.content[0, np.linspace(6, new.content.shape[1] - 10, len(new.label)).astype(int)]
        assert np.array_equal(middles, new.label * 7)


def test_hands_are_not_mixed():
    words = [word((1, 2), "a"), word((3, 4), "b"), word((5, 6), "a")]
    splice = Splicer(words, cuts(words), 1.0)
    for seed in range(40):
        assert set(splice(0, is_any, np.random.default_rng(seed)).label) <= {1, 2, 5, 6}
        assert set(splice(1, is_any, np.random.default_rng(seed)).label) <= {3, 4}


def test_a_share_of_the_words_is_spliced_and_none_that_does_not_fit():
    words = [word((1, 2, 3)), word((4, 5, 6, 7))]
    splice = Splicer(words, cuts(words), 0.3)
    rng = np.random.default_rng(1)
    assert 200 < sum(splice(0, is_any, rng) is not words[0] for _ in range(1000)) < 400
    assert all(splice(0, lambda width: False, rng) is words[0] for _ in range(20))


def test_batches_show_spliced_words_on_the_canvas_of_the_word_they_begin_like():
    words = [word(label) for label in ((1, 2, 3), (4, 5, 6, 7), (1, 2, 3, 4, 5, 6), (7, 8))]
    batches = WordBatches(words, HOW, frames, 4, seed=1)
    batches.splice_with(Splicer(words, cuts(words), 1.0))
    known, new = {tuple(w.label) for w in words}, 0
    for epoch in range(10):
        batches.start_epoch(epoch)
        for number in range(len(batches)):
            (x,) = batches[number]
            for i, row, ids, count in zip(
                batches.indices(number), x["frames"], x["label"], x["label_length"][:, 0], strict=True
            ):
                assert x["image"].shape[1] == -(-words[i].content.shape[1] // 64) * 64
                assert row[0] >= count and ids[0] == words[i].label[0]
                new += tuple(ids[:count]) not in known
    assert new > 5
    batches.splice_with(None)
    labels = [tuple(ids[:n]) for b in range(len(batches)) for ids, n in labelled(batches[b][0])]
    assert set(labels) == known


def labelled(x):
    return zip(x["label"], x["label_length"][:, 0], strict=True)


def test_only_runs_that_see_each_word_often_splice_and_not_at_their_ends():
    assert [share_spliced(epoch, 250) for epoch in (0, 49, 50, 212, 213, 249)] == [0, 0, SHARE, SHARE, 0, 0]
    assert [share_spliced(epoch, 250, synthetic=88) for epoch in (50, 112, 113)] == [0, 0, SHARE]
    assert share_spliced(50, 250, synthetic=10) == SHARE
    assert share_spliced(50, 100) == 0
    assert 0 < share_spliced(75, 150) < SHARE


def test_a_spliced_word_is_of_the_hand_of_its_parts():
    def word(*label):
        return Word(np.zeros((8, 10 * len(label)), np.uint8), np.array(label, np.int32), "a")

    splice = Splicer([word(1, 2), word(3, 4)], [[0, 10, 20]] * 2, 1.0)
    assert {splice(0, lambda width: True, np.random.default_rng(seed)).hand for seed in range(20)} == {"a"}
