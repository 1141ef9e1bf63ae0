"""Mail: who was addressed, deliveries with what they tell, places of a day, and what people want. Notices of before are not mailed."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KINDS = """('listing.matched', 'match.proposed', 'deal.offered', 'deal.agreed', 'deal.declined', 'deal.voided', 'deal.released',
  'listing.lapsing')"""
UP = (
    "alter table notices add column addressed_at timestamptz",
    "update notices set addressed_at = created_at",
    "create index notices_to_address on notices (id) where addressed_at is null",
    f"""
    create table refusals (
      person_id uuid not null,
      kind text not null constraint refusals_kind_known check (kind in {KINDS}),
      channel text not null constraint refusals_channel_known check (channel in ('in_app', 'email')),
      primary key (person_id, kind, channel)
    )
    """,
    """
    create table digest_hours (
      person_id uuid primary key,
      hour integer not null constraint digest_hours_of_a_day check (hour between 0 and 23)
    )
    """,
    """
    create table instant_days (
      person_id uuid not null,
      day date not null,
      taken integer not null constraint instant_days_count check (taken >= 0),
      primary key (person_id, day)
    )
    """,
    """
    create table deliveries (
      id uuid primary key,
      person_id uuid not null,
      organisation_id uuid not null,
      channel text not null constraint deliveries_channel_known check (channel in ('email')),
      digest_day date,
      counted_on date,
      state text not null constraint deliveries_state_known check (state in ('waiting', 'sent', 'bounced', 'given_up', 'dropped')),
      attempts integer not null,
      due_at timestamptz not null,
      next_attempt_at timestamptz not null,
      claimed_until timestamptz,
      may_have_arrived boolean not null,
      cause text,
      ended_at timestamptz,
      constraint deliveries_one_digest_a_day unique (person_id, channel, digest_day),
      constraint deliveries_end_once check ((state = 'waiting') = (ended_at is null))
    )
    """,
    "create index deliveries_due on deliveries (next_attempt_at, id) where state = 'waiting'",
    """
    create table delivery_items (
      person_id uuid not null,
      notice_id uuid not null constraint delivery_items_notice references notices (id) on delete cascade,
      channel text not null,
      delivery_id uuid not null constraint delivery_items_delivery references deliveries (id),
      primary key (person_id, notice_id, channel)
    )
    """,
    "create index ix_delivery_items_delivery_id on delivery_items (delivery_id)",
)
DOWN = (
    "drop table delivery_items",
    "drop table deliveries",
    "drop table instant_days",
    "drop table digest_hours",
    "drop table refusals",
    "alter table notices drop column addressed_at",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
