"""The grouped, seeded split of samples into those to train on and those to validate on."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from utilities.chance import in_seeded_order
from utilities.metadata import ImageSetError
from utilities.rows import Sample


def split_samples(
    samples: Sequence[Sample],
    share: float,
    seed: int,
    grouped: bool,
    digests: Mapping[Path, str] = MappingProxyType({}),
    learnt: Collection[str] = (),
) -> tuple[list[Sample], list[Sample]]:
    """(training, validation) samples: seeded, independent of the order of rows, no group on both sides when grouped.

    Groups go to validation in a seeded order as long as that brings it nearer to `share` of the samples (0 to 0.5);
    when every group is too large for that, the smallest one goes. Rows without a group count as a group each, all rows
    when not grouped, but those of images with one digest stay together. Of two groups with copies of one image on
    different sides, training keeps its copy and validation does without: it does not count there, and a group of
    copies alone only goes where all are. Groups with images whose digests a base model has `learnt` only go where the
    others do not make half of that share.
    """
    units = _units(samples, grouped, digests)
    if len(units) < 2:
        what = "groups (METADATA_GROUP_COLUMN)" if grouped else "usable images"
        instead = " Or leave METADATA_GROUP_COLUMN empty: then some images of it are kept." if grouped else ""
        raise ImageSetError(
            f"Training needs at least 2 {what} to keep some for validation; found {len(units)}. Add more.{instead}"
        )
    sizes = _images_of_its_own(units, digests)
    known = {unit for unit, same in units.items() if learnt and any(digests.get(s.path) in learnt for s in same)}
    order = sorted(in_seeded_order(sizes, seed), key=known.__contains__)
    wanted = max(1, round(share * len(samples)))
    chosen, size = set(), 0
    for unit in order:
        if unit in known and 2 * size >= wanted and chosen.isdisjoint(known):
            break
        if size + sizes[unit] / 2 <= wanted and len(chosen) + 1 < len(units):
            chosen.add(unit)
            size += sizes[unit]
    chosen = chosen or {min(order, key=lambda unit: (unit in known, sizes[unit]))}
    parts = [[s for unit in units if (unit in chosen) is side for s in units[unit]] for side in (False, True)]
    trained = {digest for s in parts[0] if (digest := digests.get(s.path))}
    parts[1] = [s for s in parts[1] if digests.get(s.path) not in trained] or parts[1]
    return tuple(sorted(part, key=lambda s: (s.row, s.name)) for part in parts)


def _images_of_its_own(units: Mapping[str, Sequence[Sample]], digests: Mapping[Path, str]) -> dict[str, int]:
    """How many samples of each unit show an image that is in no other unit; units without any are left out.

    If fewer than two units have any, all units with how many samples they have.
    """
    stands_in = defaultdict(set)
    for unit, same in units.items():
        for sample in same:
            stands_in[digests.get(sample.path)].add(unit)

    def is_own(sample):
        return sample.path not in digests or len(stands_in[digests[sample.path]]) == 1

    own = {unit: sum(map(is_own, same)) for unit, same in units.items()}
    found = {unit: count for unit, count in own.items() if count}
    return found if len(found) > 1 else {unit: len(same) for unit, same in units.items()}


def _units(samples: Sequence[Sample], grouped: bool, digests: Mapping[Path, str]) -> dict[str, list[Sample]]:
    """Samples that must not be parted, by a name for them."""
    named, units = {}, defaultdict(list)
    for sample in sorted(samples, key=lambda s: s.name):
        first = named.setdefault(digests.get(sample.path) or sample.name, sample.name)
        units[(sample.group if grouped else "") or first].append(sample)
    return units
