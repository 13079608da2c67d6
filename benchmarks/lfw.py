"""Embeddings of Labeled Faces in the Wild, computed once for everything that is counted on them."""

import csv
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.material import Material, cores
from benchmarks.timing import told
from photocall.engine.face_engine import FaceEngine
from photocall.faces import BoundingBox, ByteArray, FloatArray
from photocall.media.images import read_image


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos, by name, and whether they show one person."""

    fold: int
    a: str
    b: str
    same: bool


@dataclass(frozen=True, slots=True)
class Faces:
    """The part of the set that is there.

    Attributes:
        vectors: embedding of the face nearest to the photo's centre, float32, shape (128,), by the photo's name, such
            as Ada_Lovelace/Ada_Lovelace_0001.jpg; None where no face was found.
        pairs: of the folds that are there.
    """

    vectors: Mapping[str, FloatArray | None]
    pairs: list[Pair]


def read(material: Material) -> Faces:
    """Embed every photo; in a quick run, those of a few people and the pairs among them."""
    assert material.evaluation is not None
    folder = material.evaluation / "lfw-dev"
    paths = sorted((folder / "images").glob("*/*.jpg"))[: 600 if material.quick else None]

    def embed(path: Path) -> FloatArray | None:
        return _central(material.engine, read_image(path))

    with ThreadPoolExecutor(cores()) as pool:
        vectors = list(told(pool.map(embed, paths), "accuracy: LFW photos"))
    by_name = {f"{path.parent.name}/{path.name}": vector for path, vector in zip(paths, vectors, strict=True)}
    return Faces(by_name, [pair for pair in _pairs(folder) if pair.a in by_name and pair.b in by_name])


def _pairs(folder: Path) -> list[Pair]:
    with (folder / "pairs.csv").open(encoding="utf-8", newline="") as file:
        return [Pair(int(row["fold"]), row["a"], row["b"], row["same"] == "1") for row in csv.DictReader(file)]


def _central(engine: FaceEngine, image: ByteArray) -> FloatArray | None:
    height, width = image.shape[:2]

    def off_centre(box: BoundingBox) -> float:
        return abs(complex(box.left + box.width / 2 - width / 2, box.top + box.height / 2 - height / 2))

    faces = sorted(engine.detect(image), key=lambda face: off_centre(face.box))[:1]
    return engine.embed_chips(engine.chips(image, faces))[0] if faces else None
