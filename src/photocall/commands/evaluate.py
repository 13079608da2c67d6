"""The evaluate command: how right the engine is, measured on labelled photos."""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from photocall.calibration import Calibration
from photocall.commands.engines import open_engine
from photocall.commands.evaluate_report import show_cohorts, show_detection, show_fit, show_identify, show_pairs
from photocall.console import complain, failing, progress, say_json
from photocall.engine.face_engine import FaceEngine
from photocall.engine.own_packs import write_calibration
from photocall.errors import InputError, NotCalibrated, SettingInvalid
from photocall.evaluation import cohorts
from photocall.evaluation.album import Album, look, make_album, owners_of
from photocall.evaluation.det import Tradeoff, check_plot, curve, draw
from photocall.evaluation.detection import Detected, detect_all, evaluate_detection
from photocall.evaluation.fitting import fit_calibration
from photocall.evaluation.identification import Searches, evaluate_identify
from photocall.evaluation.impostors import Impostors, compare_all
from photocall.evaluation.rates import best_threshold
from photocall.evaluation.tables import Pair, read_groups, read_pairs
from photocall.evaluation.verification import Comparisons, compare, evaluate_pairs
from photocall.evaluation.wider import Marked, read_marked
from photocall.media.files import write_atomically
from photocall.settings import Settings, load_settings


class _Seen(Protocol):
    @property
    def problem(self) -> InputError | None: ...


Seen = TypeVar("Seen", bound=_Seen)


def evaluate(options: argparse.Namespace) -> int:
    """Measure one kind of error on labelled photos, or any of them by groups."""
    kinds = {"pairs": _pairs, "identify": _identify, "detection": _detection, "cohorts": _cohorts}
    return kinds[options.kind](options)


def _pairs(options: argparse.Namespace) -> int:
    settings = _settings(options)
    if options.calibrate and settings.pack is None:
        raise SettingInvalid("--calibrate", "name the pack to be calibrated: --pack NAME")
    pairs, (album, calibration) = _album(options, settings)
    comparisons, impostors = compare(pairs, album), compare_all(album)
    result = evaluate_pairs(comparisons, impostors, calibration)
    if options.plot:
        _plot(options.plot, _pairs_tradeoff(comparisons, impostors, calibration), "Same person or not")
    fit = None
    with failing() as failed:
        if options.calibrate:
            customary = best_threshold(comparisons.distances, comparisons.same)
            fit = fit_calibration(impostors, customary, str(options.labels))
            write_calibration(settings.own_packs, settings.pack or "", fit.table(options.labels.name))
    if options.json:
        say_json(result | ({} if fit is None else {"calibration": fit.table(options.labels.name) | fit.report}))
    else:
        show_pairs(result)
        if fit is not None:
            show_fit(fit, options.labels.name, settings.pack or "", "" if failed() else str(settings.own_packs))
    return _failures(album) + failed()


def _identify(options: argparse.Namespace) -> int:
    settings = _settings(options)
    _, (album, calibration) = _album(options, settings)
    result, searches = evaluate_identify(album, calibration, settings.false_positive_target)
    if options.plot:
        _plot(options.plot, _identify_tradeoff(searches, result), "Who is this, and is it anybody?")
    if options.json:
        say_json(result)
    else:
        show_identify(result)
    return _failures(album)


def _detection(options: argparse.Namespace) -> int:
    marked, found = _found(options, _settings(options))
    result = evaluate_detection(found, marked)
    if options.json:
        say_json(result)
    else:
        show_detection(result)
    return sum(photo.problem is not None for photo in found)


def _cohorts(options: argparse.Namespace) -> int:
    if options.table is None and options.by not in cohorts.MEASURED:
        measured = ", ".join(cohorts.MEASURED)
        raise SettingInvalid("--by", f"{options.by!r} is none of {measured}; give its table: --table FILE.csv")
    settings = _settings(options)
    rows, failures = (_face_cohorts if options.of == "detection" else _people_cohorts)(options, settings)
    if options.json:
        say_json({"of": options.of, "by": options.by, "groups": rows})
    else:
        show_cohorts(rows)
    return failures


