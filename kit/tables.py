"""Column types and constraints that every schema of ours uses."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import CheckConstraint, DateTime, Numeric

Moment = DateTime(timezone=True)
Exact = Numeric(asdecimal=True)  # without precision PostgreSQL keeps every digit


def one_of(table: str, column: str, values: Iterable[str]) -> CheckConstraint:
    """A CHECK that a column holds one of the values, named `<table>_<column>_known`."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=f"{table}_{column}_known")
