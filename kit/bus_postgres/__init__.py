"""The bus as a log in PostgreSQL: the schema `bus`, its migrations, and the adapter of the port."""

from pathlib import Path

from kit.bus_postgres.bus import PostgresBus
from kit.bus_postgres.retention import prune
from kit.bus_postgres.topics import ensure_topics
from kit.migrations import MigrationSet

MIGRATIONS = MigrationSet("bus", "bus", Path(__file__).parent / "migrations")

__all__ = ["MIGRATIONS", "PostgresBus", "ensure_topics", "prune"]
