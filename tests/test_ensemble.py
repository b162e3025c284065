from types import SimpleNamespace

import numpy as np
import pytest
from conftest import draw, small_recognizer

from utilities.alphabet import Alphabet
from utilities.beam_search import Beam, Hypothesis
from utilities.ensemble import Ensemble
from utilities.images import prepare
from utilities.reader import reader_for
from utilities.sights import Sight


def member(characters, temperature=1.0, language="known words", details=False, **more):
    """What an ensemble asks of a reader."""
    traces = {"digests": set(), "groups": set(), "untranscribed": set()} | more
    known = {"beam_temperature": temperature, "language": language, "with_details": details, "frames": len}
    return SimpleNamespace(alphabet=Alphabet(tuple(characters)), **known, **traces)


def sees(reader, scores=None, **probabilities):
    """A reader's one sight of an image; `_` stands for a space."""
    beam = []
    for text, p in probabilities.items():
        ids = tuple(reader.alphabet.encode(text.replace("_", " ")).tolist())
        beam.append(Hypothesis(ids, float(np.log(p)), float(np.log(p))))
    return [Sight(Beam.of(beam), reader.language is not None, scores)]


def test_what_most_models_see_wins_over_what_one_is_sure_of_whatever_their_alphabets():
    one, two, three = member("abc"), member("cba"), member("xcab")
    ensemble = Ensemble([one, two, three])
    assert ensemble.alphabet.characters == ("a", "b", "c", "x")
    seen = [[sees(one, ca=0.8)], [sees(two, ab=0.6, ca=0.1)], [sees(three, ab=0.5, xa=0.4)]]
    (reading,) = ensemble.read(seen)
    assert reading.text == "ab" and 0.3 < reading.confidence < 0.4
    (agreed,) = ensemble.read([[sees(one, ab=0.6)], [sees(two, ab=0.6)], [sees(three, ab=0.6)]])
    assert agreed.confidence == pytest.approx(0.6)


def test_spaces_at_the_ends_make_no_other_text():
    padding, plain = member("ab "), member("ab")
    seen = [[sees(padding, ab__=0.3, ab_=0.2, a_b=0.4)], [sees(plain, ab=0.3, b=0.4)]]
    (reading,) = Ensemble([padding, plain]).read(seen)
    assert reading.text == "ab" and reading.confidence == pytest.approx(0.4)


def test_confidences_are_brought_down_as_those_of_the_members_are():
    def confidence(*temperatures):
        members = [member("ab", temperature) for temperature in temperatures]
        return Ensemble(members).read([[sees(m, ab=0.9, ba=0.05)] for m in members])[0].confidence

    assert confidence(1.0, 1.0) == pytest.approx(0.9)
    assert confidence(1.0, 4.0) == pytest.approx(confidence(2.0, 2.0)) != confidence(1.0, 1.0)
    leaning, other = member("ab", 2.0), member("ab", 1.0, language=None)  # its logits are divided already
    seen = [[sees(m, ab=0.9, ba=0.05)] for m in (leaning, other)]
    assert Ensemble([leaning, other]).read(seen)[0].confidence == pytest.approx(confidence(2.0, 2.0))


def test_an_ensemble_has_seen_what_any_of_its_members_was_trained_with():
    ensemble = Ensemble([member("a", digests={"1"}, groups={("writer", "x")}), member("a", digests={"2"})])
    assert ensemble.digests == {"1", "2"} and ensemble.groups == {("writer", "x")}


def test_details_are_those_of_the_member_that_shows_the_text_best():
    one, two = member("ab", details=True), member("xba", details=True)
    first = np.log(np.array([[0.3, 0.6, 0.1]], np.float32))
    second = np.log(np.array([[0.1, 0.1, 0.1, 0.7]], np.float32))
    ensemble = Ensemble([one, two])
    (reading,) = ensemble.read([[sees(one, first, a=0.6, b=0.1)], [sees(two, second, a=0.7, x=0.1)]])
    assert reading.text == "a" and reading.details.characters == pytest.approx((0.7,))
    assert reading.details.runner_up in ("b", "x")
    assert not Ensemble([one, member("ab")]).with_details


@pytest.mark.parametrize("several_views", [False, True])
@pytest.mark.parametrize("weight", [0, None])
def test_members_read_with_others_as_they_read_alone(weight, several_views):
    words = {"data": {"texts": {"Rosa": 1, "Poa": 2}}, "language_calibration": {"temperature": 1.7}}
    recognizers = [small_recognizer(record=words), small_recognizer(height=48, record=words)]
    readers = [reader_for(r, weight == 0, weight, several_views=several_views) for r in recognizers]
    images = [np.asarray(draw(text, seed=i)) for i, text in enumerate(["Carex", "Rosa", "Poa"])]
    seen = []
    for reader in readers:
        contents = [prepare(image, reader.spec.preprocessing) for image in images]
        readings, sights = reader.read_and_see(contents)
        for reading, alone in zip(readings, reader.read(contents), strict=True):
            assert reading.text == alone.text and reading.confidence == pytest.approx(alone.confidence, abs=1e-9)
            assert (reading.details is None) == (alone.details is None)
        assert [len(views) for views in sights] == [len(reader.views)] * len(images)
        seen.append(sights)
    together = Ensemble(readers).read(seen)
    assert [r.confidence for r in together] != [r.confidence for r in readings]
    twice, once = (Ensemble(readers[:1] * n).read(seen[:1] * n) for n in (2, 1))
    assert [(r.text, pytest.approx(r.confidence)) for r in twice] == [(r.text, r.confidence) for r in once]


def test_an_ensemble_has_learnt_from_what_any_of_its_members_has():
    assert Ensemble([member("a"), member("a", untranscribed={"3"})]).untranscribed == {"3"}


def test_spaces_at_the_beginning_make_no_other_text():
    padding, plain = member("ab "), member("ab")
    seen = [[sees(padding, _ab=0.4, a=0.3)], [sees(plain, ab=0.4, b=0.3)]]
    (reading,) = Ensemble([padding, plain]).read(seen)
    assert reading.text == "ab" and reading.confidence == pytest.approx(0.4)
