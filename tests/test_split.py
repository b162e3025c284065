from pathlib import Path

import pytest

from utilities.metadata import ImageSetError
from utilities.rows import Sample
from utilities.split import split_samples


def samples(count, groups=None):
    return [Sample(i + 2, f"w{i}", "x", f"g{i % groups}" if groups else "", Path(f"w{i}")) for i in range(count)]


def test_the_split_is_stable_seeded_and_of_the_right_size():
    everything = samples(200)
    training, validation = split_samples(everything, 0.1, 2, grouped=False)
    again = split_samples(everything[::-1], 0.1, 2, grouped=False)
    other = split_samples(everything, 0.1, 3, grouped=False)
    assert len(validation) == 20
    assert {s.name for s in again[1]} == {s.name for s in validation} != {s.name for s in other[1]}
    assert not {s.name for s in training} & {s.name for s in validation}


@pytest.mark.parametrize("groups", [2, 3, 7, 40])
def test_no_group_stands_on_both_sides(groups):
    training, validation = split_samples(samples(120, groups), 0.1, 2, grouped=True)
    assert training
    assert validation
    assert not {s.group for s in training} & {s.group for s in validation}
    assert len(training) + len(validation) == 120


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_in_another_group_is_not_validated_on(seed):
    everything = samples(120, 40)
    digests = {s.path: str(i % 100) for i, s in enumerate(everything)}  # the last twenty are copies of the first
    training, validation = split_samples(everything, 0.1, seed, True, digests)
    assert validation and {digests[s.path] for s in training}.isdisjoint(digests[s.path] for s in validation)
    assert {digests[s.path] for s in (*training, *validation)} == set(digests.values())


def test_a_page_that_stands_there_twice_is_not_validated_on():
    everything = samples(100, 10)
    twice = {s.path: s.name if s.group != "g7" else f"w{i - 1}" for i, s in enumerate(everything)}  # a copy of page 6
    for seed in range(40):
        training, validation = split_samples(everything, 0.1, seed, True, twice)
        assert validation and {s.group for s in validation}.isdisjoint({"g6", "g7"}) and len(training) == 90


@pytest.mark.parametrize("seed", range(6))
def test_something_is_left_to_train_on_however_few_and_uneven_the_groups(seed):
    few = [Sample(i + 2, f"w{i}", "x", group, Path(f"w{i}")) for i, group in enumerate("abb")]
    training, validation = split_samples(few, 0.5, seed, grouped=True)
    assert training and validation


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("groups", [None, 40])
def test_what_a_base_model_has_learnt_is_validated_on_only_where_there_is_too_little_else(seed, groups):
    everything = samples(120, groups)
    digests = {s.path: s.name for s in everything}
    first, validated = split_samples(everything, 0.1, 2, bool(groups), digests)
    learnt = {s.name for s in first}
    _, again = split_samples(everything, 0.1, seed, bool(groups), digests, learnt)
    assert {s.name for s in again} == {s.name for s in validated}
    _, few_new = split_samples(everything, 0.1, seed, bool(groups), digests, {s.name for s in everything[:114]})
    assert {s.name for s in everything[114:]} == {s.name for s in few_new} or groups
    _, all_known = split_samples(everything, 0.1, seed, bool(groups), digests, {s.name for s in everything})
    _, none_known = split_samples(everything, 0.1, seed, bool(groups), digests)
    assert all_known == none_known


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_an_image_stay_together(seed):
    everything = samples(40)
    digests = {s.path: f"{i // 2}" for i, s in enumerate(everything)}
    training, validation = split_samples(everything, 0.2, seed, False, digests)
    assert not {digests[s.path] for s in training} & {digests[s.path] for s in validation}


def test_a_single_group_cannot_be_split():
    with pytest.raises(ImageSetError, match=r"at least 2 groups.*leave METADATA_GROUP_COLUMN empty"):
        split_samples(samples(10, 1), 0.1, 2, grouped=True)


@pytest.mark.parametrize("seed", range(5))
def test_of_one_group_and_copies_of_its_images_the_group_is_trained_on(seed):
    rows = [Sample(i + 2, f"w{i}", "x", "a" if i < 200 else f"b{i % 4}", Path(f"w{i}")) for i in range(240)]
    digests = {s.path: str(i % 200) for i, s in enumerate(rows)}
    training, validation = split_samples(rows, 0.1, seed, True, digests)
    assert len(training) >= 200 and 10 <= len(validation) <= 30


@pytest.mark.parametrize(
    ("count", "groups", "share", "kept"),
    [
        (200, None, 0.3, 60),
        (4, None, 0.1, 1),  # however few they are
        (200, 20, 0.08, 20),  # a second group of 10 is nearer to 16 than one alone
        (200, 20, 0.07, 10),
    ],
)
def test_as_many_are_validated_on_as_comes_nearest_to_the_share(count, groups, share, kept):
    _, validation = split_samples(samples(count, groups), share, 2, bool(groups))
    assert len(validation) == kept


def test_rows_are_parted_by_group_only_where_groups_are_to_stay_together():
    _, validation = split_samples(samples(120, 3), 0.1, 2, grouped=False)
    assert len(validation) == 12 and {s.group for s in validation} == {"g0", "g1", "g2"}


def of_groups(**sizes):
    """So many samples of each group."""
    names = [group for group, size in sizes.items() for _ in range(size)]
    return [Sample(i + 2, f"w{i}", "x", group, Path(f"w{i}")) for i, group in enumerate(names)]


@pytest.mark.parametrize("seed", range(5))
def test_where_all_groups_are_large_the_smallest_goes_and_of_what_a_base_has_learnt_none(seed):
    everything = of_groups(a=50, b=40, c=30)
    digests = {s.path: s.name for s in everything}
    _, smallest = split_samples(everything, 0.1, seed, True, digests)
    assert {s.group for s in smallest} == {"c"}
    _, new = split_samples(everything, 0.1, seed, True, digests, {everything[-1].name})  # one of its images
    assert {s.group for s in new} == {"b"}


@pytest.mark.parametrize(("new", "kept"), [(4, 12), (6, 6)])
def test_what_a_base_has_learnt_is_validated_on_where_the_rest_is_less_than_half_of_the_share(new, kept):
    everything = samples(120)
    digests = {s.path: s.name for s in everything}
    _, validation = split_samples(everything, 0.1, 2, False, digests, {s.name for s in everything[new:]})
    assert len(validation) == kept and {s.name for s in everything[:new]} <= {s.name for s in validation}


def test_copies_change_neither_how_many_are_validated_on_nor_that_the_order_of_rows_does_not_count():
    everything = samples(100)
    digests = {s.path: f"{i // 2 if i < 4 else i}" for i, s in enumerate(everything)}  # two images stand there twice
    split = split_samples(everything, 0.2, 2, False, digests)
    assert split == split_samples(everything[::-1], 0.2, 2, False, digests)
    assert 19 <= len(split[1]) <= 21
