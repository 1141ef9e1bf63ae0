"""The feed with its head, what is being gathered, notices and who has read them; kept answers."""

from __future__ import annotations

from alembic import op

from kit.idempotency import TABLE as IDEMPOTENCY

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UP = (
    IDEMPOTENCY,
    """
    create table feed_head (
      is_only boolean primary key default true constraint feed_head_is_one check (is_only),
      position bigint not null,
      oldest bigint not null,
      constraint feed_head_order check (0 <= oldest and oldest <= position)
    )
    """,
    "insert into feed_head (position, oldest) values (0, 0)",
    """
    create table feed (
      position bigint primary key,
      event_id uuid not null constraint feed_event_once unique,
      subject text not null,
      version integer not null,
      type text not null,
      time timestamptz not null,
      audience uuid[],
      families text[],
      department text,
      event json not null,
      stored_at timestamptz not null
    )
    """,
    "create index feed_of_type on feed (type, position)",
    "create table feed_subjects (subject text primary key, version integer not null)",
    """
    create table gathering (
      listing_id uuid not null,
      version integer not null,
      partition integer not null,
      match_id text not null,
      counterpart_id uuid not null,
      is_told boolean not null,
      material text not null,
      quantity_kg double precision not null,
      distance_km double precision not null,
      score double precision not null,
      created_at timestamptz not null,
      constraint gathering_once primary key (listing_id, version, partition, match_id)
    )
    """,
    """
    create table notices (
      id uuid primary key,
      organisation_id uuid not null,
      kind text not null constraint notices_kind_known check (kind in ('listing.matched', 'match.proposed', 'deal.offered',
        'deal.agreed', 'deal.declined', 'deal.voided', 'deal.released', 'listing.lapsing')),
      subject_type text not null constraint notices_subject_type_known check (subject_type in ('offer', 'want', 'match', 'deal')),
      subject_id text not null,
      version integer not null,
      partition integer,
      text_es text not null,
      text_en text not null,
      matches text[] not null,
      created_at timestamptz not null,
      constraint notices_once unique nulls not distinct (organisation_id, kind, subject_id, version, partition)
    )
    """,
    "create index notices_newest on notices (organisation_id, id)",
    """
    create table notice_reads (
      notice_id uuid not null constraint notice_reads_notice references notices (id) on delete cascade,
      reader uuid not null,
      read_at timestamptz not null,
      primary key (notice_id, reader)
    )
    """,
)
DOWN = ("notice_reads", "notices", "gathering", "feed_subjects", "feed", "feed_head", "idempotency")


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for table in DOWN:
        op.execute(f"drop table {table}")
