import numpy as np

from utilities import augmentation
from utilities.batches import Word, WordBatches, buckets
from utilities.images import Preprocessing

HOW = Preprocessing(32, 256)


def words(widths, label=(1, 2)):
    rng = np.random.default_rng(0)
    return [Word(rng.integers(0, 255, (32, w), np.uint8), np.array(label, np.int32)) for w in widths]


def frames(width):
    return width // 4


def all_indices(batches):
    return sorted(i for n in range(len(batches)) for i in batches.indices(n))


def test_every_word_comes_once_an_epoch_in_batches_of_one_width():
    widths = [40, 200, 50, 60, 130, 100, 40, 41, 42]
    batches = WordBatches(words(widths), HOW, frames, 2, seed=1)
    assert all_indices(batches) == list(range(9))
    for n in range(len(batches)):
        (x,) = batches[n]
        assert x["image"].shape[1:] == (x["image"].shape[1], 32, 1)
        assert x["image"].shape[1] in (64, 128, 192, 256)
        assert len(x["image"]) == len(x["label"]) == len(batches.indices(n)) <= 2


def test_inputs_carry_true_lengths():
    batches = WordBatches(words([50, 60], label=(3, 3, 1)) + words([55], label=(2,)), HOW, frames, 3)
    (x,) = batches[0]
    assert x["frames"].tolist() == [[12], [15], [13]]
    assert x["label_length"].tolist() == [[3], [3], [1]]
    assert x["label"].tolist() == [[3, 3, 1], [3, 3, 1], [2, 0, 0]]


def test_the_first_two_batches_differ_in_width_where_any_do():
    for seed in range(5):
        batches = WordBatches(words([40] * 20 + [200]), HOW, frames, 4, seed=seed)
        assert batches[0][0]["image"].shape[1] != batches[1][0]["image"].shape[1]


def test_a_seed_fixes_order_and_distortion_and_epochs_differ():
    def first(seed, epoch):
        batches = WordBatches(words([60] * 12), HOW, frames, 4, seed=seed)
        batches.start_epoch(epoch)
        return batches.indices(0), batches[0][0]["image"]

    assert first(1, 0)[0] == first(1, 0)[0]
    assert np.array_equal(first(1, 3)[1], first(1, 3)[1])
    assert not np.array_equal(first(1, 0)[1], first(1, 1)[1])
    assert not np.array_equal(first(1, 0)[1], first(2, 0)[1])


def test_the_epoch_advances_by_itself():
    batches = WordBatches(words([60] * 12), HOW, frames, 4, seed=1)
    batches.on_epoch_end()
    second = WordBatches(words([60] * 12), HOW, frames, 4, seed=1)
    second.start_epoch(1)
    assert np.array_equal(batches[0][0]["image"], second[0][0]["image"])


def test_without_a_seed_images_come_as_they_are():
    given = words([64, 64])
    (x,) = WordBatches(given, HOW, frames, 2)[0]
    assert np.allclose(x["image"][0, :, :, 0].T * 255, given[0].content, atol=1e-3)


def test_distortion_never_leaves_too_few_time_steps():
    long_label = tuple(range(1, 13))
    batches = WordBatches(words([48] * 40, label=long_label), HOW, frames, 40, seed=1)
    assert min(batches[0][0]["frames"][:, 0]) >= 12


def test_scanned_polarity_is_distorted_on_white_paper():
    given = [Word(np.full((32, 256), 255, np.uint8), np.array([1], np.int32))] * 4
    (x,) = WordBatches(given, Preprocessing(32, 256, "stretch"), frames, 4, seed=1)[0]
    assert x["image"].mean() > 0.95


def test_buckets_keep_the_order_and_lose_nothing():
    assert list(buckets(enumerate([1, 2, 1, 1, 2]), lambda width: 2)) == [[0, 2], [1, 4], [3]]
    assert list(buckets(enumerate([1, 2, 1, 2, 2]), lambda width: width)) == [[0], [2], [1, 3], [4]]


def test_keras_queues_the_batches_itself():
    """Through tf.data, which it uses for a single thread, every epoch ended with seconds of waiting."""
    assert WordBatches(words([60] * 12), HOW, frames, 4, seed=1).workers >= 2


