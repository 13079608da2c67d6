"""What was answered lately, so that a picture that comes again is not looked at again.

It is in the memory of one execution environment, by the SHA-256 of the picture, and is gone with it: nothing of a face
is written anywhere.
"""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Any

Json = dict[str, Any]


class Remembered:
    """The last answers; that which nobody asked for longest is forgotten first. For one thread.

    Attributes:
        hits: how often an answer was there.
    """

    def __init__(self, most: int) -> None:
        """Remember nothing yet.

        Args:
            most: answers that are kept; that for a photo with a hundred faces takes half a megabyte.
        """
        self._most, self.hits = most, 0
        self._answers: OrderedDict[tuple[str, bytes], Json] = OrderedDict()

    def answer(self, question: str, picture: bytes, find: Callable[[bytes], Json]) -> Json:
        """The answer to a question about a picture, found if it is not there; what `find` raises is not kept."""
        key = question, sha256(picture).digest()
        if key in self._answers:
            self.hits += 1
        else:
            self._answers[key] = find(picture)
        self._answers.move_to_end(key)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)
        return self._answers[key]
