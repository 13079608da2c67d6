"""Model packs by name: those that come with photocall, and those of a user's own file of the same layout.

`packs.toml` says which networks work together, where their files come from, under which licence, how to feed them and
what distances between their embeddings mean. Nothing here touches the files of networks; `weights.py` does.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from photocall.calibration import Calibration
from photocall.engine.entries import Entries
from photocall.engine.parts import DetectorPart, EmbedderPart, Measurement, Pack, Part, Pixels, SourceFile
from photocall.errors import WeightsInvalid
from photocall.media.files import read_file, reason
from photocall.metric import Metric

DEFAULT_PACK = "standard"
"""The pack that is used where nobody names one."""

DLIB_PACK = "dlib-mtcnn"
"""The pack whose vectors are those of the face_recognition library: dlib's, nothing averaged or scaled."""

MAX_MODEL_BYTES = 1 << 30
"""The largest file of a network that is ever read: 1 GiB; the largest face networks in use take a quarter of it."""

DETECTORS = {"mtcnn": ("pnet", "rnet", "onet"), "yunet": ("detector",), "scrfd": ("detector",)}
"""Layouts of detectors, and the networks that each is made of."""

EMBEDDERS = ("dlib", "nchw", "nhwc")
"""Layouts of embedders: dlib's own file, or ONNX with the channels first or last."""

ALIGNMENTS = ("dlib", "arcface")
METRICS = ("euclidean", "cosine")
COLOURS = ("rgb", "bgr")

_SHIPPED = Path(__file__).with_name("packs.toml")
_MAX_DIMENSION = 4096  # eight times the longest embedding of face networks in use
_MAX_PACKS_BYTES = 1 << 20
_MAX_SIDE = 16384  # pixels
_DLIB_LIMITS = 29  # convolutions of dlib's face network, each followed by a ReLU
_DLIB_SUMS = 28  # lowest and highest value of the 14 convolutions that are added to something before their ReLU
_SOURCE = ("package", "path", "file", "url", "home", "licence", "sha256", "bytes")
_PIXELS = ("colour", "mean", "scale")


def pack_names(packs_file: Path | None = None) -> list[str]:
    """Every pack that `load_pack` knows: those that come with photocall, then the user's own.

    Raises:
        WeightsInvalid: the user's file cannot be read, or is no list of packs.
    """
    return list(_tables(packs_file))


def load_pack(name: str, packs_file: Path | None = None) -> Pack:
    """The pack of that name.

    Args:
        name: of a pack that comes with photocall, or of one in `packs_file`.
        packs_file: the user's own packs.

    Raises:
        WeightsInvalid: there is none, or its entry is incomplete, or the user's file cannot be read.
    """
    return _find_pack(name, _tables(packs_file), packs_file)


def check_pack(name: str, packs_file: Path, text: str) -> None:
    """Raise `WeightsInvalid` if `load_pack` would not load the pack when `text` stood in the user's file."""
    _find_pack(name, _with_shipped(_parsed(text, packs_file), packs_file), packs_file)


def _find_pack(name: str, tables: Mapping[str, Any], packs_file: Path | None) -> Pack:
    if name not in tables:
        raise _invalid(name, f"there is no such pack; there is {', '.join(tables)}")
    base = packs_file.parent if packs_file else _SHIPPED.parent
    return read_pack(name, _resolved(name, tables[name], _read(_SHIPPED)), base)


def pack_of_model(model: str, packs_file: Path | None = None) -> str | None:
    """The first pack whose embeddings are of that model, the default one first; None if there is none.

    Raises:
        WeightsInvalid: the user's file cannot be read, or is no list of packs. A wrong entry in it is passed over.
    """
    for name in sorted(pack_names(packs_file), key=lambda name: name != DEFAULT_PACK):
        try:
            if load_pack(name, packs_file).model == model:
                return name
        except WeightsInvalid:
            continue
    return None


