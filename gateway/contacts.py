"""Whom to call, once both have agreed: asked of listings for each answer, never kept, never in an event."""

from __future__ import annotations

import json
from typing import Any

from gateway.identity import Identified
from kit.forwarding import Part, PartRequest

AGREED = b'"agreed"'


async def with_contacts(listings: Part, headers: dict[str, str], body: bytes, who: Identified) -> bytes:
    """The answer with the other side's contact in each agreed match; untouched where there is none."""
    if AGREED not in body or who.caller is None:
        return body
    found: dict[str, Any] = json.loads(body)
    agreed = [match for match in found.get("items", [found]) if match.get("state") == "agreed" and match.get("deal_id")]
    if not agreed:
        return body
    query = {"organisation_id": str(who.caller.organisation_id), "deal_ids": [match["deal_id"] for match in agreed]}
    lines = [(name.encode(), value.encode("latin-1")) for name, value in ({"content-type": "application/json"} | headers).items()]
    answer = await listings.call(PartRequest("POST", "/internal/contacts", headers=lines, body=json.dumps(query).encode()))
    contacts = json.loads(await answer.read()).get("contacts", {})
    for match in agreed:
        match["contact"] = contacts.get(match["deal_id"])
    return json.dumps(found, ensure_ascii=False).encode()
