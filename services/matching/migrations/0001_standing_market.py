"""The standing market and who owns it."""

from alembic import op

from kit.inbox import create_inbox, drop_inbox
from kit.outbox import create_outbox, drop_outbox

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("told_pairs", "standing", "partition_owner", "answers")
STATEMENTS = (
    """
    CREATE TABLE answers (
        offer_id UUID NOT NULL,
        want_id UUID NOT NULL,
        partition INTEGER NOT NULL,
        deal_id UUID NOT NULL,
        version INTEGER NOT NULL,
        state VARCHAR NOT NULL,
        accepted_by UUID[] NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (offer_id, want_id),
        CONSTRAINT answers_state_known CHECK (state in ('open', 'offered', 'agreed', 'declined', 'released'))
    )
    """,
    """
    CREATE INDEX ix_answers_partition ON answers (partition)
    """,
    """
    CREATE TABLE partition_owner (
        partition INTEGER NOT NULL,
        epoch BIGINT NOT NULL,
        address VARCHAR NOT NULL,
        is_ready BOOLEAN NOT NULL,
        PRIMARY KEY (partition),
        CONSTRAINT partition_owner_in_topic CHECK (partition between 0 and 63)
    )
    """,
    """
    CREATE TABLE standing (
        partition INTEGER NOT NULL,
        listing_id UUID NOT NULL,
        side VARCHAR NOT NULL,
        version INTEGER NOT NULL,
        fact TEXT NOT NULL,
        PRIMARY KEY (partition, listing_id),
        CONSTRAINT standing_side_known CHECK (side in ('offer', 'want'))
    )
    """,
    """
    CREATE TABLE told_pairs (
        offer_id UUID NOT NULL,
        want_id UUID NOT NULL,
        partition INTEGER NOT NULL,
        version INTEGER NOT NULL,
        state VARCHAR NOT NULL,
        holder_told VARCHAR,
        seeker_told VARCHAR,
        PRIMARY KEY (offer_id, want_id),
        CONSTRAINT told_pairs_state_known CHECK (state in ('told', 'lapsed')),
        CONSTRAINT told_pairs_told_to_somebody CHECK (holder_told is not null or seeker_told is not null)
    )
    """,
    """
    CREATE INDEX ix_told_pairs_partition ON told_pairs (partition)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    create_outbox(op)
    create_inbox(op)


def downgrade() -> None:
    drop_inbox(op)
    drop_outbox(op)
    for table in TABLES:
        op.execute(f"drop table {table}")
