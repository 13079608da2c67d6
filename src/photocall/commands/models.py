"""The models command: which packs there are, where their networks come from, whether they are right."""

import argparse
import math
import re
from dataclasses import asdict
from typing import Any

from photocall.console import counted, failing, fetching, say, say_json
from photocall.engine.downloads import fetch
from photocall.engine.face_engine import FaceEngine
from photocall.engine.packs import DEFAULT_PACK, load_pack, pack_names
from photocall.engine.parts import Pack, Pixels
from photocall.engine.precision import choose_precision, in_chosen_form
from photocall.engine.sources import cache_root, is_present
from photocall.engine.weights import load_weights, verify_weights, weights_place
from photocall.errors import SettingInvalid
from photocall.settings import Settings, load_settings


def models(options: argparse.Namespace) -> int:
    """List, get, build, verify or add networks, or move the class to others."""
    if options.action == "migrate":
        from photocall.commands.migrate import migrate  # loads the database: not for the others

        return migrate(options)
    actions = {"list": _list, "get": _get, "build": _build, "verify": _verify, "add": _add}
    return actions[options.action](options, load_settings(data=options.data, pack=options.pack))


def _list(options: argparse.Namespace, settings: Settings) -> int:
    failures, rows = 0, []
    for name in pack_names(settings.packs):
        with failing() as failed:
            pack = load_pack(name, settings.packs)
            rows += _rows(pack)
            if not options.json:
                _show(pack)
        failures += failed()
    if options.json:
        say_json(rows)
    return failures


def _rows(pack: Pack) -> list[dict[str, object]]:
    return [
        {
            "pack": pack.name,
            "role": file.role,
            "file": file.name,
            "source": file.source,
            "licence": file.licence,
            "bytes": file.bytes,
            "sha256": file.sha256,
            "home": file.home,
            "present": is_present(file),
            "model": pack.model,
            "calibrated": pack.measurement is not None,
        }
        for file in pack.files
    ]


def _show(pack: Pack) -> None:
    known = "not calibrated" if pack.measurement is None else f"calibrated: {pack.measurement.source}"
    default = "default; " if pack.name == DEFAULT_PACK else ""
    say(f"{pack.name}  ({default}model {pack.model}; {known})")
    for file in pack.files:
        missing = "" if is_present(file) else f"; not here yet: photocall models get {pack.name}"
        say(f"  {file.name}  ({file.role}, {file.licence}, {file.bytes:,} bytes{missing})")
        say(f"    from   {file.source}")
        say(f"    sha256 {file.sha256}")


def _get(options: argparse.Namespace, settings: Settings) -> int:
    """Fetch the files that come from an address; those of packages and of the user's own are there already."""
    pack = load_pack(options.name, settings.packs)
    fetched = []
    for file in pack.files:
        if file.url:
            with fetching(f"{file.name} of {pack.name}", file.bytes) as advance:
                if fetch(file, advance):
                    fetched.append(file.name)
    if options.json:
        say_json({"pack": pack.name, "fetched": fetched})
    else:
        say(f"{pack.name}: {counted(len(fetched), 'file')} fetched" if fetched else f"{pack.name}: all there already")
    return 0


def _build(options: argparse.Namespace, settings: Settings) -> int:
    """Convert, measure whether 8-bit integers pay, and load once: what loads is as its pack says."""
    name, cache = _named(options, settings), cache_root()
    pack = load_pack(name, settings.packs)
    load_weights(pack)
    choice = choose_precision(pack.embedder.part, cache, options.precision)
    FaceEngine(pack=name, packs_file=settings.packs).close()
    places = [str(weights_place(part, cache)) for part in in_chosen_form(pack, cache).parts]
    if options.json:
        say_json({"pack": name, "place": str(cache), "parts": places, **asdict(choice)})
        return 0
    for place in places:
        say(f"{name}: {place}")
    measured = "" if choice.speedup is None else f"; int8 takes 1/{choice.speedup} of the time of fp32 here"
    say(f"{name}: faces are embedded in {choice.precision}{measured}")
    return 0


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    name = _named(options, settings)
    problems = verify_weights(in_chosen_form(load_pack(name, settings.packs), cache_root()))
    if options.json:
        say_json({"pack": name, "problems": problems})
    else:
        for line in problems or [f"{name}: every file is the one that its checksum names"]:
            say(line)
    return len(problems)


def _add(options: argparse.Namespace, settings: Settings) -> int:
    """Write an entry for a user's own files, what they are found out from the files as far as that can be."""
    from photocall.engine.own_packs import detector_entries, embedder_entries, write_pack  # loads onnx

    if not (options.detector or options.embedder):
        raise SettingInvalid("models add", "nothing to add; give --detector FILE, --embedder FILE or both")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", options.name):
        raise SettingInvalid("models add", f"{options.name!r} is no name for a pack; use letters, digits, - and _")
    parts: dict[str, dict[str, Any]] = {part: {"like": options.like} for part in ("detector", "landmarks")}
    if options.detector:
        parts["detector"] = detector_entries(options.detector, options.licence, options.detector_layout)
    if options.embedder:
        pixels = Pixels("nchw", options.colour, _three("--mean", options.mean), _three("--scale", options.scale))
        embedder, embeddings = embedder_entries(options.embedder, options.licence, pixels, options.flip)
        parts |= {"embedder": embedder, "embeddings": embeddings}
    else:
        parts |= {part: {"like": options.like} for part in ("embedder", "embeddings", "calibration")}
    if load_pack(options.like).landmarks is None or parts["embedder"].get("alignment") == "arcface":
        del parts["landmarks"]
    write_pack(settings.own_packs, options.name, parts)
    if options.json:
        say_json({"pack": options.name, "file": str(settings.own_packs), "parts": parts})
    else:
        say(f"{options.name}: written to {settings.own_packs}; photocall models build {options.name} tries it")
        for part, entries in parts.items():
            shown = {key: value for key, value in entries.items() if key not in ("sha256", "bytes", "licence")}
            say(f"  {part}: {', '.join(f'{key} {value}' for key, value in shown.items())}")
    return 0


def _three(option: str, text: str) -> tuple[float, float, float]:
    """Three numbers, or one for all."""
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise SettingInvalid(option, f"{text!r} is not allowed; give a number, or three with commas between")
    return numbers[0], numbers[1], numbers[2]


def _named(options: argparse.Namespace, settings: Settings) -> str:
    return options.name or settings.pack or DEFAULT_PACK
