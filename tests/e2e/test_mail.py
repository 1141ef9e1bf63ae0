"""From a match to a mail: the right person gets it, once, from an exchange as people start it."""

from __future__ import annotations

from collections import Counter
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import httpx

from tests.e2e.people import Member, join
from tests.e2e.running import Exchange
from tests.integration.notifications.smtp_sink import Sink, listening_aside
from tests.patience import until

IQUITOS, TACNA = (-3.75, -73.25), (-18.01, -70.25)  # too far for what other tests offer and want


def pair(http: httpx.Client, place: tuple[float, float]) -> tuple[Member, Member]:
    """A holder and a seeker with nobody else around them."""
    return join(http, "firm", *place), join(http, "cooperative", *place)


def mails_in(exchange: Exchange, member: Member) -> list[EmailMessage]:
    """What lies in `var/mail` for somebody."""
    found = [message_from_bytes(file.read_bytes(), policy=SMTP) for file in (exchange.folder / "var" / "mail").glob("*.eml")]
    return [mail for mail in found if isinstance(mail, EmailMessage) and member.credentials["email"] in mail["To"]]


def test_without_a_mail_server_mails_are_written_to_a_folder_and_the_log_says_so(exchange: Exchange, http: httpx.Client) -> None:
    holder, seeker = pair(http, IQUITOS)
    preferences = {"language": "en", "channels": {"match.proposed": ["in_app", "email"]}}
    assert holder.call("PUT", "/v1/preferences", json=preferences).status_code == 200
    assert holder.get("/v1/me")["person"]["language"] == "en"
    offer, want = holder.offer(), seeker.want(radius_km=50)
    path = f"/v1/matches/{offer['id']}.{want['id']}"
    until(lambda: seeker.call("GET", path).status_code == 200, "the match")
    seeker.post(f"{path}/accept")
    holder.post(f"{path}/accept")

    until(lambda: len(mails_in(exchange, holder)) == 3, "the holder's mails")
    until(lambda: len(mails_in(exchange, seeker)) == 2, "the seeker's mails")
    assert {mail["Subject"] for mail in mails_in(exchange, holder)} == {
        "A new match",
        "The other side accepts: it waits for your answer",
        "It is a deal",
    }
    assert {mail["Subject"] for mail in mails_in(exchange, seeker)} == {"Hay coincidencias para su publicación", "Trato hecho"}
    for mail in mails_in(exchange, holder):
        assert seeker.credentials["email"] not in mail.as_string()
    assert "mails are written to a folder" in (exchange.folder / "log").read_text()


def test_one_click_from_outside_needs_no_sign_in(exchange: Exchange, http: httpx.Client) -> None:
    holder, seeker = pair(http, TACNA)
    holder.offer()
    seeker.want(radius_km=50)
    mail = until(lambda: next(iter(mails_in(exchange, holder)), None), "the mail")
    link = str(mail["List-Unsubscribe"]).strip("<>")

    assert httpx.get(link, timeout=60).status_code == 200
    answer = httpx.post(link, data={"List-Unsubscribe": "One-Click"}, timeout=60)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert holder.get("/v1/preferences")["channels"]["match.proposed"] == ["in_app"]
    assert http.post("/v1/unsubscribe/x").status_code == 404


def test_a_kill_between_the_mail_and_its_mark_repeats_that_mail_and_makes_no_other(mortal: Exchange) -> None:
    sink = Sink()
    with listening_aside(sink) as port:
        told = {"SMTP_URL": f"smtp://127.0.0.1:{port}", "PUBLIC_URL": "https://ayni.example", "AYNI_MAIL_SECONDS": "1"}
        with mortal.start(**told) as http:
            holder, seeker = join(http), join(http, "cooperative", -12.2, -76.95)
            sink.before_answer = mortal.kill
            holder.offer()
            seeker.want()
            until(lambda: mortal.process is not None and mortal.process.poll() is not None, "the kill")
        sink.before_answer = lambda: None
        with mortal.start(**told):
            until(lambda: len({one.recipient for one in sink.taken}) == 2, "a mail to each side")
            until(lambda: max(sink.counted().values()) > 1, "the mail whose fate nobody knew, again")

        assert len(sink.counted()) == 2, "one for the holder, one for the seeker"
        for copies in ([one for one in sink.taken if one.id == id] for id in sink.counted()):
            assert len({(one.recipient, one.content) for one in copies}) == 1
        assert Counter(one.recipient for one in {one.id: one for one in sink.taken}.values()) == {
            holder.credentials["email"]: 1,
            seeker.credentials["email"]: 1,
        }
