"""The models command: where the networks come from, and whether they are what they should be."""

import argparse

from photocall.console import say, say_json
from photocall.engine.face_engine import DEFAULT_PACK
from photocall.engine.packs import Pack, load_pack
from photocall.engine.weights import load_weights, verify_weights


def models(options: argparse.Namespace) -> int:
    """List, build or verify the networks."""
    actions = {"list": _list, "build": _build, "verify": _verify}
    return actions[options.action](load_pack(DEFAULT_PACK), options.json)


def _list(pack: Pack, as_json: bool) -> int:
    rows = [
        {
            "pack": pack.name,
            "role": file.role,
            "file": file.name,
            "source": file.package,
            "licence": file.licence,
            "bytes": file.bytes,
            "sha256": file.sha256,
        }
        for file in pack.files
    ]
    if as_json:
        say_json(rows)
        return 0
    for row in rows:
        say(f"{row['file']}  ({row['pack']}, {row['role']}, {row['licence']}, {row['bytes']:,} bytes)")
        say(f"  from   {row['source']}")
        say(f"  sha256 {row['sha256']}")
    return 0


def _build(pack: Pack, as_json: bool) -> int:
    place = str(load_weights(pack).embedder.parent)
    if as_json:
        say_json({"pack": pack.name, "place": place})
    else:
        say(f"{pack.name}: {place}")
    return 0


def _verify(pack: Pack, as_json: bool) -> int:
    problems = verify_weights(pack)
    if as_json:
        say_json({"pack": pack.name, "problems": problems})
    else:
        for line in problems or [f"{pack.name}: every file is the one that its checksum names"]:
            say(line)
    return len(problems)
