"""One organisation of the sample on the exchange: joined or signed in, and asking over the public API as any client does."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx

from infra.sample.market import SampleError, SampleOrganisation
from infra.sample.moments import day


class Member:
    """An organisation with a session; a session that has ended is opened again. is_new: it joined just now, and has nothing there."""

    def __init__(self, client: httpx.AsyncClient, organisation: SampleOrganisation) -> None:
        self.organisation = organisation
        self.is_new = False
        self._client = client
        self._token = ""

    async def join(self, today: date) -> None:
        """Joins with the first site, or signs in where it has joined before; then adds the sites that are still missing."""
        answer = await self._client.post("/v1/organisations", json=_joining(self.organisation, today))
        self.is_new = answer.status_code != httpx.codes.CONFLICT
        if self.is_new:
            joined = _body(answer, self.organisation.cells["name"])
            self._token = joined["token"]
        else:
            await self.sign_in()
            joined = await self.ask("GET", "/v1/me")
        mine = {site["name"] for site in joined["organisation"]["sites"]}
        for site in self.organisation.sites:
            if site["name"] not in mine:
                await self.ask("POST", "/v1/sites", json=_site(site))

    async def sign_in(self) -> None:
        """Raises SampleError where the exchange does not know it."""
        credentials = {"email": self.organisation.cells["email"], "password": self.organisation.password}
        answer = await self._client.post("/v1/sessions", json=credentials)
        self._token = _body(answer, f"signing in as {self.organisation.cells['name']}")["token"]

    async def ask(self, method: str, path: str, **request: Any) -> Any:
        """The answer's JSON. Raises SampleError with the problem that the exchange named."""
        return _body(await self.send(method, path, **request), f"{method} {path}")

    async def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The answer, whatever it is."""
        answer = await self._send(method, path, request)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            await self.sign_in()
            answer = await self._send(method, path, request)
        return answer

    def identity(self) -> dict[str, str]:
        """The header by which the exchange knows it, until the session ends."""
        return {"Authorization": f"Bearer {self._token}"}

    async def _send(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        headers = self.identity() | request.get("headers", {})
        return await self._client.request(method, path, **request | {"headers": headers})


def _joining(organisation: SampleOrganisation, today: date) -> dict[str, Any]:
    cells = organisation.cells
    stated = {name: cells[name] for name in ("tax_id", "name", "kind", "email", "display_name")}
    licences = [
        {"kind": one["kind"], "number": one["number"], "valid_until": day(one["valid_until"], today)} for one in organisation.licences
    ]
    return stated | {
        "activity": cells["activity"] or None,
        "site": _site(organisation.sites[0]),
        "licences": licences,
        "password": organisation.password,
    }


def _site(cells: Any) -> dict[str, Any]:
    place = {"latitude": float(cells["latitude"]), "longitude": float(cells["longitude"])}
    return {"name": cells["name"], "place_code": cells["place_code"] or None} | place


def _body(answer: httpx.Response, what: str) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    raise SampleError(f"{what}: {answer.status_code} {answer.text[:500]}")
