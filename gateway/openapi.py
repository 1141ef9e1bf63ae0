"""One document of the whole public API (OpenAPI 3.1), merged from what the parts say of themselves."""

from __future__ import annotations

import json
from typing import Any

from gateway.forwarding import Forwarder
from gateway.identity import needs_nobody

PARTS = ("listings", "matching", "notifications")
PROBLEM = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:ayni:problem:invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"field": {"type": "string"}, "message": {"type": "string"}}},
        },
    },
}
PROBLEM_ANSWER = {
    "description": "A problem: what is wrong, and what to change",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
SECURITY = {
    "session": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
METHODS = ("get", "put", "post", "patch", "delete")


async def merged(forwarder: Forwarder, own: dict[str, Any]) -> dict[str, Any]:
    """The document. Raises ValueError where two parts mean different things by one name."""
    documents = [own] + [await _document(forwarder, part) for part in PARTS]
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": PROBLEM}
    for document in documents:
        for path, operations in document["paths"].items():
            paths.setdefault(path, {}).update({name: _finished(path, name, one) for name, one in operations.items()})
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            if schemas.setdefault(name, schema) != schema:
                raise ValueError(f"two parts mean different things by {name}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ayni", "version": "1", "description": "A material exchange: offers, wants, matches that anybody can recompute."},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": SECURITY},
    }


async def _document(forwarder: Forwarder, part: str) -> dict[str, Any]:
    answer = await forwarder.ask(part, "/openapi.json", {})
    found: dict[str, Any] = json.loads(await answer.read())
    return found


def _finished(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    """With the problems that any call may meet, and what signing in it needs."""
    if method not in METHODS:
        return operation
    answers = {status: one for status, one in operation["responses"].items() if status != "422"} | {
        "4XX": PROBLEM_ANSWER,
        "503": PROBLEM_ANSWER,
    }
    is_open = needs_nobody(method.upper(), path) or not path.startswith("/v1/")
    return operation | {"responses": answers, "security": [] if is_open else [{"session": []}, {"key": []}]}