def _people_cohorts(options: argparse.Namespace, settings: Settings) -> tuple[list[dict[str, Any]], int]:
    table = read_groups(options.table, options.by) if options.table else None
    pairs, (album, calibration) = _album(options, settings)
    groups = cohorts.table_groups(album, table) if table else cohorts.measured_groups(album, options.by)
    if options.of == "pairs":
        return cohorts.pairs_by_group(compare(pairs, album), compare_all(album), groups), _failures(album)
    target = settings.false_positive_target
    return cohorts.searches_by_group(album, calibration, target, groups), _failures(album)


def _face_cohorts(options: argparse.Namespace, settings: Settings) -> tuple[list[dict[str, Any]], int]:
    table = read_groups(options.table, options.by) if options.table else None
    marked, found = _found(options, settings)
    failures = sum(photo.problem is not None for photo in found)
    if table:
        return cohorts.photos_by_group(found, marked, table, str(options.table)), failures
    return cohorts.faces_by_group(found, marked, options.by), failures


def _album(options: argparse.Namespace, settings: Settings) -> tuple[list[Pair], tuple[Album, Calibration | None]]:
    """The pairs, their photos with the faces embedded, and the calibration of the embeddings if there is one."""
    pairs = read_pairs(options.labels)
    owners = owners_of(pairs, str(options.labels))
    names = _there(options, sorted(owners))
    with open_engine(options) as engine:
        photos = _watched(look(engine, options.images, names, settings.threads), names, "embedding")
        return pairs, (make_album(photos, owners, engine.metric), _calibration(engine))


def _found(options: argparse.Namespace, settings: Settings) -> tuple[dict[str, tuple[Marked, ...]], list[Detected]]:
    """The marked faces, and those found."""
    marked = read_marked(options.labels)
    names = _there(options, list(marked))
    with open_engine(options) as engine:
        return marked, list(_watched(detect_all(engine, options.images, names, settings.threads), names, "looking"))


def _there(options: argparse.Namespace, names: Sequence[str]) -> Sequence[str]:
    """The names, if any of them is a file in the folder."""
    if not any(os.path.isfile(options.images / name) for name in names):  # noqa: PTH113 - a name may be too long for one
        raise SettingInvalid("--images", f"none of the photos of {options.labels} is in {options.images}")
    return names


def _watched(seen: Iterator[Seen], names: Sequence[str], doing: str) -> Iterator[Seen]:
    """What was seen in photos, under a progress bar; those that could not be read are complained of."""
    for _, photo in zip(progress(names, doing), seen, strict=True):
        if photo.problem is not None:
            complain(photo.problem)
        yield photo


def _failures(album: Album) -> int:
    return sum(photo.problem is not None for photo in album.photos)


def _settings(options: argparse.Namespace) -> Settings:
    """The settings with this command's options; a plot that could not be drawn is refused here."""
    if getattr(options, "plot", None):
        check_plot(options.plot)
    target = getattr(options, "target", None)
    return load_settings(data=options.data, pack=options.pack, false_positive_target=target)


def _calibration(engine: FaceEngine) -> Calibration | None:
    try:
        return engine.calibration
    except NotCalibrated:
        return None


def _plot(path: Path, tradeoff: Tradeoff, title: str) -> None:
    write_atomically(path, draw(tradeoff, path.suffix.lower().removeprefix("."), title))


def _pairs_tradeoff(comparisons: Comparisons, impostors: Impostors, calibration: Calibration | None) -> Tradeoff:
    genuine = comparisons.distances[comparisons.same]
    x, y = curve(impostors.distances, impostors.pairs, genuine)
    point = None
    if calibration is not None:
        threshold = calibration.customary_threshold
        point = impostors.rate(threshold), float((genuine > threshold).mean())
    return Tradeoff(x, y, "false match rate", "false non-match rate", point, "customary threshold")


def _identify_tradeoff(searches: Searches, result: dict[str, Any]) -> Tradeoff:
    x, y = curve(np.sort(searches.of_strangers), max(len(searches.of_strangers), 1), searches.to_mates)
    named, missed = result["strangers_named_at_target"], result["fnir_at_target"]
    point = None if named is None or missed is None else (named, missed)
    names = "false positive identification rate", "false negative identification rate"
    return Tradeoff(x, y, *names, point, f"operating point, target {result['target']:g}")
