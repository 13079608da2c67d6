"""The command calibrate: thresholds fitted on the operator's own enrolled people."""

import argparse

from photocall.app import COLLECTION, enrolled_faces, open_people, pack_of_collection
from photocall.calibration import Calibration
from photocall.console import counted, say, say_json
from photocall.engine.packs import DEFAULT_PACK, load_pack
from photocall.errors import ModelMismatch, NobodyEnrolled
from photocall.local_calibration import LocalCalibration, fit_locally
from photocall.settings import Settings, load_settings

_MOST_SHOWN = 10  # pairs of people who look alike; --json tells all


def calibrate(options: argparse.Namespace) -> int:
    """Fit, show, and with --apply use from now on; or go back to the pack's own thresholds."""
    settings = load_settings(data=options.data, pack=options.pack)
    with open_people(settings) as store:
        faces = enrolled_faces(store)
        if not faces:
            raise NobodyEnrolled(str(settings.data))
        pack = load_pack(settings.pack or pack_of_collection(store, settings) or DEFAULT_PACK, settings.packs)
        collection = store.collection(COLLECTION)
        if pack.model != collection.model:
            raise ModelMismatch(expected=collection.model, found=pack.model)
        if options.reset:
            store.shift_threshold(COLLECTION, 0.0)
            say("thresholds are those of the model again")
            return 0
        fitted = fit_locally(faces, pack.metric, pack.calibration, settings.false_positive_target)
        if options.apply:
            store.shift_threshold(COLLECTION, fitted.sure)
    if options.json:
        say_json(_as_json(fitted, options.apply))
    else:
        _show(fitted, pack.calibration, settings, applied=options.apply)
    return 0


def _as_json(fitted: LocalCalibration, applied: bool) -> dict[str, object]:
    return {
        "people": fitted.people,
        "faces": fitted.faces,
        "pairs": fitted.pairs,
        "shift": round(fitted.shift, 4),
        "interval": [round(end, 4) for end in fitted.interval],
        "sure": round(fitted.sure, 4),
        "threshold": {"model": round(fitted.threshold, 4), "own": round(fitted.threshold + fitted.sure, 4)},
        "same_pairs": fitted.same_pairs,
        "not_named": None if fitted.not_named is None else round(fitted.not_named, 4),
        "resemblances": [{"a": one.a, "b": one.b, "distance": round(one.distance, 4)} for one in fitted.resemblances],
        "applied": applied,
    }


def _show(fitted: LocalCalibration, calibration: Calibration, settings: Settings, *, applied: bool) -> None:
    low, high = fitted.interval
    where = "closer together" if fitted.shift < 0 else "farther apart"
    say(f"{counted(fitted.people, 'person', 'people')}, {counted(fitted.faces, 'face')}, {fitted.pairs:,} pairs")
    say(
        f"Different people are {abs(fitted.shift):.3f} {where} than the model's calibration says"
        f" (95 % sure: {low:+.3f} to {high:+.3f})."
    )
    before, point = fitted.threshold, fitted.threshold + fitted.sure
    if fitted.sure:
        say(
            f"To name at most {settings.false_positive_target:.1%} of strangers, names should need a distance of"
            f" {point:.3f} (similarity {calibration.similarity(point):.0f}) instead of {before:.3f}."
        )
    else:
        say(f"That is no sure difference: the model's threshold, {before:.3f}, stays.")
    if fitted.not_named is not None:
        say(f"Of {counted(fitted.same_pairs, 'pair')} of photos of one person {fitted.not_named:.0%} are beyond it.")
    for one in fitted.resemblances[:_MOST_SHOWN]:
        say(f"Look at {one.a} and {one.b}: at {one.distance:.3f} they look alike, or are one person.")
    if more := len(fitted.resemblances[_MOST_SHOWN:]):
        say(f"and at {more} more pairs; --json tells all")
    if applied:
        say("These thresholds are used from now on. To go back: photocall calibrate --reset")
    elif fitted.sure:
        say("Use them from now on with: photocall calibrate --apply")
