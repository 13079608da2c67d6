"""Made-up albums for tests of evaluation: photos are names with a vector, or with None where no face was found."""

from collections.abc import Mapping

import numpy as np

from people import MODEL, face
from photocall.evaluation.album import Album, Photo, make_album, owners_of
from photocall.evaluation.tables import Pair
from photocall.faces import Embedding, FloatArray


def vector(*numbers: float) -> FloatArray:
    """A vector that begins with these numbers and goes on with zeros."""
    values = np.zeros(128, np.float32)
    values[: len(numbers)] = numbers
    return values


def photo(name: str, values: FloatArray | None, size: float = 100) -> Photo:
    return Photo(name, None if values is None else face(Embedding(values, MODEL), size=size))


def album(vectors: Mapping[str, FloatArray | None]) -> Album:
    """Photos called person/number."""
    owners = {name: name.split("/")[0] for name in vectors}
    return make_album([photo(name, values) for name, values in vectors.items()], owners)


def crowd(people: int, photos: int, seed: int = 7, spread: float = 0.15) -> Album:
    """People as random points of 12 dimensions, about 1 apart, and photos of them as points nearby."""
    random = np.random.default_rng(seed)
    centres = random.normal(0, 0.2, (people, 12))
    return album(
        {
            f"{person:04}/{number}": vector(*(centre + random.normal(0, spread / 3.5, 12)))
            for person, centre in enumerate(centres)
            for number in range(photos)
        }
    )


def pairs_of(*rows: tuple[str, str, str, int]) -> list[Pair]:
    """Pairs from fold, a, b, same."""
    return [Pair(fold, a, b, same == 1, line) for line, (fold, a, b, same) in enumerate(rows, start=2)]


def owners(*rows: tuple[str, str, str, int]) -> dict[str, str]:
    return owners_of(pairs_of(*rows), "pairs.csv")
