"""Converts the networks into PHOTOCALL_CACHE, for an image that has them built in.

In floating point: whether 8-bit integers are faster is measured on the processor that does the work, and nobody says
which one Lambda will take.
"""

from photocall.engine.face_engine import FaceEngine

PACKS = ("standard", "dlib-mtcnn")
"""What faces are enrolled with, and what `/encode` and the known faces of the course are: dlib's own numbers."""

if __name__ == "__main__":
    for pack in PACKS:
        FaceEngine(pack=pack).close()
