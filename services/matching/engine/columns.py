"""The standing listings of one side as columns: one growing array a field, in no order.

Load-bearing: the rows fill the first slots without a gap; a removed row's slot is taken by the last row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.exact import Claims, Slots
from services.matching.engine.fields import DOUBLE, KINDS, Values
from services.matching.engine.rows import OfferRow, WantRow

Row = TypeVar("Row", OfferRow, WantRow)
Storage = dict[str, NDArray[Any]]
ROOM = 64  # of a side that is new; it doubles when full


@dataclass(frozen=True, slots=True)
class Table:
    """Some rows of one side, or one (an integer): a field is read by its name, [N] or a single number."""

    columns: Mapping[str, NDArray[Any]]
    slots: Slots | int

    def __getitem__(self, name: str) -> NDArray[Any]:
        found: NDArray[Any] = self.columns[name][..., self.slots]
        return found

    def only(self, keep: Claims | Slots) -> Table:
        """The rows claimed, or at these places among these; the one row, if it is one."""
        return self if isinstance(self.slots, int) else Table(self.columns, self.slots[keep])


def single(values: Values) -> Table:
    """A table of one row, [1]."""
    return Table({name: np.array(value, KINDS.get(name, DOUBLE))[..., None] for name, value in values.items()}, np.zeros(1, np.intp))


class Columns(Generic[Row]):
    """One side's rows, by id. values: how a row becomes fields; it raises before anything has changed."""

    def __init__(self, values: Callable[[Row], Values]) -> None:
        self._values: Callable[[Row], Values] = values
        self._storage: Storage = {}
        self._rows: list[Row] = []
        self._slots: dict[UUID, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def slot(self, id: UUID) -> int | None:
        """Where a row stands now."""
        return self._slots.get(id)

    def get(self, id: UUID) -> Row | None:
        """The row as it was put."""
        slot = self._slots.get(id)
        return None if slot is None else self._rows[slot]

    def one(self, slot: int) -> Table:
        """The row in this slot."""
        return Table(self._storage, slot)

    def at(self, slots: Slots) -> Table:
        """The rows in these slots, each as often as it is named."""
        return Table(self._storage, slots)

    def all(self) -> Table:
        """Every row that stands."""
        return Table(self._storage, np.arange(len(self._rows)))

    def put(self, row: Row) -> None:
        """Inserts, or replaces by id."""
        values = self._values(row)
        slot = self._slots.get(row.id, len(self._rows))
        self._make_room(slot, values)
        for name, value in values.items():
            self._storage[name][..., slot] = value
        if slot == len(self._rows):
            self._rows.append(row)
        self._rows[slot], self._slots[row.id] = row, slot

    def remove(self, id: UUID) -> None:
        """Harmless for what is not there."""
        slot = self._slots.pop(id, None)
        if slot is None:
            return
        last, row = len(self._rows) - 1, self._rows.pop()
        if slot != last:
            self._rows[slot], self._slots[row.id] = row, slot
        for column in self._storage.values():
            column[..., slot] = column[..., last]
        self._storage["id"][last] = None

    def _make_room(self, slot: int, values: Values) -> None:
        if not self._storage:
            self._storage = {name: _empty(name, value) for name, value in values.items()}
        elif slot == len(self._storage["id"]):
            self._storage = {name: _doubled(column) for name, column in self._storage.items()}


def _empty(name: str, value: Any) -> NDArray[Any]:
    """Room for such values."""
    return np.zeros((*np.shape(value), ROOM), KINDS.get(name, DOUBLE))


def _doubled(column: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([column, np.zeros_like(column)], axis=-1)