def read_pack(name: str, table: Mapping[str, Any], base: Path) -> Pack:
    """The pack that a table describes; `load_pack` has resolved every `like` in it.

    Args:
        name: of the pack.
        table: its entries.
        base: the directory that relative paths of files start from.

    Raises:
        WeightsInvalid: an entry is missing or not of its kind; a part without a licence is refused like any other.
    """
    entries = Entries(f"model pack {name!r}", table)
    entries.only("detector", "landmarks", "embedder", "embeddings", "calibration")
    embedder = _embedder(name, entries.table("embedder"), base)
    embeddings = entries.table("embeddings")
    embeddings.only("model", "dimension", "metric", "hubness", "scatter")
    dimension = embeddings.whole("dimension", _MAX_DIMENSION)
    return Pack(
        name=name,
        detector=_detector(name, entries.table("detector"), base),
        landmarks=_landmarks(name, entries.table("landmarks"), base) if embedder.alignment == "dlib" else None,
        embedder=embedder,
        model=embeddings.text("model"),
        dimension=dimension,
        unit_length=embeddings.choice("metric", METRICS) == "cosine",
        metric=_metric(embeddings, dimension),
        measurement=_measurement(entries.table("calibration")) if "calibration" in table else None,
    )


def _detector(pack: str, part: Entries, base: Path) -> DetectorPart:
    layout = part.choice("layout", tuple(DETECTORS))
    if layout == "mtcnn":
        part.only("layout", "package", "home", "licence", "files")
        files = [
            _source(pack, "detector", file, part, part.table("files").table(file), base) for file in DETECTORS[layout]
        ]
        return DetectorPart(layout, Part("mtcnn", tuple(files)))
    part.only("layout", "threshold", "long_side", *_PIXELS, *_SOURCE)
    file = _source(pack, "detector", "detector", part, part, base)
    return DetectorPart(
        layout,
        Part("detector", (file,), _pixels(part, "nchw")),
        part.number("threshold", 0, 1),
        part.whole("long_side", _MAX_SIDE),
    )


def _landmarks(pack: str, part: Entries, base: Path) -> Part:
    part.only(*_SOURCE)
    return Part("predictor", (_source(pack, "landmarks", "predictor", part, part, base),))


def _embedder(pack: str, part: Entries, base: Path) -> EmbedderPart:
    layout = part.choice("layout", EMBEDDERS)
    own = layout == "dlib"
    part.only("layout", "alignment", "flip", *(("limits", "sums") if own else _PIXELS), *_SOURCE)
    file = _source(pack, "embedder", "embedder", part, part, base)
    limits = part.numbers("limits", _DLIB_LIMITS) if part.has("limits") else ()
    sums = part.numbers("sums", _DLIB_SUMS) if part.has("sums") else ()
    if sums and not limits:
        part.refuse("sums", "left out where there are no limits; 8-bit integers take both")
    if own:
        network = Part("dlib", (file,), limits=tuple(limits), sums=tuple(sums))
    else:
        network = Part("embedder", (file,), _pixels(part, layout))
    return EmbedderPart(part.choice("alignment", ALIGNMENTS), network, part.boolean("flip"))


def _metric(embeddings: Entries, dimension: int) -> Metric:
    hubness = embeddings.numbers("hubness", dimension + 1) if embeddings.has("hubness") else None
    return Metric(
        None if hubness is None else np.array(hubness, np.float32),
        embeddings.number("scatter", 0, 10) if embeddings.has("scatter") else None,
    )


def _pixels(part: Entries, layout: str) -> Pixels:
    mean, scale = part.numbers("mean", 3), part.numbers("scale", 3)
    if 0 in scale:
        part.refuse("scale", "three numbers other than 0")
    return Pixels(layout, part.choice("colour", COLOURS), (mean[0], mean[1], mean[2]), (scale[0], scale[1], scale[2]))


def _source(pack: str, role: str, name: str, part: Entries, file: Entries, base: Path) -> SourceFile:
    """One file; what several files of a part share stands in the part."""
    given = [key for key in ("package", "url", "file") if part.has(key)]
    if len(given) != 1:
        part.refuse(
            "file", f"given once, as a file, a url or a package with a path, not {' and '.join(given) or 'nothing'}"
        )
    kind = given[0]
    path = file.text("path") if kind == "package" else str(base / part.text("file")) if kind == "file" else ""
    return SourceFile(
        name=name,
        role=role,
        pack=pack,
        package=part.text("package") if kind == "package" else "",
        path=path,
        url=part.text("url") if kind == "url" else "",
        home=part.text("home") if kind != "file" or part.has("home") else "",
        licence=part.text("licence"),
        sha256=file.digest("sha256"),
        bytes=file.whole("bytes", MAX_MODEL_BYTES),
    )


