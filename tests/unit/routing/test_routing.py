"""Invariant 4, routing: if a pair passes the material gate, the offer's bucket is among the want's."""

from itertools import pairwise

import pytest

from contracts.catalogue import load_catalogue
from contracts.routing import bucket_of_offer, buckets_of_want, partition_of
from contracts.routing_table import shipped_partitions
from contracts.topics import STANDING_PARTITIONS

CATALOGUE = load_catalogue()


@pytest.mark.parametrize("offered", sorted(CATALOGUE.materials))
def test_every_want_that_could_take_a_material_is_sent_to_its_bucket(offered: str) -> None:
    takers = [accepted for accepted in CATALOGUE.materials if CATALOGUE.kinship(offered, accepted) > 0]
    assert offered in takers
    for accepted in takers:
        assert bucket_of_offer(offered, CATALOGUE) in buckets_of_want([accepted], CATALOGUE), f"{offered} for {accepted}"


def test_every_family_has_a_partition_of_its_own() -> None:
    families = {material.family for material in CATALOGUE.materials.values()}
    assert len({partition_of(family, CATALOGUE) for family in families}) == len(families)
    assert all(0 <= number < STANDING_PARTITIONS for number in shipped_partitions().values())


def test_the_table_has_only_grown() -> None:
    """Where the first release put its families: an entry that moves would be matched by two owners at once."""
    first = {"textile": 0, "fish": 32, "agrofood": 16, "leather": 48, "wood": 8, "paper": 40, "plastic": 24, "metal": 56, "glass": 4}
    assert first.items() <= shipped_partitions().items()


@pytest.mark.parametrize("owners", [2, 3, 4, 5, 8])
def test_the_families_are_shared_evenly_among_owners_of_neighbouring_partitions(owners: int) -> None:
    """As both buses assign them: runs of equal length, the first ones one longer where it does not divide."""
    length, longer = divmod(STANDING_PARTITIONS, owners)
    starts = [number * length + min(number, longer) for number in range(owners + 1)]
    shares = [sum(begin <= number < end for number in shipped_partitions().values()) for begin, end in pairwise(starts)]
    assert sum(shares) == len(shipped_partitions())
    assert max(shares) - min(shares) <= 1
