"""Whom to call, once both have agreed: asked of listings for each answer, never kept, never in an event."""

from __future__ import annotations

import json
from typing import Any

from gateway.identity import lines_of
from kit.forwarding import Part, PartRequest
from kit.identity import Caller
from kit.problems import Unavailable

AGREED = b'"agreed"'


async def with_contacts(listings: Part, headers: dict[str, str], body: bytes, caller: Caller) -> bytes:
    """The answer with the other side's contact in each agreed match; untouched, and not even parsed, where there is none. Raises 503."""
    if AGREED not in body:
        return body
    found: dict[str, Any] = json.loads(body)
    agreed = [match for match in found.get("items", [found]) if match.get("state") == "agreed" and match.get("deal_id")]
    if not agreed:
        return body
    query = {"organisation_id": str(caller.organisation_id), "deal_ids": [match["deal_id"] for match in agreed]}
    lines = lines_of(headers | {"content-type": "application/json"})
    answer = await listings.call(PartRequest("POST", "/internal/contacts", headers=lines, body=json.dumps(query).encode()))
    said = await answer.read()
    if answer.status != 200:
        raise Unavailable("the contact of an agreed match cannot be looked up; try again in a moment")
    contacts = json.loads(said)["contacts"]
    for match in agreed:
        match["contact"] = contacts.get(match["deal_id"])
    return json.dumps(found, ensure_ascii=False).encode()
