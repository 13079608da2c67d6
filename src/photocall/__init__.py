"""photocall: roll call by photo. Importing it loads nothing heavy; `FaceEngine` is imported on first use."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from photocall.engine.face_engine import FaceEngine

__all__ = ["FaceEngine"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "FaceEngine":
        from photocall.engine.face_engine import FaceEngine

        return FaceEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
