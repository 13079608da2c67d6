"""The engine of a command that needs no enrolled faces."""

import argparse

from photocall.engine.face_engine import FaceEngine
from photocall.engine.packs import DEFAULT_PACK
from photocall.settings import load_settings


def open_engine(options: argparse.Namespace, otherwise: str = DEFAULT_PACK) -> FaceEngine:
    """The engine that options and settings name.

    Args:
        options: of the command; `data` and `pack` count.
        otherwise: the pack where neither names one.

    Raises:
        SettingInvalid, WeightsInvalid: the settings, or the pack, cannot be.
    """
    settings = load_settings(data=options.data, pack=options.pack)
    return FaceEngine(
        threads=settings.threads,
        min_face=settings.min_face,
        pack=settings.pack or otherwise,
        packs_file=settings.packs,
    )
