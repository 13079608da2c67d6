"""The results as a page: docs/benchmarks.md repeats results.json between two markers, and a test holds it to that."""

import json
from pathlib import Path
from typing import Protocol

from benchmarks import (
    accuracy,
    aws_path,
    classroom_videos,
    cold,
    cold_lambda,
    detection_speed,
    elastic,
    embed,
    image_size,
    job_queue,
    photo,
    school_photo,
    school_register,
    search,
    service,
    video,
)
from benchmarks.material import ROOT, Material
from benchmarks.tables import Table, markdown
from benchmarks.timing import Result

RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs" / "benchmarks.md"

_START, _END = "<!-- results -->", "<!-- /results -->"


class Claim(Protocol):
    """What the module of a claim offers."""

    def measure(self, material: Material) -> Result | None:
        """What was measured, ready for JSON; None where the material is not there."""
        ...

    def tables(self, result: Result) -> list[Table]:
        """The same for readers."""
        ...


CLAIMS: dict[str, Claim] = {
    "photo": photo,
    "video": video,
    "cold": cold,
    "cold-start": cold_lambda,
    "image": image_size,
    "embed": embed,
    "detection": detection_speed,
    "search": search,
    "service": service,
    "queue": job_queue,
    "elastic": elastic,
    "classroom": classroom_videos,
    "aws-path": aws_path,
    "roll-call": school_photo,
    "register": school_register,
    "accuracy": accuracy,
}


def results() -> Result | None:
    """What was measured and kept: `machine`, and by name `claims`; None if nothing was yet."""
    if not RESULTS.is_file():
        return None
    content: Result = json.loads(RESULTS.read_text("utf-8"))
    return content


def keep(machine: Result, claims: Result) -> None:
    """Write results to the file and into the page; those of another machine than the page's say so."""
    before = results() or {"machine": machine, "claims": {}}
    if machine != before["machine"]:
        claims = {name: {**entry, "machine": machine} for name, entry in claims.items()}
    merged = {**before["claims"], **claims}
    ordered = {name: merged[name] for name in CLAIMS if name in merged}
    RESULTS.write_text(json.dumps({"machine": before["machine"], "claims": ordered}, indent=1) + "\n", "utf-8")
    update()


def update() -> None:
    """Write the results into the page."""
    PAGE.write_text(filled(PAGE.read_text("utf-8"), results()), "utf-8")


def filled(page: str, content: Result | None) -> str:
    """The page with the results between its markers."""
    head, rest = page.split(_START)
    return f"{head}{_START}\n\n{report(content)}\n{_END}{rest.split(_END)[1]}"


def report(content: Result | None) -> str:
    """Everything measured, as Markdown."""
    if content is None:
        return "Nothing has been measured yet; `make bench` does it.\n"
    claims = content["claims"].items()
    parts = [markdown(table) for name, entry in claims for table in CLAIMS[name].tables(entry["result"])]
    return "\n".join([_machine(content["machine"]), *parts, markdown(_circumstances(content["claims"]))])


def _machine(machine: Result) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return f"{machine['cpu']}, {machine['cores']} cores; Python {machine['python']}; {versions}.\n"


def _circumstances(claims: Result) -> Table:
    rows = [
        (
            name,
            entry["started"],
            f"{entry['seconds']} s",
            " / ".join(f"{load:.2f}" for load in entry["load"]),
            _machine(entry["machine"]).strip() if "machine" in entry else "as above",
        )
        for name, entry in claims.items()
    ]
    note = "Load is the machine's average over one minute; a benchmark that uses both cores ends at about 2 by itself."
    return Table("When", ("claim", "started", "took", "load before / after", "machine"), rows, note)


if __name__ == "__main__":
    update()
