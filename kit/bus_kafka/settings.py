"""What a part is told of Kafka, by AYNI_KAFKA_SERVERS and its like.

Timeouts that do not fit together are refused here, before anything starts.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.bus import Topic
from kit.bus_kafka.bus import KafkaBus
from kit.bus_kafka.connection import KafkaTimeouts


class KafkaSettings(BaseSettings):
    """servers: `host:port`, with commas. cluster_id: refuse any other cluster. instance: makes this process a static member of its groups
    (one of the name at a time). Seconds: see KafkaTimeouts."""

    model_config = SettingsConfigDict(env_prefix="AYNI_KAFKA_", extra="ignore", frozen=True)

    servers: str = Field(min_length=1)
    cluster_id: str | None = None
    instance: str | None = None
    session_seconds: float = Field(default=10, ge=1)
    rebalance_seconds: float = Field(default=30, ge=1)
    request_seconds: float = Field(default=40, ge=1)
    send_seconds: float = Field(default=18, ge=1)
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ca_file: Path | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    user: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _fit(self) -> KafkaSettings:
        self.timeouts()
        if self.security.startswith("SASL") and (self.user is None or self.password is None):
            raise ValueError(f"{self.security} needs a user and a password")
        return self

    def timeouts(self) -> KafkaTimeouts:
        """Raises ValueError where they do not fit together."""
        return KafkaTimeouts(self.session_seconds, self.rebalance_seconds, self.request_seconds, self.send_seconds)

    def credentials(self) -> dict[str, Any]:
        """In aiokafka's words."""
        found: dict[str, Any] = {"security_protocol": self.security}
        if self.security.endswith("SSL"):
            found["ssl_context"] = ssl.create_default_context(cafile=self.ca_file)
        if self.security.startswith("SASL") and self.password is not None:
            found |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password.get_secret_value(),
            }
        return found

    def bus(self, name: str, topics: Iterable[Topic] = ()) -> KafkaBus:
        """Not started. name: how the brokers know this process."""
        return KafkaBus(
            self.servers,
            name=name,
            topics=topics,
            timeouts=self.timeouts(),
            instance=self.instance,
            cluster_id=self.cluster_id,
            credentials=self.credentials(),
        )
