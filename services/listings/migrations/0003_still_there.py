"""Whether a listing still stands: when its holder last said so, and until when an answer is awaited."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = (
    "alter table {0} add column confirmed_at timestamptz, add column lapses_at timestamptz",
    "alter table {0} add column questions integer not null default 0",
    "update {0} set confirmed_at = updated_at",
    "alter table {0} alter column confirmed_at set not null, alter column questions drop default",
    "alter table {0} add constraint {0}_asked_while_published check (lapses_at is null or state = 'published')",
    "create index {0}_to_ask on {0} (confirmed_at) where state = 'published' and lapses_at is null",
    "create index {0}_unanswered on {0} (lapses_at) where lapses_at is not null",
)


def upgrade() -> None:
    for table in ("offers", "wants"):
        for statement in UP:
            op.execute(statement.format(table))


def downgrade() -> None:
    for table in ("offers", "wants"):
        op.execute(f"alter table {table} drop column confirmed_at, drop column lapses_at, drop column questions")
