"""Spreadsheets of listings: from a CSV file to drafts, and from listings to a CSV file (api.md, CSV import). Pure: no session, no clock."""

from __future__ import annotations

from services.listings.spreadsheet.columns import COLUMNS, SideName, column_of
from services.listings.spreadsheet.reader import Read, Reader, Sites, external_id_of, is_cut_short
from services.listings.spreadsheet.sheet import Row, Sheet, read_sheet
from services.listings.spreadsheet.writer import Writer

__all__ = [
    "COLUMNS",
    "Read",
    "Reader",
    "Row",
    "Sheet",
    "SideName",
    "Sites",
    "Writer",
    "column_of",
    "external_id_of",
    "is_cut_short",
    "read_sheet",
]
