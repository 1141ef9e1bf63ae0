"""Who gets how many partitions: fair, and with as few moves as can be.

Every member works its own quota out from the same list of members and claims or gives back until it has just that; nobody decides for
others. Quotas add up to the number of partitions, so none is left over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from uuid import UUID

from kit.bus import TopicPartition
from kit.bus_postgres.membership import Peer


def quota(peers: Sequence[Peer], member: UUID, topic: str, partitions: int) -> int:
    """How many partitions of the topic the member is due. What does not divide evenly goes to the oldest members."""
    subscribed = [peer.member for peer in peers if topic in peer.topics]
    if member not in subscribed:
        return 0
    share, left = divmod(partitions, len(subscribed))
    return share + (subscribed.index(member) < left)


def surplus(held: Collection[TopicPartition], due: Mapping[str, int]) -> frozenset[TopicPartition]:
    """What to give back: the highest numbers, so that what stays, stays."""
    return frozenset(one for topic, count in due.items() for one in _of(held, topic)[count:])


def vacancies(
    held: Collection[TopicPartition], due: Mapping[str, int], counts: Mapping[str, int]
) -> Iterator[tuple[int, list[TopicPartition]]]:
    """Of each topic with less than its due: how many are missing, and the partitions that may be asked for."""
    for topic, count in due.items():
        have = set(_of(held, topic))
        if (missing := count - len(have)) > 0:
            yield missing, [one for number in range(counts[topic]) if (one := TopicPartition(topic, number)) not in have]


def _of(held: Collection[TopicPartition], topic: str) -> list[TopicPartition]:
    return sorted(one for one in held if one.topic == topic)
