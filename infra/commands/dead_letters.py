"""`ayni dead-letters list|show|replay`: what failed by itself, read and published again, on whichever bus the exchange runs.

Load-bearing: the topics are those of `contracts/topics.py`, so a service that begins to consume is listed without a change here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.topics import TOPICS, dead_letters_of
from infra.commands.command import Arguments, Command, Group, on_loop, settings_of, var_option
from infra.commands.excuses import CannotError
from infra.commands.table import counted, plain, table
from infra.operating.reach import reached
from kit import dead_letters
from kit.bus import Bus, UnknownTopicError
from kit.dead_letters import DeadLetter

PREFIX = dead_letters_of("")
SERVICES = tuple(topic.name.removeprefix(PREFIX) for topic in TOPICS if topic.name.startswith(PREFIX))
CAUSE_WIDTH = 80


@asynccontextmanager
async def _bus(arguments: Arguments) -> AsyncIterator[Bus]:
    async with reached(settings_of(arguments)) as exchange:
        bus = exchange.bus()
        await bus.start()
        try:
            yield bus
        finally:
            await bus.stop()


async def _letters(bus: Bus, service: str) -> list[DeadLetter]:
    try:
        return [one async for one in dead_letters.dead_letters(bus, dead_letters_of(service))]
    except UnknownTopicError as error:
        raise CannotError(f"{error}: bring the exchange up to this release first (`ayni migrate`)") from None


async def _list(arguments: Arguments) -> None:
    async with _bus(arguments) as bus:
        found = [(service, one) for service in arguments.service or SERVICES for one in await _letters(bus, service)]
    shown = [(service, one) for service, one in found if arguments.all or one.replayed is None]
    head = ("service", "position", "time", "from", "key", "replayed", "cause")
    print(table(head, [_row(service, one) for service, one in shown]), end="\n" if shown else "")  # noqa: T201 - for people
    hidden = len(found) - len(shown)
    print(counted(len(shown), "dead letter") + (f", and {hidden} that were replayed (--all)" if hidden else ""))  # noqa: T201 - for people


def _row(service: str, one: DeadLetter) -> tuple[object, ...]:
    source = f"{one.source_topic} {one.source_partition}:{one.source_position}"
    return service, one.position, one.time[:19], source, one.key, (one.replayed or "no")[:19], plain(one.cause.split("\n")[0], CAUSE_WIDTH)


async def _show(arguments: Arguments) -> None:
    async with _bus(arguments) as bus:
        one = _chosen(await _letters(bus, arguments.service), [arguments.position], arguments.service)[0]
    facts = {
        "topic": one.topic,
        "position": one.position,
        "time": one.time,
        "from": f"{one.source_topic}, partition {one.source_partition}, position {one.source_position}",
        "consumer": one.consumer,
        "key": one.key,
        "replayed": one.replayed or "no",
        **one.headers,
    }
    lines = [f"{plain(name)}: {plain(value)}" for name, value in facts.items()]
    cause = "\n".join(f"  {plain(line)}" for line in one.cause.split("\n"))
    print("\n".join([*lines, "cause:", cause, "value:", _value(one.value)]))  # noqa: T201 - for people


def _value(value: bytes) -> str:
    try:
        lines = json.dumps(json.loads(value), indent=2, ensure_ascii=False).split("\n")
    except ValueError:
        return repr(value)
    return "\n".join(plain(line) for line in lines)


async def _replay(arguments: Arguments) -> None:
    if bool(arguments.position) == arguments.all:
        raise CannotError("say which: positions of dead letters, or --all for those that were not replayed yet")
    async with _bus(arguments) as bus:
        found = await _letters(bus, arguments.service)
        fresh = [one for one in found if one.replayed is None]
        chosen = fresh if arguments.all else _chosen(found, arguments.position, arguments.service)
        if strange := [one.position for one in chosen if not one.has_source]:
            raise CannotError(f"nobody knows where {', '.join(map(str, strange))} came from: name the others, none was replayed")
        replayed = await dead_letters.replay(bus, chosen)
    print(f"{counted(replayed, 'dead letter')} of {arguments.service} published again")  # noqa: T201 - for people


def _chosen(found: list[DeadLetter], positions: list[int], service: str) -> list[DeadLetter]:
    by_position = {one.position: one for one in found}
    if missing := [position for position in positions if position not in by_position]:
        raise CannotError(
            f"{service} has no dead letter {', '.join(map(str, missing))}: `ayni dead-letters list --all` shows what there is"
        )
    return [by_position[position] for position in dict.fromkeys(positions)]


def _service(parser: argparse.ArgumentParser) -> None:
    var_option(parser)
    parser.add_argument("service", choices=SERVICES, help="whose consumer failed")


def _list_options(parser: argparse.ArgumentParser) -> None:
    var_option(parser)
    parser.add_argument("--service", choices=SERVICES, action="append", help="only of this one (default: of all)")
    parser.add_argument("--all", action="store_true", help="also those that were replayed")


def _show_options(parser: argparse.ArgumentParser) -> None:
    _service(parser)
    parser.add_argument("position", type=int, help="as the list shows it")


def _replay_options(parser: argparse.ArgumentParser) -> None:
    _service(parser)
    parser.add_argument("position", type=int, nargs="*", help="as the list shows them")
    parser.add_argument("--all", action="store_true", help="all that were not replayed yet")


DEAD_LETTERS = Group(
    "dead-letters",
    "Messages that failed by themselves, kept with their cause.",
    (
        Command("list", "List them, of one service or of all.", _list_options, lambda arguments: on_loop(_list(arguments), "WARNING")),
        Command(
            "show",
            "One of them whole: where it came from, why it failed, what it says.",
            _show_options,
            lambda it: on_loop(_show(it), "WARNING"),
        ),
        Command("replay", "Publish them again where they came from.", _replay_options, lambda it: on_loop(_replay(it), "WARNING")),
    ),
)
