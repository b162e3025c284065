import numpy as np
import pytest

from utilities import language_model
from utilities.alphabet import Alphabet
from utilities.language_model import END, Language, LanguageModel, cross_entropy, language_of

AB = Alphabet(("a", "b"))


def probability(model, text, following):
    """P(following | text), class END for ""."""
    state = np.array([model.start])
    for i in AB.encode(text):
        state = model.follow(state, np.array([i]))
    return np.exp(model.log_probabilities(state, AB.encode(following) if following else np.array([END])))[0]


def test_the_probabilities_of_all_that_may_follow_add_up():
    model = LanguageModel({"abba": 2, "b": 1, "abab": 5}, AB)
    for text in ("", "a", "ab", "abb", "bbbb", "abababab"):
        assert sum(probability(model, text, x) for x in ("", "a", "b")) == pytest.approx(1)


def test_the_formula_by_hand():
    """One text, a: after the start come a, then the end. Witten & Bell weigh what was seen once as what was not."""
    model = LanguageModel({"a": 1}, AB)
    letters = np.array([1 / 3, 1 / 3, 1 / 3])  # end, a, b
    letters = (np.array([1, 1, 0]) + 2 * letters) / 4  # no context: a and the end were seen, two kinds
    for _ in range(7):  # seven contexts of starts, each longer: a was seen, one kind
        letters = (np.array([0, 1, 0]) + letters) / 2
    assert [probability(model, "", x) for x in ("", "a", "b")] == pytest.approx(letters)


def test_what_was_seen_more_often_is_likelier_and_nothing_is_impossible():
    model = LanguageModel({"ab": 9, "aa": 1}, AB)
    assert probability(model, "a", "b") > probability(model, "a", "a") > probability(model, "a", "") > 0
    assert probability(model, "bbb", "b") > 0


def test_no_more_than_seven_characters_before_count():
    model = LanguageModel({"aabbabbab": 1, "b": 2}, AB)
    assert probability(model, "aabbabba", "b") == probability(model, "babbabba", "b")
    assert probability(model, "abbabba", "b") == probability(model, "babbabba", "b") > probability(model, "bbabba", "b")


def test_texts_that_the_model_cannot_read_are_left_out():
    both, known = language_of({}, AB, lexicon={"ab": 1, "xyz": 5}), LanguageModel({"ab": 1}, AB)
    assert (both.model.texts, probability(both.model, "a", "b")) == (1, probability(known, "a", "b"))
    assert language_of({}, AB, lexicon={"xyz": 5}) is None


def test_of_too_many_texts_the_most_frequent_are_known(monkeypatch):
    monkeypatch.setattr(language_model, "MOST_TEXTS", 1)
    few, one = LanguageModel({"ab": 1, "ba": 5}, AB), LanguageModel({"ba": 5}, AB)
    assert (few.texts, probability(few, "a", "b")) == (1, probability(one, "a", "b"))
    assert str(Language(few)) == "lean towards the 1 most frequent of 2 known texts (LANGUAGE_WEIGHT = 0.3)"


def test_of_a_list_that_is_too_long_not_its_beginning_is_known(monkeypatch):
    monkeypatch.setattr(language_model, "MOST_TEXTS", 6)
    texts = {"a" * n: 1 for n in range(1, 13)} | {"b" * n: 1 for n in range(1, 13)}
    found = language_model.most_frequent(texts | {"bab": 2}, ())
    assert found[0] == ("bab", 2) and len(found) == 6
    assert {text[0] for text, _ in found[1:]} == {"a", "b"}
    own, lexicon = {"ab": 1, "ba": 1}, {"b" * n: 1 for n in range(1, 50)}
    known = language_of({"data": {"texts": own}}, AB, lexicon=lexicon).model
    assert (known.texts, known.texts_given) == (6, 51)
    many = {"a" * n: 9 for n in range(1, 50)}
    found = language_model.most_frequent(many | {"bb": 1}, many.keys())
    assert len(found) == 6 and ("bb", 1) in found  # a short list is of use beside many texts of the model's own
    assert probability(known, "a", "b") > probability(LanguageModel(lexicon, AB), "a", "b")


def test_cross_entropy_is_the_mean_of_what_follows_and_of_the_end():
    model = LanguageModel({"ab": 2, "b": 1}, AB)
    steps = [("", "a"), ("a", "b"), ("ab", ""), ("", "b"), ("b", "")]
    expected = -np.mean([np.log(probability(model, *step)) for step in steps])
    assert cross_entropy({"ab": 2, "b": 1, "ü": 7}, ["ab", "b"], AB) == pytest.approx(expected)
    assert cross_entropy({"ab": 1}, [], AB) == np.inf


def test_a_language_is_of_the_texts_trained_with_and_of_a_lexicon():
    record = {"data": {"texts": {"ab": 2}}}
    trained, both = language_of(record, AB), language_of(record, AB, 0.5, {"aa": 7})
    assert probability(trained.model, "a", "b") > 0.5 > probability(both.model, "a", "b")
    assert (trained.weight, both.weight) == (0.3, 0.5)
    assert language_of({}, AB) is None and language_of(record, AB, 0) is None
    assert probability(language_of({}, AB, lexicon={"ba": 1}).model, "b", "a") > 0.5


def test_thousands_of_characters_do_not_fill_the_memory_and_change_no_reading(monkeypatch):
    alphabet = Alphabet.from_labels(["Carex alba", "Rosa canina"])
    model = LanguageModel({"Carex alba": 2, "Rosa canina": 1}, alphabet)
    before = [model.log_probability(text) for text in ("Carex alba", "Rosa alba")]
    states = model.follow(np.array([model.first_state()]), alphabet.encode("C"))
    monkeypatch.setattr(language_model, "MOST_CELLS", 10)
    assert model.follow(np.array([model.first_state()]), alphabet.encode("C")) == states  # the first that is met anew
    assert [model.log_probability(text) for text in ("Carex alba", "Rosa alba")] == pytest.approx(before)
