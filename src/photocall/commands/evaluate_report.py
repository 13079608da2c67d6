"""What `photocall evaluate` shows on a terminal: figures as tables, each with its 95 % interval."""

from collections.abc import Mapping, Sequence
from typing import Any

from photocall.console import counted, say, show_rows
from photocall.evaluation.cohorts import LEAST
from photocall.evaluation.fitting import Fit


def show_pairs(result: Mapping[str, Any]) -> None:
    """The figures of pairs of photos."""
    missing = result["pairs_with_failures"]
    _figures(
        result,
        {
            "accuracy, best threshold of the other folds": ("accuracy",),
            "false non-matches at 1 false match in 100": ("fnmr_at_fmr", "1e-2"),
            "false non-matches at 1 false match in 1,000": ("fnmr_at_fmr", "1e-3"),
            "false matches at similarity 80": ("at_similarity", "80", "fmr"),
            "false non-matches at similarity 80": ("at_similarity", "80", "fnmr"),
            "false matches at similarity 99": ("at_similarity", "99", "fmr"),
            "false non-matches at similarity 99": ("at_similarity", "99", "fnmr"),
        },
    )
    pairs, folds, photos = (counted(result[f"{noun}s"], noun) for noun in ("pair", "fold", "photo"))
    say(f"{pairs} in {folds}, {photos} of {counted(result['people'], 'person', 'people')}")
    say(f"false matches are counted on all {result['impostor_pairs']:,} pairs of different people among the photos")
    say(
        f"{_failures(result)}; with them {counted(missing['same'], 'pair')} of one person "
        f"({missing['different']} of two) were rejected"
    )
    if result["folds"] == 1:
        say("one fold: its threshold was chosen on the pairs that it judges, so the accuracy is too good")


def show_identify(result: Mapping[str, Any]) -> None:
    """The figures of identification."""
    _figures(
        result,
        {
            "found again as the nearest": ("rank1",),
            "not found again at 1 stranger in 100 named": ("fnir_at_fpir", "0.01"),
            "not found again at 1 stranger in 20 named": ("fnir_at_fpir", "0.05"),
            f"strangers named at the operating point for {result['target']:g}": ("strangers_named_at_target",),
            "not found again there": ("fnir_at_target",),
        },
    )
    say(
        f"{counted(result['gallery'], 'person', 'people')} enrolled with one photo each, "
        f"{counted(result['mated'], 'photo')} of them searched, {counted(result['non_mated'], 'stranger')}"
    )
    say(f"{_failures(result)}; {counted(result['failures_to_enrol'], 'person', 'people')} could not be enrolled")
    if result["threshold"] is None:
        say("the model pack is not calibrated, so it has no operating point")
    if result["small_galleries"]:
        show_rows(
            [
                {
                    "people enrolled": row["size"],
                    "threshold": f"{row['threshold']:.3f}",
                    "strangers named": _percent(row["fpir"]),
                    "enrolled not named": _percent(row["fnir"]),
                    "named as another": _percent(row["misnamed"]),
                }
                for row in result["small_galleries"]
            ]
        )
        say("means of random galleries, at the operating point of each size")


def show_detection(result: Mapping[str, Any]) -> None:
    """The figures of detection."""
    intervals = result["intervals"]
    show_rows(
        [
            {
                "faces from": f"{size} px",
                "faces": count,
                **{
                    name: f"{_percent(result[key][size])} {_interval(intervals[key][size])}"
                    for name, key in (("recall", "recall"), ("precision", "precision"), ("average precision", "ap"))
                },
            }
            for size, count in result["faces"].items()
        ]
    )
    unreadable = f", {result['unreadable']} unreadable" if result["unreadable"] else ""
    say(f"{counted(result['photos'], 'photo')}{unreadable}; in brackets 95 % intervals, drawing photos anew")


def show_cohorts(rows: Sequence[Mapping[str, Any]]) -> None:
    """The figures of groups, a column each; those that are too small have none."""
    shown = [(_name(row), _flat(row), _flat(row.get("intervals", {}))) for row in rows]
    figures = dict.fromkeys(figure for _, values, _ in shown for figure in values)
    show_rows(
        [
            {"": _words(figure), **{name: _cell(values, intervals, figure) for name, values, intervals in shown}}
            for figure in figures
        ]
    )
    say("rates in per cent with 95 % intervals, at thresholds of the whole set; - is counted on too few")


def show_fit(fit: Fit, source: str, pack: str, place: str) -> None:
    """A calibration as a pack keeps it, how sure it is, and the file that it was written to if it was."""
    say(f"[{pack}.calibration]")
    for key, value in fit.table(source).items():
        say(f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}")
    low, high = fit.rates
    say(f"measured for false match rates of {low:.2g} to {high:.2g}; beyond, the curve is extrapolated")
    for name in ("80", "99"):
        interval, held_out = fit.report["intervals"][f"d{name}"], fit.report["held_out"][name]
        told = "nothing" if held_out is None else "{median:.2g} ({least:.2g} to {most:.2g})".format(**held_out)
        ends = "cannot be told" if interval is None else "{:.4f} to {:.4f}".format(*interval)
        say(f"similarity {name}: 95 % interval of its distance {ends}; fitted on half of the people, others had {told}")
    if place:
        say(f"written to {place}")


def _figures(result: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> None:
    rows = []
    for name, keys in names.items():
        value, interval = _get(result, keys), _get(result["intervals"], keys)
        rows.append({"": name, "share": _percent(value), "95 % interval": _interval(interval)})
    show_rows(rows)


def _get(tree: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        tree = None if tree is None else tree.get(key)
    return tree


def _failures(result: Mapping[str, Any]) -> str:
    return f"{counted(result['failures_to_acquire'], 'photo')} without a face (failures to acquire)"


def _percent(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.2f} %" if value == 0 or value >= 1e-3 else f"{100 * value:.2g} %"


def _interval(ends: Sequence[float | None] | None) -> str:
    if ends is None or None in ends:
        return ""
    return "[{} .. {}]".format(*(_percent(end).removesuffix(" %") for end in ends))


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['group']}{f' (fewer than {LEAST})' if row.get('too_small') else ''}"


def _words(figure: str) -> str:
    """A figure of a group for people: "fnmr_at_fmr/1e-2" is FNMR at the set's FMR of 1e-2."""
    name, _, level = figure.partition("/")
    first, at, second = name.partition("_at_")
    if level and at:
        return f"{first.upper()} at the set's {second.upper()} of {level}"
    return f"{name.replace('_', ' ')}{f' from {level} px' if level else ''}"


def _cell(values: Mapping[str, Any], intervals: Mapping[str, Any], figure: str) -> str:
    value = values.get(figure)
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{_percent(value).removesuffix(' %')} {_interval(intervals.get(figure))}".strip()


def _flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The figures and counts of a group by their names, levels joined by a slash."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}/{level}": inner for level, inner in value.items() if name != "intervals"}
        elif name not in ("group", "too_small"):
            flat[name] = value
    return flat
