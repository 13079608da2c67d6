"""Events of AWS, as its services send them (tests/events)."""

import json
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).with_name("events")


def recorded(name: str) -> Any:
    """The event of a name, such as s3_put."""
    return json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
