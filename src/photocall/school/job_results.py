"""Results of jobs that name a student: photos and videos that were recognised outside of lessons, by anybody.

Such a result may show others, too; it goes as a whole, with its pictures, and whoever needs it has the job done again.
Tables that jobs left in the output bucket are somebody else's by then, and stay.
"""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from photocall.errors import ObjectNotFound
from photocall.ports import ObjectStore
from photocall.results import FOLDER

_READERS = 8
"""Results that are read at once: most of the time of one is waiting for the store."""

_ENDING = ".json"


def delete_results(objects: ObjectStore, names: Iterable[str]) -> list[str]:
    """Delete the results that have one of these texts as a value; the keys of what went, the files of a job first.

    Args:
        objects: where results are.
        names: a student's id and name.
    """
    wanted = [json.dumps(name).encode() for name in names]
    keys = [each.key for each in objects.list(FOLDER)]
    results = [key for key in keys if key.count("/") == 1 and key.endswith(_ENDING)]
    with ThreadPoolExecutor(_READERS, thread_name_prefix="photocall-results") as readers:
        naming = [key for key in readers.map(partial(_named_in, objects, wanted), results) if key]
    gone = list[str]()
    for result in naming:
        folder = result.removesuffix(_ENDING) + "/"
        gone += [*(key for key in keys if key.startswith(folder)), result]
    for key in gone:
        objects.delete(key)
    return gone


def _named_in(objects: ObjectStore, wanted: list[bytes], key: str) -> str:
    """The key, if its object has one of these values; else empty."""
    try:
        data = objects.get(key)
    except ObjectNotFound:
        return ""
    return key if any(each in data for each in wanted) else ""
