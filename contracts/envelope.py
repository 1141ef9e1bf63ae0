"""The envelope of every event: CloudEvents 1.0, in binary mode on the bus and as JSON over HTTP.

An event class is named in past tense and declares its type; `EVENT_TYPES` is the register from which the JSON Schemas,
`asyncapi.yaml` and every reader are made. Load-bearing: types only grow. A field may be added as optional; anything else is
a new version of the type beside the old one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SerializeAsAny

from contracts.values import Time, rfc3339

SPECVERSION = "1.0"
CONTENT_TYPE = "application/json"
EVENT_TYPES: dict[str, type[Event]] = {}
INTERNAL_TYPES: dict[str, type[Event]] = {}  # told from one of our parts to another: on no public topic, and no part of the contract


class UnknownEventTypeError(LookupError):
    """An event of a type, or of a newer version of one, that this release does not know."""


class Event(BaseModel):
    """One fact that happened to one subject. `version` grows with every event of the same subject (invariant 3).

    traceparent: of the trace in which it happened (W3C Trace Context), where traces are collected."""

    model_config = ConfigDict(frozen=True)

    TYPE: ClassVar[str] = ""
    SOURCE: ClassVar[str] = ""

    id: UUID
    time: Time
    subject: str
    version: int
    correlation_id: str | None = None
    traceparent: str | None = None
    data: SerializeAsAny[BaseModel]

    def __init_subclass__(cls, type: str = "", source: str = "", is_public: bool = True, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.SOURCE = source or cls.SOURCE
        if type:
            cls.TYPE = type
            (EVENT_TYPES if is_public else INTERNAL_TYPES)[type] = cls

    @property
    def key(self) -> str:
        """Events of one subject keep their order: the broker partitions by it, and compaction keeps its last."""
        return self.subject

    def headers(self) -> dict[str, str]:
        """CloudEvents binary mode (Kafka protocol binding 1.0.2, section 3.2)."""
        headers = {
            "ce_specversion": SPECVERSION,
            "ce_id": str(self.id),
            "ce_type": self.TYPE,
            "ce_source": self.SOURCE,
            "ce_subject": self.subject,
            "ce_time": rfc3339(self.time),
            "ce_partitionkey": self.key,
            "ce_ayniversion": str(self.version),
            "content-type": CONTENT_TYPE,
        }
        headers |= {"ce_correlationid": self.correlation_id} if self.correlation_id else {}
        return headers | ({"traceparent": self.traceparent} if self.traceparent else {})

    def value(self) -> bytes:
        """The data alone, as JSON."""
        return self.data.model_dump_json().encode()

    @classmethod
    def read(cls, headers: dict[str, str], value: bytes) -> Self:
        """The event behind a record's headers and value. Raises ValueError where they do not fit the class."""
        return cls.model_validate(
            {
                "id": headers["ce_id"],
                "time": headers["ce_time"],
                "subject": headers["ce_subject"],
                "version": headers["ce_ayniversion"],
                "correlation_id": headers.get("ce_correlationid"),
                "traceparent": headers.get("traceparent"),
                "data": cls.data_class().model_validate_json(value),
            }
        )

    @classmethod
    def data_class(cls) -> type[BaseModel]:
        """The class of `data`, as the subclass declares it."""
        declared = cls.model_fields["data"].annotation
        assert isinstance(declared, type)
        assert issubclass(declared, BaseModel)
        return declared


def read_event(headers: dict[str, str], value: bytes) -> Event:
    """Any event of the registers. Raises UnknownEventTypeError, and ValueError where the value is not of its type."""
    kind = headers.get("ce_type", "")
    if (known := EVENT_TYPES.get(kind) or INTERNAL_TYPES.get(kind)) is None:
        raise UnknownEventTypeError(f"no event type {kind!r} in this release")
    return known.read(headers, value)


class CloudEvent(BaseModel):
    """An event as the feed and the stream tell it (CloudEvents 1.0 JSON format, with our two extensions)."""

    specversion: str = SPECVERSION
    id: UUID
    source: str
    type: str
    subject: str
    time: Time
    datacontenttype: str = CONTENT_TYPE
    data: dict[str, Any]
    ayniversion: int
    aynicursor: str


def happened(
    event: type[Event],
    *,
    at: datetime,
    id: UUID,
    subject: str,
    version: int,
    data: BaseModel,
    correlation_id: str | None,
) -> Event:
    """An event of a class chosen at run time."""
    return event(id=id, time=at, subject=subject, version=version, data=data, correlation_id=correlation_id)
