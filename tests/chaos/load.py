"""The load: firms that import spreadsheets, firms that trade, a reader of the feed: all through the gateway, whatever happens behind it.

Load-bearing: `Client.ask`. It repeats a call with the same `Idempotency-Key` until the answer is definite, and writes down what was
acknowledged: that, and nothing less, must be found afterwards.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx

from tests.chaos.market import A_CELL_SEES, PRICES, Terms, offers_sheet, places, unrelated, wants_sheet
from tests.e2e.people import joining, offer_body, want_body

Json = dict[str, Any]
IMPORTERS = 3
PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 150.0
QUIET_SHARE = 0.8
UNCLEAR = frozenset({408, 425, 429, 500, 502, 503, 504})
IN_FLIGHT = ("idempotency", "import-at-work")


@dataclass
class Journal:
    """What was asked and what was said: imported rows by external id, listings by id, answers by match."""

    imported: dict[tuple[str, str, str], Terms] = field(default_factory=dict)  # (tax id, side, external id)
    listings: dict[str, Json] = field(default_factory=dict)
    agreed: set[str] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    read: list[Json] = field(default_factory=list)


class Client:
    """The gateway, for somebody patient."""

    def __init__(self, http: httpx.AsyncClient, journal: Journal) -> None:
        self.http, self.journal, self.patience_seconds = http, journal, PATIENCE_SECONDS

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The first definite answer. Raises AssertionError where none comes: whatever is hurt must heal."""
        headers = request.pop("headers", {})
        if method == "POST":
            headers = {"Idempotency-Key": str(uuid.uuid4())} | headers
        deadline = monotonic() + self.patience_seconds
        while monotonic() < deadline:
            try:
                answer = await self.http.request(method, path, headers=headers, **request)
            except httpx.HTTPError:
                self.journal.outcomes["info"] += 1
            else:
                if not _is_unclear(answer):
                    self.journal.outcomes["ok" if answer.is_success else "fail"] += 1
                    return answer
                self.journal.outcomes["info"] += 1
            await asyncio.sleep(PAUSE_SECONDS)
        raise AssertionError(f"no definite answer to {method} {path} within {self.patience_seconds:g} s")


def _is_unclear(answer: httpx.Response) -> bool:
    return answer.status_code in UNCLEAR or (answer.status_code == 409 and any(word in answer.text for word in IN_FLIGHT))


