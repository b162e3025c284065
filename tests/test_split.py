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
