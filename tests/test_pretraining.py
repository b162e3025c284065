import numpy as np
import pytest

from utilities import pretraining
from utilities.alphabet import Alphabet
from utilities.batches import Word, WordBatches
from utilities.full_model import build_full_model, prediction_model_of
from utilities.hyperparameters import resolve
from utilities.images import Preprocessing, canvas_width
from utilities.model import RecognizerSpec, frame_counter
from utilities.plan import Plan
from utilities.pretraining import LEAST_EPOCHS, Pretraining, length_for
from utilities.synthetic_words import draw_words
from utilities.training import train

HOW = Preprocessing(32, 256)
LABELS = ["Carex stricta", "Acer rubrum", "Rosa", "Poa alba", "Acer"]
ALPHABET = Alphabet.from_labels([*LABELS, "Ж"])
SMALL = {"num_units_dense": 8, "num_units_lstm1": 8, "num_units_lstm2": 8}
SPEC = RecognizerSpec("compact", ALPHABET, HOW, resolve("compact", SMALL))
FRAMES = frame_counter("compact", HOW.height, SPEC.hyperparameters)


def batches(labels=LABELS, seed=1):
    contents = (content for content, _ in draw_words(LABELS, len(labels), HOW, seed=5))
    words = [Word(content, ALPHABET.encode(label)) for content, label in zip(contents, labels, strict=True)]
    return WordBatches(words, HOW, FRAMES, 4, seed)


def test_long_runs_of_few_words_begin_with_synthetic_words_alone_and_end_without():
    first = Pretraining(batches(), ALPHABET, 50, 100, seed=1)
    shares = [first.share(epoch) for epoch in range(100)]
    assert shares[:26] == [1.0] * 26 and shares[35:] == [0.0] * 65
    assert np.all(np.diff(shares[25:36]) < 0)
    assert (first.epochs_alone, first.epochs) == (25, 35)


@pytest.mark.parametrize(
    ("words", "epochs", "shown"),
    [(100, 49, 0), (100, 50, 17.5), (100, 100, 35), (1000, 100, 25), (2000, 100, 12.5), (2001, 100, 0)],
)
def test_synthetic_words_are_shown_for_a_third_of_the_epochs_at_most_and_for_less_where_words_are_many(
    words, epochs, shown
):
    assert length_for(words, epochs) == pytest.approx(shown)


def test_short_runs_and_many_words_have_none_and_long_runs_of_more_words_no_larger_number(monkeypatch):
    assert Pretraining(batches(), ALPHABET, 50, LEAST_EPOCHS - 1, seed=1).epochs == 0
    monkeypatch.setattr(pretraining, "MOST_SHOWN", 10 * len(LABELS))
    first = Pretraining(batches(), ALPHABET, 50, 100, seed=1)
    assert (first.epochs_alone, first.epochs) == (8, 10)
    monkeypatch.setattr(pretraining, "MOST_WORDS", len(LABELS) - 1)
    assert Pretraining(batches(), ALPHABET, 50, 100, seed=1).epochs == 0


def test_as_many_are_drawn_as_the_run_can_show_or_the_settings_allow():
    own = len(LABELS)
    assert 25 * own < Pretraining(batches(), ALPHABET, 5000, 100, seed=1).words < 35 * own
    assert Pretraining(batches(), ALPHABET, 7, 100, seed=1).words == 7
    without = [
        Pretraining(batches(), ALPHABET, 0, 100, seed=1),
        Pretraining(batches(), ALPHABET, 5000, 10, seed=1),
        Pretraining(batches(seed=None), ALPHABET, 5000, 100, seed=1),
        Pretraining(batches(["Ж"]), ALPHABET, 5000, 100, seed=1),
    ]
    assert [(first.words, first.epochs_alone, first.epochs) for first in without] == [(0, 0, 0)] * 4


def test_a_share_of_the_words_is_replaced_by_synthetic_ones_on_canvases_of_the_same_width():
    training = batches()
    first, again = (Pretraining(training, ALPHABET, 300, 100, seed=1) for _ in range(2))

    def shown(pretraining, epoch):
        substitute, rng = pretraining.substitutes(epoch), np.random.default_rng(1)
        return [(i, substitute(i, lambda width: True, rng)) for i in list(range(len(LABELS))) * 60]

    for epoch, least, most in ((0, 1.0, 1.0), (30, 0.4, 0.6), (40, 0.0, 0.0)):
        words = shown(first, epoch)
        assert least <= np.mean([word is not training.words[i] for i, word in words]) <= most
        for i, word in words:
            assert canvas_width(word.content.shape[1], HOW) == canvas_width(training.words[i].content.shape[1], HOW)
    other = Pretraining(training, ALPHABET, 300, 100, seed=2)
    one, two, three = ([word.content.tobytes() for _, word in shown(p, 0)] for p in (first, again, other))
    assert one == two != three
    assert len(set(one)) > 100  # of 300, not the first of each width


def test_a_word_whose_canvas_no_synthetic_word_needs_stays():
    wide = Word(np.zeros((HOW.height, HOW.width), np.uint8), ALPHABET.encode("Acer"))
    words = WordBatches([wide], HOW, FRAMES, 4, 1)
    substitute = Pretraining(words, ALPHABET, 20, 100, seed=1).substitutes(0)
    assert substitute(0, lambda width: True, np.random.default_rng(1)) is wide


@pytest.mark.parametrize("early_stopping", [False, True])
def test_training_shows_them_first_then_the_own_words_and_does_not_stop_early_before(early_stopping, capsys):
    full, training, shown = build_full_model(SPEC), batches(), []
    training.splice_with = lambda splice: shown.append(splice)
    plan = Plan(LEAST_EPOCHS, 1e-9, 1, early_stopping, patience=3, synthetic_words=40)
    progress = train(full, prediction_model_of(full), (training, batches(seed=None)), ALPHABET, plan)
    assert progress.synthetic == 40
    alone, any_of_them = 13, 18
    assert f"The first {alone} epochs show words drawn by the computer" in capsys.readouterr().out
    assert all(shown[:any_of_them]) and not any(shown[any_of_them:])
    assert len(progress.history) == (any_of_them + 3 if early_stopping else LEAST_EPOCHS)


def test_what_a_model_only_thinks_to_have_read_is_not_drawn_and_what_is_has_its_own_label(monkeypatch):
    drawn, alphabet = [], Alphabet.from_labels(["Acer", "Rosa"])
    content = np.zeros((32, 60), np.uint8)
    monkeypatch.setattr(pretraining, "draw_words", lambda labels, *_: drawn.extend(labels) or [(content, "Race")])
    acer, rosa = (alphabet.encode(text) for text in ("Acer", "Rosa"))
    words = [Word(content, acer), Word(content, rosa, "", [(tuple(rosa.tolist()), 1.0)])]
    batches = WordBatches(words, Preprocessing(32, 256), lambda width: width // 4, 4, 1)
    substitute = Pretraining(batches, alphabet, 50, 100, seed=1).substitutes(0)
    assert drawn == ["Acer"]
    assert alphabet.decode(substitute(0, lambda width: True, np.random.default_rng(1)).label) == "Race"