class Firm:
    """An organisation at one place, signed in."""

    def __init__(self, client: Client, kind: str, place: tuple[float, float]) -> None:
        self.client, self._joining = client, joining(kind, *place)
        self.tax_id, self.id, self.headers = str(self._joining["tax_id"]), "", dict[str, str]()

    async def join(self) -> None:
        """Joins, or signs in where an answer was lost."""
        answer = await self.client.ask("POST", "/v1/organisations", json=self._joining)
        if answer.status_code == 409:
            credentials = {name: self._joining[name] for name in ("email", "password")}
            answer = await self.client.ask("POST", "/v1/sessions", json=credentials)
        self.headers = {"Authorization": f"Bearer {answer.json()['token']}"}
        self.id = (await self.ask("GET", "/v1/me")).json()["organisation"]["id"]

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        return await self.client.ask(method, path, headers=self.headers, **request)

    async def import_sheet(self, side: str, lines: list[Terms]) -> None:
        sheet = offers_sheet(lines) if side == "offers" else wants_sheet(lines)
        headers = self.headers | {"Content-Type": "text/csv"}
        answer = await self.client.ask("POST", f"/v1/{side}/import", content=sheet, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["rejected"] == [], answer.text
        self.client.journal.imported |= {(self.tax_id, side, one.external_id): one for one in lines}

    async def everything(self, path: str, **query: str) -> list[Json]:
        """All pages of a list."""
        items: list[Json] = []
        after: dict[str, str] = {}
        while True:
            answer = await self.ask("GET", path, params={"limit": "100", **query, **after})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            items += page["items"]
            if page["next"] is None:
                return items
            after = {"after": page["next"]}


@dataclass
class Corner:
    """One place with its two firms: who offers there, and who wants."""

    holder: Firm
    seeker: Firm


class Load:
    """Makes the market for as long as it is told to. What is asked, and when, follows the seed. seconds: for which the imports last."""

    def __init__(self, client: Client, seed: int, corners: int, seconds: float) -> None:
        self.client, self.journal, self.random = client, client.journal, random.Random(seed)
        self._places = places(seed)
        self._count, self._seconds = corners, seconds
        self.corners: list[Corner] = []
        self.quiet: list[str] = []
        self.busy: list[str] = []
        self.materials: dict[str, Json] = {}
        self._serial = 0

    async def prepare(self) -> None:
        """The catalogue, and everybody joined."""
        self.materials = {one["code"]: one for one in await self._catalogue()}
        codes = unrelated(list(self.materials.values()))
        self.random.shuffle(codes)
        cut = int(len(codes) * QUIET_SHARE)
        self.quiet, self.busy = codes[:cut], codes[cut:]
        for _ in range(self._count):
            place = next(self._places)
            self.corners.append(Corner(Firm(self.client, "firm", place), Firm(self.client, "cooperative", place)))
        firms = [firm for corner in self.corners for firm in (corner.holder, corner.seeker)]
        await _few_at_a_time(6, (firm.join() for firm in firms))

    async def _catalogue(self) -> list[Json]:
        items: list[Json] = []
        after: dict[str, str] = {}
        while True:
            page = (await self.client.ask("GET", "/v1/materials", params={"limit": "100", **after})).json()
            items += page["items"]
            if page["next"] is None:
                return items
            after = {"after": page["next"]}

    async def run(self, until: asyncio.Event) -> None:
        """Until the event is set; what is in hand then is brought to its end."""
        rounds = [(corner, number, side) for number in range(A_CELL_SEES) for corner in self.corners for side in ("offers", "wants")]
        self.random.shuffle(rounds)
        queue = iter(rounds)
        async with asyncio.TaskGroup() as group:
            for _ in range(IMPORTERS):
                group.create_task(self._import(queue, self._seconds * IMPORTERS / len(rounds), until))
            for number in range(3):
                group.create_task(self._trade(self.corners[number::3], until))
            group.create_task(self._read(until))

    async def _import(self, rounds: Iterable[tuple[Corner, int, str]], every_seconds: float, until: asyncio.Event) -> None:
        due = monotonic()
        for corner, number, side in rounds:
            due += every_seconds
            with suppress(TimeoutError):
                async with asyncio.timeout(due - monotonic()):
                    await until.wait()
            if until.is_set():
                return
            firm = corner.holder if side == "offers" else corner.seeker
            await firm.import_sheet(side, [self._terms(f"{side[0]}{number}-{place}", code) for place, code in enumerate(self.quiet)])

    def _terms(self, external_id: str, material: str) -> Terms:
        return Terms(external_id, material, self.random.choice((200, 500, 900, 2000)), self.random.choice(PRICES))

    async def _trade(self, corners: list[Corner], until: asyncio.Event) -> None:
        cells = [(corner, code) for corner in corners for code in self.busy for _ in range(A_CELL_SEES)]
        self.random.shuffle(cells)
        for corner, code in cells:
            if until.is_set():
                return
            await self._one_trade(corner, code)

    async def _one_trade(self, corner: Corner, code: str) -> None:
        """An offer and a want meet; both sides accept, or think better of it."""
        want = await self._publish(
            corner.seeker, "wants", want_body(accepts=[{"material": code}], radius_km=40, minimum=_kg(100), maximum=_kg(900))
        )
        offer = await self._publish(corner.holder, "offers", offer_body(material=code, quantity=_kg(self.random.choice((300, 700, 1500)))))
        mood = self.random.random()
        if mood < 0.15:
            await corner.holder.ask("POST", f"/v1/offers/{offer['id']}/withdraw")
        elif mood < 0.3:
            title = {"title": f"Lote {self.random.randrange(1000)}"}
            version = {"If-Match": f'"{offer["version"]}"'}
            await self.client.ask("PATCH", f"/v1/offers/{offer['id']}", json=title, headers=corner.holder.headers | version)
        match = f"/v1/matches/{offer['id']}.{want['id']}"
        for firm in (corner.seeker, corner.holder):
            answer = await self._answer(firm, match)
            if answer.is_success and answer.json()["state"] == "agreed":
                self.journal.agreed.add(answer.json()["id"])

    async def _publish(self, firm: Firm, side: str, body: Json) -> Json:
        self._serial += 1
        answer = await firm.ask("POST", f"/v1/{side}", json=body | {"external_id": f"t{self._serial}"})
        assert answer.status_code == 201, answer.text
        listing: Json = answer.json()
        self.journal.listings[listing["id"]] = listing
        return listing

    async def _answer(self, firm: Firm, match: str) -> httpx.Response:
        """Accepts; a match that is not there yet is waited for, one that cannot be answered is left."""
        for _ in range(100):
            answer = await firm.ask("POST", f"{match}/accept", json={"quantity_kg": str(self.random.choice((100, 150, 200)))})
            if answer.status_code != 404:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        return answer

    async def _read(self, until: asyncio.Event) -> None:
        """The feed by pages, as an integrator reads it, to where it ends when the load is over."""
        after: dict[str, str] = {}
        while True:
            is_over = until.is_set()
            page = (await self.corners[0].seeker.ask("GET", "/v1/events", params={"limit": "100", **after})).json()
            self.journal.read += page["items"]
            after = {"after": page["next"]}
            if not page["items"]:
                if is_over:
                    return
                await asyncio.sleep(PAUSE_SECONDS)


def _kg(amount: int) -> Json:
    return {"amount": str(amount), "unit": "kg"}


async def _few_at_a_time(count: int, work: Iterable[Any]) -> None:
    turns = asyncio.Semaphore(count)

    async def one(task: Any) -> None:
        async with turns:
            await task

    await asyncio.gather(*(one(task) for task in work))