def test_a_short_run_has_less_cut_out_than_a_long_one(monkeypatch):
    monkeypatch.setattr(augmentation, "SHARE", 0.0)  # nothing but the cuts
    given = [Word(np.full((32, 256), 255, np.uint8), np.array([1], np.int32))] * 100

    def left_after(epochs):
        batches = WordBatches(given, HOW, frames, 100, seed=1)
        batches.plan(epochs)
        return batches[0][0]["image"].mean()

    short, middle, long, longer = map(left_after, (10, 500, 1000, 5000))
    assert short > 0.99 > middle > long + 0.03
    assert long == longer


def test_some_words_of_another_set_are_rehearsed_others_each_time_in_as_many_batches():
    own, others = words([50, 60, 130, 60] * 5), words([40, 45] * 20 + [200] * 30)
    batches = WordBatches(own, HOW, frames, 4, 1, others)
    seen, shapes = [], set()
    for epoch in range(20):
        batches.start_epoch(epoch)
        chosen = all_indices(batches)
        assert chosen[:20] == list(range(20)) and len(set(chosen)) == len(chosen) == 30
        seen += chosen[20:]
        shapes.add(tuple(sorted(batches.shapes())))
        assert all(len(batches[n][0]["image"]) == size for n, (size, _) in enumerate(batches.shapes()))
    assert len(shapes) == 1 and len(set(seen)) > 50
    assert all_indices(batches.as_they_are()) == list(range(20))
    assert all_indices(batches.with_batch_size(2))[:20] == list(range(20)) and len(batches.with_batch_size(2)) > 14


def test_all_of_a_small_other_set_are_rehearsed():
    batches = WordBatches(words([50] * 20), HOW, frames, 4, 1, words([60, 200, 200]))
    assert all_indices(batches) == list(range(23))


def test_words_put_together_fit_the_canvas_and_have_time_steps_for_their_label():
    own = words([HOW.width] * 8)
    asked = []

    def splice(i, fits, rng):
        asked.append([fits(width) for width in (HOW.width - 1, HOW.width, HOW.width + 1, 2 * HOW.width)])
        return Word(own[0].content, np.ones(frames(HOW.width), np.int32))  # equal neighbours need a blank between

    batches = WordBatches(own, HOW, frames, 4, 1)
    batches.splice_with(splice)
    labels = [label for n in range(len(batches)) for label in batches[n][0]["label_length"].ravel().tolist()]
    assert asked == [[True, True, False, False]] * 8
    assert set(labels) == {len(own[0].label)}


def test_rehearsed_words_are_not_spliced():
    own, others = words([50] * 8), words([50] * 8, label=(7, 8))
    batches = WordBatches(own, HOW, frames, 4, 1, others)
    put_together = Word(own[0].content, np.array([5], np.int32))
    batches.splice_with(lambda i, fits, rng: [put_together] * 8 if i > 7 else put_together)
    labels = [tuple(label) for n in range(len(batches)) for label in batches[n][0]["label"].tolist()]
    assert sorted(labels) == [(5, 0)] * 8 + [(7, 8)] * 4


def test_the_order_of_words_and_of_batches_follows_from_seed_and_epoch():
    def order(seed, epoch):
        batches = WordBatches(words([60] * 10), HOW, frames, 4, seed=seed)
        batches.start_epoch(epoch)
        return tuple(tuple(batches.indices(n)) for n in range(len(batches)))

    assert order(1, 2) == order(1, 2)
    assert len({order(seed, epoch) for seed in (1, 2) for epoch in range(3)}) == 6
    orders = [order(1, epoch) for epoch in range(10)]
    assert all(list(batch) != sorted(batch) for batch in (sum(o, ()) for o in orders))  # not as the table has them
    assert {[len(batch) for batch in o].index(2) for o in orders} == {0, 1, 2}  # the rest is not always the last


def test_a_word_is_distorted_in_another_way_in_each_epoch_and_by_each_seed():
    def shown(seed, epoch):
        batches = WordBatches(words([60]), HOW, frames, 4, seed=seed)  # in any order the first batch is this word
        batches.start_epoch(epoch)
        return batches[0][0]["image"].tobytes()

    assert shown(1, 1) == shown(1, 1)
    assert len({shown(1, 0), shown(1, 1), shown(2, 0)}) == 3
