"""How a client reaches the cluster, how long it waits, and what its errors mean.

Load-bearing: the timeouts must fit together, and are checked when they are made. aiokafka runs JoinGroup under its request timeout: one
that is shorter than a rebalance leaves a consumer joining for ever, alive and without an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import errors

from kit.bus import PublisherFencedError, UnknownTopicError

MARGIN_SECONDS = 5.0
LARGEST_MESSAGE_BYTES = 4 * 2**20  # a dead letter is larger than the record that it buries


class WrongClusterError(RuntimeError):
    """The servers are of another cluster than the one this part was made for."""


@dataclass(frozen=True, slots=True)
class KafkaTimeouts:
    """session: without a sign of life, a member is taken for dead. rebalance: how long the others wait for a member that still handles
    records. request: one call to a broker. send: one publish, which must outlast a leader's failover (12 s seen)."""

    session_seconds: float = 10.0
    rebalance_seconds: float = 30.0
    request_seconds: float = 40.0
    send_seconds: float = 18.0

    def __post_init__(self) -> None:
        """Raises ValueError where they do not fit together."""
        least = max(self.session_seconds, self.rebalance_seconds) + MARGIN_SECONDS
        if self.request_seconds < least:
            raise ValueError(
                f"Kafka's request timeout is {self.request_seconds:g} s and must be {least:g} s or more, {MARGIN_SECONDS:g} s more than the"
                f" session ({self.session_seconds:g} s) and the rebalance ({self.rebalance_seconds:g} s): a consumer would join for ever"
            )


@dataclass(frozen=True, slots=True)
class Connection:
    """servers: `host:port`, with commas. name: how the brokers know the client. credentials: in aiokafka's words."""

    servers: str
    name: str
    timeouts: KafkaTimeouts = field(default_factory=KafkaTimeouts)
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def options(self, *, request_seconds: float | None = None) -> dict[str, Any]:
        """For any client of aiokafka."""
        return {
            "bootstrap_servers": self.servers,
            "client_id": self.name,
            "request_timeout_ms": int((request_seconds or self.timeouts.request_seconds) * 1000),
            "metadata_max_age_ms": 60_000,
            **self.credentials,
        }


@contextmanager
def translated(what: str) -> Iterator[None]:
    """aiokafka's errors in the words of the port: what passes by itself is an OSError, as with every other server."""
    try:
        yield
    except errors.UnknownTopicOrPartitionError as error:
        raise UnknownTopicError(f"{what}: {error!r}") from error
    except (errors.ProducerFenced, errors.InvalidProducerEpoch) as error:
        raise PublisherFencedError(f"{what}: another process has taken over") from error
    except errors.KafkaError as error:
        if error.retriable or isinstance(error, PASSING):
            raise ConnectionError(f"{what}: {error!r}") from error
        raise


PASSING = (
    errors.KafkaTimeoutError,
    errors.KafkaUnavailableError,
    errors.BrokerNotAvailableError,
    errors.ReplicaNotAvailableError,
    errors.ConcurrentTransactions,
    errors.OutOfOrderSequenceNumber,  # a new producer begins a new sequence
    errors.UnknownProducerId,
    errors.InvalidProducerIdMapping,
    errors.InvalidTxnState,
    errors.ProducerClosed,
)
