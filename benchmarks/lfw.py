"""Embeddings of Labeled Faces in the Wild, computed once for everything that is counted on them."""

from dataclasses import dataclass

from benchmarks.material import Material, cores
from benchmarks.timing import told
from photocall.evaluation.album import Album, look, make_album, owners_of
from photocall.evaluation.tables import Pair, read_pairs


@dataclass(frozen=True, slots=True)
class Faces:
    """The part of the set that is there.

    Attributes:
        album: every photo, with the face nearest to its centre.
        pairs: of the folds that are there.
    """

    album: Album
    pairs: list[Pair]


def read(material: Material) -> Faces:
    """Embed every photo; in a quick run, those of a few people and the pairs among them."""
    assert material.evaluation is not None
    folder = material.evaluation / "lfw-dev"
    pairs = read_pairs(folder / "pairs.csv")
    owners = owners_of(pairs, str(folder / "pairs.csv"))
    names = sorted(owners)[: 600 if material.quick else None]
    photos = told(look(material.engine, folder / "images", names, cores()), "accuracy: LFW photos")
    there = set(names)
    album = make_album(photos, owners, material.engine.metric)
    return Faces(album, [pair for pair in pairs if pair.a in there and pair.b in there])
