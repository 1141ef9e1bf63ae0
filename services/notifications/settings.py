"""What notifications is told when it starts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from kit.settings import PartSettings
from services.notifications.calls import DEADLINE_SECONDS
from services.notifications.mail import sender_of
from services.notifications.mailer import server_of

MAIL_FROM = "Ayni <avisos@localhost>"


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _checked_server(url: SecretStr) -> SecretStr:
    server_of(url.get_secret_value())
    return url


def _checked_sender(text: str) -> str:
    sender_of(text)
    return text


SmtpUrl = Annotated[SecretStr, AfterValidator(_checked_server)]


class NotificationsSettings(PartSettings):
    """feed_days: how long an event stays in the feed (api.md: 30 days).

    public_url: what the links in mails begin with. link_secret signs them; another one makes those sent before useless. smtp_url None:
    mails are written to mail_folder. instants_a_day: mails about anything but deals, a person and day. digest_hour: where a person has
    chosen none, in their country. mail_seconds: for handing over one mail. mail_retry_*: the first pause and the longest, and how many
    days until a mail is given up."""

    feed_days: float = Field(default=30, gt=0)
    prune_seconds: float = Field(default=3600, gt=0)
    poll_seconds: float = Field(default=1, gt=0)
    public_url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://[^\s/?#<>\"]+(/[^\s?#<>\"]*)?$")
    link_secret: SecretStr
    smtp_url: Annotated[SmtpUrl | None, BeforeValidator(_none_if_empty)] = None
    mail_from: Annotated[str, AfterValidator(_checked_sender)] = MAIL_FROM
    mail_folder: Path = Path("var/mail")
    instants_a_day: int = Field(default=3, ge=0)
    digest_hour: int = Field(default=7, ge=0, le=23)
    mail_seconds: float = Field(default=30, gt=0)
    mail_retry_seconds: float = Field(default=5, gt=0)
    mail_retry_longest_seconds: float = Field(default=4 * 3600, gt=0)
    mail_retry_days: float = Field(default=3, gt=0)

    @property
    def mail_lease(self) -> timedelta:
        """How long a claimed mail is ours: longer than anything that is done with it may take."""
        return timedelta(seconds=2 * self.mail_seconds + DEADLINE_SECONDS)

    @property
    def mail_patience(self) -> timedelta:
        return timedelta(days=self.mail_retry_days)
