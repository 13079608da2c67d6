"""Prices: an editable file of entries with units and tiers, and what an amount costs.

The file that comes with photocall is `prices.toml`; `photocall plan --prices FILE` takes another.
"""

import datetime as dt
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from photocall.errors import SettingInvalid
from photocall.media.files import read_file, reason

SHIPPED = Path(__file__).with_name("prices.toml")

UNITS = {
    "lambda.requests": "million requests",
    "lambda.x86_64": "GB-second",
    "lambda.arm64": "GB-second",
    "api_gateway.requests": "million requests",
    "sqs.requests": "million requests",
    "s3.storage": "GB-month",
    "s3.puts": "thousand requests",
    "s3.gets": "thousand requests",
    "dynamodb.reads": "million request units",
    "dynamodb.storage": "GB-month",
    "dynamodb.backup": "GB-month",
    "logs.ingested": "GB",
    "fargate.x86_64_processor": "vCPU-hour",
    "fargate.x86_64_memory": "GB-hour",
    "fargate.arm64_processor": "vCPU-hour",
    "fargate.arm64_memory": "GB-hour",
    "fargate.spot": "on-demand dollar",
    "machine.x86_64": "hour",
    "machine.arm64": "hour",
    "machine.disk": "GB-month",
    "network.address": "hour",
    "rekognition.images": "thousand images",
    "rekognition.videos": "minute",
    "rekognition.faces": "thousand faces",
}
"""Every entry that there must be, and the unit that its price is for."""

MOST = 1e6
"""US dollars a unit; a price beyond it is a slip of the pen."""

MOST_BYTES = 2**20
"""Of a file of prices."""

_MULTIPLES = {"million": 1e6, "thousand": 1e3}
_SECTIONS = {name.partition(".")[0] for name in UNITS}
_HEAD = {"date", "region", "how", "free_tier"}


@dataclass(frozen=True, slots=True)
class Tier:
    """A price for the first units, or for those after the tier before.

    Attributes:
        usd: a unit.
        first: how many units; infinite for the last tier.
    """

    usd: float
    first: float = math.inf


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of one day and one region.

    Attributes:
        date: of the prices.
        region: of AWS.
        how: where they come from.
        tiers: of each entry of `UNITS`.
        what: is bought, of entries that say so.
        free: units of an entry that cost nothing.
    """

    date: dt.date
    region: str
    how: str
    tiers: Mapping[str, tuple[Tier, ...]]
    what: Mapping[str, str]
    free: Mapping[str, float]

    def cost(self, name: str, amount: float) -> float:
        """US dollars for an amount: of requests, images and faces themselves, not of thousands or millions of them.

        Args:
            name: of the entry, such as "lambda.requests".
            amount: 0 or more.
        """
        left = max(0.0, amount / _MULTIPLES.get(UNITS[name].partition(" ")[0], 1) - self.free.get(name, 0))
        total = 0.0
        for tier in self.tiers[name]:
            taken = min(left, tier.first)
            total += taken * tier.usd
            left -= taken
        return total


def read_prices(path: Path | None = None, *, free_tier: bool = False) -> Prices:
    """The prices of a file; of those that come with photocall without one.

    Args:
        path: of a TOML file in the layout of `prices.toml`.
        free_tier: whether what costs nothing is taken off.

    Raises:
        SettingInvalid: the file is no such thing; the reason names the entry.
    """
    source = str(path or SHIPPED)
    try:
        table = tomllib.loads(read_file(path or SHIPPED, MOST_BYTES).decode())
    except OSError as error:
        raise SettingInvalid("--prices", f"{source}: {reason(error)}") from error
    except ValueError as error:
        raise SettingInvalid("--prices", f"{source} is not TOML: {error}") from error
    try:
        return _prices(table, free_tier=free_tier)
    except ValueError as error:
        raise SettingInvalid("--prices", f"{source}: {error}") from error


def _prices(table: dict[str, Any], *, free_tier: bool) -> Prices:
    date, region, how = (table.get(key) for key in ("date", "region", "how"))
    if not isinstance(date, dt.date) or not isinstance(region, str) or not isinstance(how, str):
        raise ValueError('it must begin with date = 2026-11-22, region = "..." and how = "..."')
    entries = dict(_entries(table))
    if missing := sorted(UNITS.keys() - entries.keys()):
        raise ValueError(f"no price for {', '.join(missing)}")
    tiers = {name: _tiers(name, entry) for name, entry in entries.items()}
    what = {name: str(entry["what"]) for name, entry in entries.items() if "what" in entry}
    return Prices(date, region, how, tiers, what, _free(table.get("free_tier", {})) if free_tier else {})


def _entries(table: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every entry by its full name; what is none is refused, since it may be a price that is spelt wrong."""
    for section, entries in table.items():
        if section in _HEAD:
            continue
        if section not in _SECTIONS or not isinstance(entries, dict):
            raise ValueError(f"[{section}] is no section{_instead(section, _SECTIONS)}")
        for key, entry in entries.items():
            name = f"{section}.{key}"
            if key == "source":
                continue
            if name not in UNITS:
                raise ValueError(f"{name} is no price{_instead(name, UNITS)}")
            yield name, entry


def _tiers(name: str, entry: Any) -> tuple[Tier, ...]:
    listed = entry if isinstance(entry, list) else [entry]
    tiers = tuple(_tier(name, one, last=number == len(listed)) for number, one in enumerate(listed, start=1))
    if not tiers:
        raise ValueError(f"{name} has no tier")
    return tiers


def _tier(name: str, entry: Any, *, last: bool) -> Tier:
    allowed = {"usd", "per", "what"} if last else {"usd", "per", "what", "first"}
    if not isinstance(entry, dict) or not {"usd", "per"} <= entry.keys():
        raise ValueError(f'{name} must be {{ usd = PRICE, per = "{UNITS[name]}" }}')
    if unknown := sorted(entry.keys() - allowed):
        raise ValueError(f"{name} has {', '.join(unknown)}, which {'the last tier' if last else 'a tier'} has not")
    if entry["per"] != UNITS[name]:
        raise ValueError(f"{name} is per {entry['per']!r}; give it per {UNITS[name]!r}")
    usd = _number(f"{name}: usd", entry["usd"], MOST)
    if last:
        return Tier(usd)
    if "first" not in entry:
        raise ValueError(f"{name}: every tier but the last needs first = UNITS")
    return Tier(usd, _number(f"{name}: first", entry["first"], math.inf))


def _free(table: Any) -> dict[str, float]:
    if not isinstance(table, dict):
        raise ValueError("[free_tier] must be a table")
    for name in table.keys() - UNITS.keys():
        raise ValueError(f"[free_tier] {name} is no price{_instead(name, UNITS)}")
    return {name: _number(f"free_tier: {name}", units, math.inf) for name, units in table.items()}


def _number(what: str, value: Any, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most or math.isinf(value):
        limit = "" if math.isinf(most) else f" to {most:,.0f}"
        raise ValueError(f"{what} = {value!r} is not allowed; give a number from 0{limit}")
    return float(value)


def _instead(word: str, known: Iterable[str]) -> str:
    """What was probably meant."""
    near = get_close_matches(word, known, 1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(known))}"
