"""One document of the whole public API (OpenAPI 3.1), merged from what the parts say of themselves, and the page that shows it."""

from __future__ import annotations

import json
from typing import Any

from gateway.forwarding import Forwarder
from gateway.identity import needs_nobody
from kit.problems import Unavailable

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
FASTAPIS_OWN = frozenset({"HTTPValidationError", "ValidationError"})  # our 422 is a Problem
REFERENCE = "#/components/schemas/"
Document = dict[str, Any]

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ayni API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
# The bundled Swagger UI 4 refuses to draw a document that calls itself 3.1; of what sets 3.1 apart ours has only what it draws as it is.
START = """fetch("/openapi.json")
  .then((answer) => answer.json())
  .then((spec) => SwaggerUIBundle({ spec: { ...spec, openapi: "3.0.3" }, dom_id: "#swagger-ui", deepLinking: true }));
"""
PAGE_MAY_LOAD = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def merged(forwarder: Forwarder, own: Document) -> Document:
    """The document. Raises 503 where a part does not describe itself."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": PROBLEM}
    documents = {part: await _document(forwarder, part) for part in PARTS} | {"gateway": own}
    for part, document in documents.items():
        found = distinct(document, schemas, part)
        schemas |= found.get("components", {}).get("schemas", {})
        for path, operations in found["paths"].items():
            if not path.startswith("/internal"):
                paths[path] = {name: _finished(path, name, one) for name, one in operations.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ayni", "version": "1", "description": "A material exchange: offers, wants, matches that anybody can recompute."},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": SECURITY},
    }


async def _document(forwarder: Forwarder, part: str) -> Document:
    status, said = await forwarder.ask(part, "/openapi.json", {})
    if status != 200:
        raise Unavailable(f"{part} does not describe itself yet; try again in a moment")
    found: Document = json.loads(said)
    return found


def distinct(document: Document, known: dict[str, Any], part: str) -> Document:
    """The document with those of its schemas renamed that another part means something else by, and without FastAPI's own."""
    own = {name: one for name, one in document.get("components", {}).get("schemas", {}).items() if name not in FASTAPIS_OWN}
    names = {name: f"{part.capitalize()}{name}" for name, one in own.items() if known.get(name, one) != one}
    schemas = {names.get(name, name): one for name, one in own.items()}
    renamed: Document = _renamed({"paths": document["paths"], "components": {"schemas": schemas}}, names)
    return renamed


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """The same with every reference to a schema of an old name leading to the new one."""
    if isinstance(value, list):
        return [_renamed(one, names) for one in value]
    if isinstance(value, dict):
        return {key: _renamed(one, names) for key, one in value.items()}
    if isinstance(value, str) and value.startswith(REFERENCE):
        name = value.removeprefix(REFERENCE)
        return REFERENCE + names.get(name, name)
    return value


def _finished(path: str, method: str, operation: Document) -> Document:
    """With the problems that any call may meet, and what signing in it needs."""
    if method not in METHODS:
        return operation
    answers = {status: one for status, one in operation["responses"].items() if status != "422"} | {
        "4XX": PROBLEM_ANSWER,
        "503": PROBLEM_ANSWER,
    }
    is_open = needs_nobody(method.upper(), path)
    return operation | {"responses": answers, "security": [] if is_open else [{"session": []}, {"key": []}]}
