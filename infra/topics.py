"""The table of topics as a bus takes it; `contracts/topics.py` is where it is written."""

from __future__ import annotations

from contracts.topics import TOPICS
from kit.bus import Topic

BUS_TOPICS = tuple(Topic(one.name, one.partitions, one.retention_hours, one.is_compacted) for one in TOPICS)
