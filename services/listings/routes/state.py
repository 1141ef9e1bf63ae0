"""What the routes of listings find in their app: the rules, the tokens, the sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from kit.database import Sessions
from kit.identity import Caller, needs
from kit.tokens import Tokens
from services.listings.rules import Rules


async def _rules(request: Request) -> Rules:
    rules: Rules = request.app.state.rules
    return rules


async def _tokens(request: Request) -> Tokens:
    tokens: Tokens = request.app.state.tokens
    return tokens


async def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


TheRules = Annotated[Rules, Depends(_rules)]
TheTokens = Annotated[Tokens, Depends(_tokens)]
TheSessions = Annotated[Sessions, Depends(_sessions)]
Reader = Annotated[Caller, Depends(needs("listings:read"))]
Writer = Annotated[Caller, Depends(needs("listings:write"))]
Person = Annotated[Caller, Depends(needs("session"))]
