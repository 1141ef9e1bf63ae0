"""The one table of topics: partitions, retention, compaction. Both bus adapters are made from it."""

from __future__ import annotations

from dataclasses import dataclass

STANDING = "ayni.standing"
OFFERS = "ayni.offers"
WANTS = "ayni.wants"
MATCHES = "ayni.matches"
DEALS = "ayni.deals"
QUESTIONS = "ayni.questions"  # internal: what listings asks of holders, for notifications to put to them
STANDING_PARTITIONS = 64  # design.md, Routing: a number that never changes
PUBLIC_PARTITIONS = 1  # the feed is one sequence: with one partition, what one firm does to two listings stays in its order
SEVEN_DAYS = 7 * 24
THIRTY_DAYS = 30 * 24


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """retention_hours: None keeps for ever; is_compacted: the last event of every key is kept for ever."""

    name: str
    partitions: int
    retention_hours: int | None
    is_compacted: bool


def dead_letters_of(service: str) -> str:
    """Where a service's consumers put what fails by itself."""
    return f"ayni.dead.{service}"


TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(STANDING, STANDING_PARTITIONS, SEVEN_DAYS, is_compacted=False),
    *(TopicSpec(name, PUBLIC_PARTITIONS, THIRTY_DAYS, is_compacted=True) for name in (OFFERS, WANTS, MATCHES, DEALS)),
    TopicSpec(QUESTIONS, PUBLIC_PARTITIONS, SEVEN_DAYS, is_compacted=False),
    *(TopicSpec(dead_letters_of(service), 1, THIRTY_DAYS, is_compacted=False) for service in ("matching", "notifications")),
)
