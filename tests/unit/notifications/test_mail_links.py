"""The link to unsubscribe: it says what it says, for everybody who cannot sign it."""

from __future__ import annotations

import re

import pytest

from contracts.values import Language
from kit.ids import new_id
from services.notifications.links import KEEP, TOPICS, UNSUBSCRIBE, Keeping, Links, Side, UnknownLink, Unsubscription
from services.notifications.page import asking, asking_to_keep, done, kept

BOTH: list[Language] = ["es", "en"]
LINKS = Links("a secret of more than thirty-two bytes", "https://ayni.example.pe/")


def token_of(wish: Unsubscription) -> str:
    return LINKS.unsubscribe(wish).rsplit("/", 1)[1]


@pytest.mark.parametrize("topic", TOPICS)
def test_a_link_names_person_topic_and_language(topic: str) -> None:
    wish = Unsubscription(new_id(), topic, "en")

    assert LINKS.unsubscribe(wish).startswith(f"https://ayni.example.pe{UNSUBSCRIBE}/")
    assert LINKS.unsubscription(token_of(wish)) == wish


@pytest.mark.parametrize("side", ["offer", "want"])
def test_a_link_names_who_says_that_what_still_stands(side: Side) -> None:
    answer = Keeping(new_id(), new_id(), side, new_id(), "es")

    assert LINKS.keep(answer).startswith(f"https://ayni.example.pe{KEEP}/")
    assert LINKS.keeping(LINKS.keep(answer).rsplit("/", 1)[1]) == answer


def test_a_link_does_only_what_it_was_made_for() -> None:
    keeping = LINKS.keep(Keeping(new_id(), new_id(), "offer", new_id(), "es")).rsplit("/", 1)[1]

    with pytest.raises(UnknownLink):
        LINKS.unsubscription(keeping)
    with pytest.raises(UnknownLink):
        LINKS.keeping(token_of(Unsubscription(new_id(), "digest", "es")))


def test_a_link_of_the_digest_is_of_all_that_may_wait_and_of_no_deal() -> None:
    assert set(Unsubscription(new_id(), "digest", "es").kinds) == {"listing.matched", "match.proposed", "listing.lapsing"}
    assert Unsubscription(new_id(), "deal.offered", "es").kinds == ("deal.offered",)


def test_a_link_with_one_character_changed_is_unknown() -> None:
    token = token_of(Unsubscription(new_id(), "match.proposed", "es"))
    for place, character in enumerate(token[:-1]):  # some bits of the last one are filling
        with pytest.raises(UnknownLink):
            LINKS.unsubscription(token[:place] + ("A" if character != "A" else "B") + token[place + 1 :])


@pytest.mark.parametrize("token", ["", "x", "ñ", "=", "AAAA", "A" * 499, "a b", "..", "%00"])
def test_what_is_no_link_is_unknown(token: str) -> None:
    with pytest.raises(UnknownLink):
        LINKS.unsubscription(token)


def test_a_link_signed_with_another_secret_is_unknown() -> None:
    others = Links("another secret of more than thirty-two bytes", "https://ayni.example.pe")

    with pytest.raises(UnknownLink):
        LINKS.unsubscription(others.unsubscribe(Unsubscription(new_id(), "digest", "es")).rsplit("/", 1)[1])


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Links("short", "https://ayni.example.pe")


@pytest.mark.parametrize("topic", TOPICS)
def test_the_page_asks_by_a_form_and_then_says_that_it_is_done(topic: str) -> None:
    spanish, english = (Unsubscription(new_id(), topic, language) for language in BOTH)

    assert re.search('<form method="post">.*<button>No recibirlos más</button>', asking(spanish))
    assert "do you no longer want them?" in asking(english)
    assert "<form" not in done(spanish) + done(english)
    assert "ya no se los enviaremos" in done(spanish)


@pytest.mark.parametrize("side", ["offer", "want"])
def test_the_page_asks_whether_a_listing_stands_and_says_what_became_of_it(side: Side) -> None:
    spanish, english = (Keeping(new_id(), new_id(), side, new_id(), language) for language in BOTH)

    assert "¿sigue en pie?" in asking_to_keep(spanish)
    assert '<form method="post"><button>Yes, it still stands</button>' in asking_to_keep(english)
    assert "sigue publicada" in kept(spanish, is_listed=True)
    assert "no longer listed" in kept(english, is_listed=False)
    assert "<form" not in kept(spanish, is_listed=True) + kept(english, is_listed=False)