def _measurement(entries: Entries) -> Measurement:
    entries.only("fmr_curve", "valid", "d80", "d99", "customary_threshold", "source")
    a, b, c = entries.numbers("fmr_curve", 3)
    if a >= 0:
        entries.refuse("fmr_curve", "three numbers, the first below 0")
    first, last = entries.numbers("valid", 2)
    d80, d99, customary = (entries.number(key, 0) for key in ("d80", "d99", "customary_threshold"))
    if d99 >= d80:
        entries.refuse("d99", "a shorter distance than d80")
    return Measurement(Calibration((a, b, c), d80, d99, customary), (first, last), entries.text("source"))


def _tables(packs_file: Path | None) -> dict[str, Any]:
    return _with_shipped({} if packs_file is None else _read(packs_file), packs_file)


def _with_shipped(own: dict[str, dict[str, Any]], packs_file: Path | None) -> dict[str, Any]:
    """All packs by name; to one that comes with photocall the user's file may add a calibration, and nothing else."""
    shipped = _read(_SHIPPED)
    for name in shipped.keys() & own.keys():
        if own[name].keys() != {"calibration"}:
            raise WeightsInvalid(
                f"{packs_file}, [{name}]", "a pack of that name comes with photocall; give yours another name"
            )
        own[name] = {**shipped[name], **own[name]}
    return {**shipped, **own}


def read_text(packs_file: Path) -> str:
    """What stands in a file of packs, which may be empty. Raises `WeightsInvalid`."""
    try:
        if packs_file.is_file() and packs_file.stat().st_size == 0:
            return ""
        return read_file(packs_file, _MAX_PACKS_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise WeightsInvalid(str(packs_file), f"the packs cannot be read: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise WeightsInvalid(str(packs_file), f"not a list of packs in TOML: {error}") from error


def _read(path: Path) -> dict[str, dict[str, Any]]:
    return _parsed(read_text(path), path)


def _parsed(text: str, path: Path) -> dict[str, dict[str, Any]]:
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsInvalid(str(path), f"not a list of packs in TOML: {error}") from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise WeightsInvalid(str(path), f"entry {name} must be a table of a pack's parts, as in docs/packs.md")
    return tables


def _resolved(name: str, table: Mapping[str, Any], shipped: Mapping[str, Any]) -> dict[str, Any]:
    """A pack whose parts are all spelt out, where `like` took them from packs that come with photocall."""
    parts = {}
    for key, part in table.items():
        if not isinstance(part, dict) or "like" not in part:
            parts[key] = part
            continue
        taken = _taken(name, key, part["like"], shipped)
        if taken is None:
            continue
        if foreign := [entry for entry in part if entry in {*_SOURCE, "files", "layout"}]:
            raise _invalid(name, f"entry {key}.{foreign[0]} cannot stand beside {key}.like, which says the files")
        parts[key] = {**taken, **{entry: value for entry, value in part.items() if entry != "like"}}
    return parts


def _taken(name: str, key: str, other: object, shipped: Mapping[str, Any]) -> dict[str, Any] | None:
    """A part of another pack; None for a calibration that this one does not have either."""
    if not isinstance(other, str) or other not in shipped or other == name:
        known = ", ".join(pack for pack in shipped if pack != name)
        raise _invalid(name, f"entry {key}.like must be a pack that comes with photocall, {known}; not {other!r}")
    part = _resolved(other, shipped[other], shipped).get(key)
    if part is None and key != "calibration":
        raise _invalid(name, f"entry {key}.like: pack {other} has no {key}")
    return part


def _invalid(name: str, reason: str) -> WeightsInvalid:
    return WeightsInvalid(f"model pack {name!r}", reason)
