"""What a schema of PostgreSQL holds, as lines that can be compared: columns, constraints, indexes, triggers, functions."""

from __future__ import annotations

import re

import asyncpg

_LINES = """
    with here as (select oid from pg_namespace where nspname = $1),
    tables as (select * from pg_class where relnamespace = (select oid from here) and relkind in ('r', 'p'))
    select format('column %s.%s %s%s%s', t.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                  case when a.attnotnull then ' required' end, a.attidentity)
    from pg_attribute a join tables t on t.oid = a.attrelid where a.attnum > 0 and not a.attisdropped
    union all
    select format('constraint %s.%s %s', t.relname, c.conname, pg_get_constraintdef(c.oid))
    from pg_constraint c join tables t on t.oid = c.conrelid where c.contype <> 'n'
    union all
    select format('index %s %s', t.relname, pg_get_indexdef(i.indexrelid)) from pg_index i join tables t on t.oid = i.indrelid
    union all
    select format('trigger %s.%s', t.relname, g.tgname) from pg_trigger g join tables t on t.oid = g.tgrelid where not g.tgisinternal
    union all
    select format('function %s', proname) from pg_proc where pronamespace = (select oid from here)
    union all
    select format('sequence %s', relname) from pg_class where relkind = 'S' and relnamespace = (select oid from here)
"""


async def described(connection: asyncpg.Connection, schema: str) -> set[str]:
    """The lines of all that is in the schema."""
    rows = await connection.fetch(_LINES, schema)
    return {row[0].replace(f"{schema}.", "") for row in rows}


def of_tables(lines: set[str], tables: set[str]) -> set[str]:
    """Columns, constraints and indexes of these tables, whichever of the two words for text they were written with."""
    kinds = ("column ", "constraint ", "index ")
    return {_plain(line) for line in lines if line.startswith(kinds) and re.split(r"[ .]", line)[1] in tables}


def _plain(line: str) -> str:
    line = line.replace("character varying", "text")
    line = re.sub(r"::(text|jsonb|integer|numeric|double precision)(\[\])?", "", line)
    return re.sub(r"[()\s]+", " ", line).strip()
