"""The log, its positions, and what groups have read.

A partition's row is updated by every batch, so it leaves room for the new version in its page.
"""

from alembic import op

from kit.bus_postgres.grants import grant_bus
from kit.migrations import BUS_GROUP

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    create table topics (
        name text primary key,
        partitions int not null constraint topics_partitions_positive check (partitions > 0),
        retention_hours int constraint topics_retention_positive check (retention_hours > 0),
        is_compacted boolean not null
    )
    """,
    """
    create table partitions (
        topic text not null references topics on delete cascade,
        partition int not null,
        next_position bigint not null default 0,
        primary key (topic, partition)
    ) with (fillfactor = 50)
    """,
    """
    create table log (
        topic text not null,
        partition int not null,
        position bigint not null,
        key text not null,
        headers jsonb not null,
        value bytea not null,
        time timestamptz not null,
        primary key (topic, partition, position)
    )
    """,
    """
    create table offsets (
        consumer_group text not null,
        topic text not null,
        partition int not null,
        position bigint not null,
        primary key (consumer_group, topic, partition)
    ) with (fillfactor = 50)
    """,
    """
    create table members (
        consumer_group text not null,
        member uuid not null,
        topics text[] not null,
        pid int not null,
        backend_start timestamptz not null,
        session_seconds float8 not null,
        primary key (consumer_group, member)
    )
    """,
)


def upgrade() -> None:
    for table in TABLES:
        op.execute(table)
    grant_bus(op, BUS_GROUP)


def downgrade() -> None:
    for table in ("members", "offsets", "log", "partitions", "topics"):
        op.execute(f"drop table {table}")
    op.execute(f"revoke usage on schema bus from {BUS_GROUP}")
