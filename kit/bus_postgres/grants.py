"""What a role needs to publish and to consume. Nobody but the owner deletes from the log or makes topics."""

from __future__ import annotations

from kit.outbox import Migrating


def grant_bus(op: Migrating, role: str) -> None:
    """Let the role use the bus: append, read, commit positions, be a member."""
    op.execute(f'grant usage on schema bus to "{role}"')
    op.execute(f'grant select on bus.topics to "{role}"')
    op.execute(f'grant select, update on bus.partitions to "{role}"')
    op.execute(f'grant select, insert on bus.log to "{role}"')
    op.execute(f'grant select, insert, update on bus.offsets to "{role}"')
    op.execute(f'grant select, insert, delete on bus.members to "{role}"')
