"""`ayni import`: a spreadsheet of offers or wants to an exchange, over its public API, with an API key."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from infra.commands.cannot import CannotError
from infra.commands.command import Arguments, Command, on_loop, settings_of, var_option
from infra.commands.running import running_url
from infra.commands.table import plain, table
from infra.spreadsheets.progress import shown
from infra.spreadsheets.settings import SenderSettings
from infra.spreadsheets.upload import TIMEOUT, UNKNOWN_OUTCOME, Upload, UploadError, send

HEAD = ("line", "column", "what to change")
HOW_TO_SAY_WHO = "an API key with the scope listings:write (POST /v1/api-keys makes one)"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("side", choices=("offers", "wants"), help="what the lines are")
    parser.add_argument("file", type=Path, help="a CSV file in UTF-8; GET /v1/offers/import/template gives one to begin with")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, and write nothing")
    parser.add_argument("--url", help="the exchange's address (AYNI_URL; default: the one that runs in the folder)")
    parser.add_argument("--key-file", type=Path, help=f"a file that holds {HOW_TO_SAY_WHO}; default: AYNI_KEY")
    var_option(parser)


def _run(arguments: Arguments) -> None:
    """Raises CannotError, also where lines were rejected."""
    settings = SenderSettings()
    url = arguments.url or settings.url or running_url(settings_of(arguments))
    headers = _credentials(arguments.key_file, settings)
    try:
        with arguments.file.open("rb") as file:
            upload = Upload(file, arguments.file.stat().st_size)
            on_loop(_import(url, headers, arguments, upload), "WARNING")
    except KeyboardInterrupt:
        raise CannotError(f"stopped: {UNKNOWN_OUTCOME}") from None
    except UploadError as error:
        raise CannotError(plain(error)) from None
    except OSError as error:
        raise CannotError(f"{plain(arguments.file)} cannot be read: {error.strerror}") from None


def _credentials(key_file: Path | None, settings: SenderSettings) -> Mapping[str, str]:
    """Raises CannotError where nobody says who sends."""
    if key_file is not None:
        return {"X-API-Key": _word(_content(key_file), plain(key_file))}
    if settings.key is not None:
        return {"X-API-Key": _word(settings.key.get_secret_value(), "AYNI_KEY")}
    if settings.token is not None:
        return {"Authorization": f"Bearer {_word(settings.token.get_secret_value(), 'AYNI_TOKEN')}"}
    raise CannotError(f"say who sends: put {HOW_TO_SAY_WHO} into the environment variable AYNI_KEY, or into a file for --key-file")


def _content(key_file: Path) -> str:
    try:
        return key_file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotError(f"{plain(key_file)} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None


def _word(said: str, where: str) -> str:
    """A credential is one word of visible ASCII. Raises CannotError, without saying what was there instead."""
    if not re.fullmatch(r"[\x21-\x7e]{1,4000}", word := said.strip()):
        raise CannotError(f"{where} holds no key: put {HOW_TO_SAY_WHO} there, and nothing else")
    return word


async def _import(url: str, headers: Mapping[str, str], arguments: Arguments, upload: Upload) -> None:
    report = await _sent(url, headers, arguments, upload)
    print(_said(report, arguments.dry_run))  # noqa: T201 - for people
    if rejected := len(report["rejected"]):
        lines = "line was" if rejected == 1 else "lines were"
        raise CannotError(f"{rejected:,} {lines} rejected: change what the table says, and import the file again")


async def _sent(url: str, headers: Mapping[str, str], arguments: Arguments, upload: Upload) -> Mapping[str, Any]:
    name = plain(arguments.file.name, 40)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT) as client, shown(upload, name):
        return await send(client, arguments.side, upload, arguments.dry_run)


def _said(report: Mapping[str, Any], is_trial: bool) -> str:
    """The counts, and a row an error."""
    rows = [(one["line"], error["field"], error["message"]) for one in report["rejected"] for error in one["errors"]]
    counts = f"{report['created']:,} created, {report['updated']:,} updated, {len(report['rejected']):,} rejected"
    told = f"A dry run, nothing was written: {counts}" if is_trial else counts
    return "\n".join(filter(None, (table(HEAD, rows), told)))


IMPORTING = Command("import", "Send a spreadsheet of offers or wants to an exchange.", _options, _run)
