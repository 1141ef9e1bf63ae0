"""10,000 lines of a spreadsheet through the public door of an embedded exchange, all parts running; the bar is 2,500 rows/s.

Beside it, on the same machine in the same run: the same listings posted one by one by four clients, as somebody without the import would
send them, and the same figures into a bare table by COPY, which is what the database alone could take.
"""

from __future__ import annotations

import asyncio
import csv
import io
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random

import asyncpg
import httpx

from services.listings.spreadsheet import COLUMNS, SideName
from tests.bench.report import Row, report
from tests.e2e.people import Member, join
from tests.e2e.running import Exchange
from tests.patience import until

LINES, POSTED, CLIENTS = 10_000, 400, 4
BAR_PER_SECOND = 2_500
TOLD = """
    select not exists (select from listings.outbox o where not exists (select from notifications.feed f where f.event_id = o.event_id))
       and not exists (select from listings.offers l left join matching.standing s on s.listing_id = l.id
                       where l.state <> 'draft' and s.version is distinct from l.version)
"""
FACTS = ("own_process_by_product", "directly_usable", "post_consumer", "same_process", "ancillary_activity", "mixed_with_hazardous")


def offer_cells(random: Random, number: int, codes: Sequence[str]) -> dict[str, str]:
    price = f"{random.uniform(-50, 900):.2f}"
    return {
        "external_id": f"A-{number}",
        "site": "Planta",
        "material": random.choice(codes),
        "title": f"Lote {number}, limpio y seco",
        "description": "En fardos de 20 kg; se recoge de lunes a viernes",
        "quantity_amount": str(random.randint(100, 20_000)),
        "quantity_unit": "kg",
        "rhythm": random.choice(("one_off", "recurring")),
        "price_amount": price,
        "price_per": "t",
        "grade": random.choice("ABCD"),
        "available_until": f"2029-12-{random.randint(1, 31):02}",
        "publish": "si",
    } | dict.fromkeys(FACTS, "no")


def want_cells(random: Random, number: int, codes: Sequence[str]) -> dict[str, str]:
    return {
        "external_id": f"W-{number}",
        "site": "Planta",
        "accepts": f"{random.choice(codes)}=0.8",
        "title": f"Busco el lote {number}",
        "description": "En fardos; recojo de lunes a viernes",
        "minimum_amount": str(random.randint(100, 20_000)),
        "minimum_unit": "kg",
        "maximum_amount": "30000",
        "maximum_unit": "kg",
        "accept_partial": "si",
        "radius_km": str(random.randint(5, 300)),
        "max_price_amount": f"{random.uniform(50, 900):.2f}",
        "max_price_per": "t",
        "min_grade": random.choice("BCD"),
        "publish": "si",
    }


CELLS: dict[SideName, Callable[[Random, int, Sequence[str]], dict[str, str]]] = {"offer": offer_cells, "want": want_cells}


def sheet(side: SideName, codes: Sequence[str], **changes: str) -> bytes:
    random, text = Random(1), io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS[side])
    writer.writeheader()
    writer.writerows(CELLS[side](random, number, codes) | changes for number in range(LINES))
    return text.getvalue().encode()


def send(member: Member, side: SideName, content: bytes, expected: dict[str, int], **query: str) -> float:
    """Seconds. The report must be the expected one."""
    begin = time.perf_counter()
    answer = member.call("POST", f"/v1/{side}s/import", content=content, headers={"Content-Type": "text/csv"}, params=query, timeout=300)
    seconds = time.perf_counter() - begin
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"created": 0, "updated": 0, "rejected": []} | expected, answer.text[:500]
    return seconds


def post_one_by_one(member: Member, codes: Sequence[str]) -> float:
    """Seconds for POSTED offers by CLIENTS at once."""
    random = Random(2)
    cells = [offer_cells(random, number, codes) for number in range(POSTED)]
    bodies = [
        {"material": one["material"], "title": one["title"], "description": one["description"], "publish": True}
        | {"quantity": {"amount": one["quantity_amount"], "unit": "kg"}, "price": {"amount": one["price_amount"], "per": "t"}}
        | {"grade": one["grade"], "rhythm": one["rhythm"], "facts": dict.fromkeys(FACTS, False)}
        for one in cells
    ]
    begin = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda body: member.post("/v1/offers", body), bodies))
    return time.perf_counter() - begin


async def copy_bare(dsn: str, codes: Sequence[str]) -> float:
    """Seconds for LINES rows of text into a table without a rule."""
    random = Random(1)
    rows = [tuple(offer_cells(random, number, codes).values()) for number in range(LINES)]
    columns = [f"c{number}" for number in range(len(rows[0]))]
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"create temporary table bare ({', '.join(f'{one} text' for one in columns)})")
        begin = time.perf_counter()
        await connection.copy_records_to_table("bare", records=rows, columns=columns)
        return time.perf_counter() - begin
    finally:
        await connection.close()


def row(engine: str, n: int, seconds: float, note: str) -> Row:
    return {"bench": "import", "engine": engine, "n": n, "per_second": n / seconds, "note": f"{seconds:.2f} s; {note}"}


def is_told(dsn: str) -> bool:
    """Whether matching and the feed have all that was imported before: they work in the same process."""

    async def ask() -> bool:
        connection = await asyncpg.connect(dsn)
        try:
            return bool(await connection.fetchval(TOLD))
        finally:
            await connection.close()

    return asyncio.run(ask())


@contextmanager
def embedded() -> Iterator[tuple[Exchange, httpx.Client]]:
    folder = Path(tempfile.mkdtemp(prefix="ayni-bench-"))
    folder.chmod(0o755)
    exchange = Exchange(folder)
    try:
        with exchange.start() as http:
            yield exchange, http
    finally:
        exchange.stop()
        shutil.rmtree(folder)


def measure() -> list[Row]:
    """All rows; a ratio is how many times more rows a second."""
    with embedded() as (exchange, http):
        codes = [one["code"] for one in http.get("/v1/materials", params={"limit": 100}).json()["items"]]
        rows = [row("COPY, bare table", LINES, asyncio.run(copy_bare(exchange.running["database"], codes)), "no rule, no event, no answer")]
        rows.append(row("POST, one by one", POSTED, post_one_by_one(join(http), codes), f"{CLIENTS} clients, published"))
        offers, wants = (sheet("offer", codes), sheet("want", codes))
        holder, seeker = join(http), join(http)
        imports = (
            ("offers, dry run", holder, "offer", offers, {"created": LINES}, {"dry_run": "true"}),
            ("offers, published", holder, "offer", offers, {"created": LINES}, {}),
            ("offers, unchanged", holder, "offer", offers, {}, {}),
            ("offers, all changed", holder, "offer", sheet("offer", codes, description="Otro"), {"updated": LINES}, {}),
            ("wants, published", seeker, "want", wants, {"created": LINES}, {}),
        )
        for name, member, side, content, expected, query in imports:
            until(lambda: is_told(exchange.running["database"]), "what was imported before is told", 300)
            note = f"{len(content):,} bytes, bar {BAR_PER_SECOND:,}"
            one = row(name, LINES, send(member, side, content, expected, **query), note)  # type: ignore[arg-type]
            rows.append(one | {"ratio_to": {other["engine"]: one["per_second"] / other["per_second"] for other in rows[:2]}})
    return rows


def test_bench_import() -> None:
    rows = measure()
    report(rows)
    assert rows
