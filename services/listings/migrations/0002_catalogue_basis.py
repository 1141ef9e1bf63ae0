"""What the listings rest on of the catalogue, so that a new one is noticed."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create table catalogue_basis (code varchar primary key, basis jsonb not null)")


def downgrade() -> None:
    op.execute("drop table catalogue_basis")
