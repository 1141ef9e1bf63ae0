"""Invariant 4, routing: if a pair passes the material gate, the offer's bucket is among the want's."""

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
    first = {"textile": 0, "fish": 1, "agrofood": 2, "leather": 3, "wood": 4, "paper": 5, "plastic": 6, "metal": 7, "glass": 8}
    assert first.items() <= shipped_partitions().items()
