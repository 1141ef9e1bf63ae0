"""`ayni demo`: a day of the market, played against a running exchange."""

from __future__ import annotations

import argparse

import httpx

from infra.commands.command import Arguments, Command, on_loop, settings_of, var_option
from infra.commands.excuses import CannotError
from infra.commands.running import running_url
from infra.embedded.exchange import ended_by_signals
from infra.sample.day.play import play_day

SPEED = 720.0  # twelve hours in a minute


def _speed(written: str) -> float:
    speed = float(written)
    if not 1 <= speed <= 1_000_000:
        raise ValueError
    return speed


def _options(parser: argparse.ArgumentParser) -> None:
    var_option(parser)
    parser.add_argument("--url", help="the exchange's address (default: the one that runs in the folder)")
    parser.add_argument(
        "--speed", type=_speed, default=SPEED, help=f"how many times faster than life, from 1 to 1000000 (default: {SPEED:g})"
    )


def _run(arguments: Arguments) -> None:
    url = arguments.url or running_url(settings_of(arguments))
    on_loop(_play(url, arguments.speed))


async def _play(url: str, speed: float) -> None:
    """Until the day is over, or a signal ends it."""
    print(f"A day of the market at {url}, {speed:g} times as fast as life.", flush=True)  # noqa: T201 - for people
    with ended_by_signals():
        try:
            await play_day(url, speed, lambda line: print(line, flush=True))  # noqa: T201 - for people
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise CannotError(f"{url} does not answer: {error!r}") from error


DEMO = Command("demo", "Play a day of the market against a running exchange.", _options, _run)
