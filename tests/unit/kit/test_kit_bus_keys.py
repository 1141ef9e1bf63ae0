"""Placement by key is Kafka's: compared with its Python client's own murmur2, and with the vectors of Kafka's UtilsTest."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from kit.bus import murmur2, partition_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_murmur2_gives_kafkas_published_values(text: str, expected: int) -> None:
    assert murmur2(text.encode()) == expected & 0xFFFFFFFF


@given(st.text(), st.integers(1, 200))
def test_a_key_goes_where_the_kafka_client_puts_it(key: str, partitions: int) -> None:
    everything = list(range(partitions))
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        return
    assert partition_of(key, partitions) == DefaultPartitioner()(encoded, everything, everything)
