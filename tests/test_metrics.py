import math
import time
import unicodedata

import jiwer
import numpy as np
import pytest

from utilities.bootstrap import quantiles, resampled_sums
from utilities.headline_figures import ignoring_case, summarize, without_diacritics, without_punctuation
from utilities.metrics import character_error_rate, edit_distances, word_edit_distances

# Latin with accents, loose accents, Greek, Cyrillic, Hebrew, Devanagari, Han, beyond the basic plane, punctuation
BLOCKS = ((0x61, 0x7B), (0xC0, 0x180), (0x300, 0x310), (0x391, 0x3CA), (0x410, 0x450), (0x5D0, 0x5EB))
BLOCKS = (*BLOCKS, (0x905, 0x94E), (0x4E00, 0x4E20), (0x1D400, 0x1D420), (0x21, 0x30))


def random_texts(rng, n):
    """Texts of one to five words in NFC; no white space but single spaces, which is what jiwer takes for granted."""
    alphabet = [chr(c) for block in BLOCKS for c in range(*block) if unicodedata.category(chr(c)) != "Cn"]
    texts = []
    for _ in range(n):
        words = ["".join(rng.choice(alphabet, rng.integers(1, 9))) for _ in range(rng.integers(1, 6))]
        texts.append(unicodedata.normalize("NFC", " ".join(words)))
    return texts


def misread(rng, text):
    """The text with some characters lost, doubled, replaced by a letter or by a space."""
    return "".join(rng.choice([c, "", c + c, "a", " "], p=[0.7, 0.1, 0.05, 0.1, 0.05]) for c in text)


def test_figures_are_those_of_jiwer_on_random_texts():
    rng = np.random.default_rng(7)
    truths = random_texts(rng, 300)
    readings = [misread(rng, t) for t in truths[:200]] + random_texts(rng, 100)
    readings = [" ".join(unicodedata.normalize("NFC", r).split()) for r in readings]
    assert character_error_rate(truths, readings) == pytest.approx(jiwer.cer(truths, readings), rel=1e-12)
    assert summarize(truths, readings).wer.value == pytest.approx(jiwer.wer(truths, readings), rel=1e-12)
    for ours, theirs in ((edit_distances, jiwer.process_characters), (word_edit_distances, jiwer.process_words)):
        outcomes = [theirs(t, r) for t, r in zip(truths, readings, strict=True)]
        edits = [o.substitutions + o.deletions + o.insertions for o in outcomes]
        assert ours(truths, readings).tolist() == edits
        decomposed = [unicodedata.normalize("NFD", t) for t in truths]  # typed otherwise, the same texts
        assert ours(decomposed, readings).tolist() == edits


def slow_distance(a, b):
    """Wagner and Fischer 1974, by the book."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def test_distances_are_those_of_the_textbook_on_random_texts():
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("abc é"), rng.integers(0, 12))) for _ in range(400)]
    assert edit_distances(texts[:200], texts[200:]).tolist() == [
        slow_distance(a, b) for a, b in zip(texts[:200], texts[200:], strict=True)
    ]


def test_rates_weigh_long_texts_more_than_short_ones():
    truths, readings = ["ab", "Quercus alba"], ["xb", "Quercus alba"]
    assert character_error_rate(truths, readings) == pytest.approx(1 / 14)  # not the mean of 1/2 and 0
    assert summarize(truths, readings).wer.value == pytest.approx(1 / 3)
    assert character_error_rate(["a"], ["abc"]) == 2  # more wrong than there was to read
    assert math.isnan(character_error_rate([], []))


def test_an_accent_typed_in_two_ways_is_one_character():
    assert character_error_rate(["e\u0301"], ["\u00e9"]) == 0
    assert character_error_rate(["e\u0301"], ["e"]) == 1


def test_pairs_must_match():
    with pytest.raises(ValueError, match="2 truths but 1"):
        edit_distances(["a", "b"], ["a"])


def test_the_summary_counts_what_a_hand_would():
    truths = ["Carex", "St. Louis", "007", "alba"]
    readings = ["carex", "St Louis", "00", "rubra"]
    s = summarize(truths, readings)
    assert (s.texts, s.characters, s.words, s.units) == (4, 21, 5, 4)
    assert s.cer.value == pytest.approx((1 + 1 + 1 + slow_distance("alba", "rubra")) / 21)
    assert s.wer.value == pytest.approx(4 / 5)
    assert (s.exact.value, s.off_by_one.value) == (0, 0.75)
    assert s.variants["ignoring case"].exact.value == 0.25
    assert s.variants["without punctuation"].exact.value == 0.25
    assert s.variants["without punctuation"].cer.value == pytest.approx((1 + 0 + 1 + 3) / 20)
    assert s.variants["without diacritics"].cer.value == s.cer.value


def test_rates_without_diacritics_are_those_of_a_hand():
    s = summarize(["Prés", "Ångström", "Bø"], ["Pres", "Angstrom", "Bo"])
    assert s.cer.value == pytest.approx((1 + 2 + 1) / 14)
    assert s.variants["without diacritics"].cer.value == pytest.approx(1 / 14)  # ø is no o with a mark
    assert s.variants["without diacritics"].exact.value == pytest.approx(2 / 3)


def test_variants_change_only_what_they_say():
    assert ignoring_case("Straße É") == ignoring_case("STRASSE é")
    assert without_punctuation(" St. Louis,  (Mo.) 5° ") == "St Louis Mo 5"
    assert without_diacritics("É\u0301tê ñandú ǘ Ễ, ø ß ł") == "Ete nandu u E, ø ß ł"
    assert without_diacritics("한글") == "한글"  # taken apart and put together again


def interval(wrong, groups=None, **how):
    return quantiles(*resampled_sums([wrong, np.ones(len(wrong))], groups, **how))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = 0
    for seed in range(200):
        wrong = rng.random(150) < 0.3
        low, high = interval(wrong, seed=seed)
        covered += low <= 0.3 <= high
    assert 0.9 <= covered / 200 <= 0.985


def test_words_of_one_writer_widen_the_interval():
    rng = np.random.default_rng(4)
    rates = np.repeat(rng.uniform(0, 0.6, 12), 50)
    wrong, groups = rng.random(600) < rates, np.repeat(np.arange(12), 50).tolist()
    alone = np.diff(interval(wrong))
    grouped = np.diff(interval(wrong, groups))
    assert grouped > 2 * alone


def test_rows_without_a_group_stand_alone_and_one_group_has_no_interval():
    wrong = [1, 0, 1, 0]
    assert interval(wrong, ["", None, "", ""]) == interval(wrong)
    assert np.isnan(interval(wrong, ["a", "a", "", "a"])).all()  # one known writer, and a slip
    assert all(map(math.isnan, interval(wrong, ["a"] * 4)))


def test_a_large_comparison_takes_seconds():
    """A fifth of 100,000 pairs in a fifth of 10 seconds; summarize draws 1,000 bootstrap samples."""
    rng = np.random.default_rng(5)
    truths = ["".join(word) for word in rng.choice(list("abcdefgh "), (20_000, 9))]
    for groups in (None, [str(i % 300) for i in range(20_000)]):
        started = time.process_time()  # not the wall's: other work on the machine is not ours
        summarize(truths, truths[1:] + truths[:1], groups)
        assert time.process_time() - started < 2
