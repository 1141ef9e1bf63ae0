"""A listing is found on whichever partitions it stands."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_standing_listing_id ON standing (listing_id)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_standing_listing_id")
