"""Figures by groups: who is in which, at which threshold they are judged, and which groups are too small."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from albums import album, crowd, pairs_of, photo, vector
from people import CALIBRATION
from photocall.errors import LabelsInvalid
from photocall.evaluation.album import make_album
from photocall.evaluation.cohorts import (
    LEAST,
    Groups,
    faces_by_group,
    measured_groups,
    pairs_by_group,
    photos_by_group,
    searches_by_group,
    table_groups,
)
from photocall.evaluation.detection import Detected
from photocall.evaluation.impostors import compare_all
from photocall.evaluation.tables import GroupTable
from photocall.evaluation.verification import compare
from photocall.evaluation.wider import Marked
from photocall.faces import BoundingBox


def test_photos_are_grouped_by_the_size_of_the_face() -> None:
    sizes = {"a": 20.0, "b": 24.0, "c": 100.0, "d": 500.0}
    photos = [photo(name, vector(1), size) for name, size in sizes.items()] + [photo("e", None)]
    groups = measured_groups(make_album(photos, {name: name for name in "abcde"}), "size")
    assert [groups.names[group] for group in groups.of] == [
        "below 24 px",
        "24 to 32 px",
        "96 to 128 px",
        "from 128 px",
        "no face found",
    ]


@pytest.mark.parametrize(("by", "worst"), [("blur", "most blurred third"), ("light", "darkest third")])
def test_photos_are_grouped_by_thirds(by: str, worst: str) -> None:
    groups = measured_groups(crowd(3, 3), by)
    assert groups.names[:2] == ("no face found", worst) and len(groups.names) == 4


def test_a_pair_belongs_to_the_worse_of_ordered_groups_else_both_must_be_in_one() -> None:
    a, b = np.array([0, 1, 2]), np.array([1, 1, 2])
    of = np.array([2, 1, 0])
    assert Groups(("x", "y", "z"), of, ordered=True).of_pairs(a, b).tolist() == [1, 1, 0]
    assert Groups(("x", "y", "z"), of, ordered=False).of_pairs(a, b).tolist() == [-1, 1, 0]


def test_groups_of_a_table_are_found_by_photo_or_by_person() -> None:
    found = album({"Ada/1": vector(0), "Ada/2": vector(1), "Bo/1": vector(2)})
    by_person = table_groups(found, GroupTable("person", {"Ada": "young"}))
    assert [by_person.names[group] for group in by_person.of] == ["young", "young", "not in the table"]
    assert table_groups(found, GroupTable("person", {"Ada": "", "Bo": ""})).names == ("blank in the table",)
    by_photo = table_groups(found, GroupTable("photo", {"Ada/2": "mask", "Bo/1": "none", "Ada/1": "none"}))
    assert [by_photo.names[group] for group in by_photo.of] == ["none", "mask", "none"]


@pytest.mark.parametrize("ordered", [True, False])
def test_impostors_of_a_group_are_those_that_brute_force_counts(ordered: bool) -> None:
    found = crowd(40, 3, spread=0.5)
    of = np.arange(len(found.photos)) % 3
    groups = Groups(("x", "y", "z"), of, ordered)
    rows = [("1", f"{p:04}/{a}", f"{p:04}/{b}", 1) for p in range(40) for a, b in ((0, 1), (1, 2), (0, 2), (0, 0))]
    impostors = compare_all(found)
    point = impostors.threshold(0.01)
    counts = [[0, 0] for _ in groups.names]
    for a, b in combinations(range(len(found.photos)), 2):
        group = min(of[a], of[b]) if ordered else (of[a] if of[a] == of[b] else -1)
        if found.owners[a] != found.owners[b] and group >= 0:
            one, other = found.photos[a].vector, found.photos[b].vector
            assert one is not None and other is not None
            counts[group][0] += 1
            counts[group][1] += bool(np.linalg.norm(one - other) <= point - 1e-5)
    shown = pairs_by_group(compare(pairs_of(*rows), found), impostors, groups)
    for row, (total, close) in zip(shown, counts, strict=False):
        assert row["impostor_pairs"] == total
        if not row["too_small"]:
            assert row["fmr_at_fmr"]["1e-2"] == pytest.approx(close / total, rel=1e-4)
    assert any(not row.get("too_small", True) for row in shown)
    assert ("mixed" in [row["group"] for row in shown]) is not ordered


def test_every_group_of_pairs_is_judged_at_the_threshold_of_the_whole_set() -> None:
    """Two groups of people, near and far from their own second photos: one error rate each, and both are right."""
    found = album(
        {
            f"{p:02}/{n}": vector(*(0.0,) * (p % 100), 3.0, n * (0.1 if p < 35 else 50))
            for p in range(70)
            for n in (0, 1)
        }
    )
    rows = [("1", f"{p:02}/0", f"{p:02}/1", 1) for p in range(70)]
    table = GroupTable("person", {f"{p:02}": "near" if p < 35 else "far" for p in range(70)})
    far, near, mixed = pairs_by_group(compare(pairs_of(*rows), found), compare_all(found), table_groups(found, table))
    assert (far["group"], near["group"], mixed) == ("far", "near", {"group": "mixed", "pairs": 0, "same": 0})
    assert (far["fnmr_at_fmr"]["1e-2"], near["fnmr_at_fmr"]["1e-2"]) == (1, 0)
    assert (far["pairs"], near["pairs"], near["too_small"]) == (35, 35, False)


def test_a_group_below_thirty_is_said_to_be_too_small() -> None:
    found = crowd(LEAST - 1, 2)
    rows = [("1", f"{p:04}/0", f"{p:04}/1", 1) for p in range(LEAST - 1)]
    everybody = GroupTable("person", dict.fromkeys(found.people, "all"))
    row, _ = pairs_by_group(compare(pairs_of(*rows), found), compare_all(found), table_groups(found, everybody))
    assert row["too_small"] is True and "accuracy" not in row and row["pairs"] == LEAST - 1


def test_searches_are_grouped_by_their_probes() -> None:
    """All of group a are found again, none of group b; strangers are of b alone."""
    vectors = {}
    for p in range(80):
        place = (0.0,) * p
        vectors[f"{p:02}/1"] = vector(*place, 3.0)
        vectors[f"{p:02}/2"] = vector(*place, 3.0 if p < 40 else -40.0)
    strangers = {f"x{p}/1": vector(*(0.0,) * p, 3.1) for p in range(40)}
    found = album(vectors | strangers)
    groups = GroupTable("person", {person: "a" if person < "40" else "b" for person in found.people})
    a, b = searches_by_group(found, CALIBRATION, 0.01, table_groups(found, groups))
    assert (a["mated"], a["non_mated"], b["mated"], b["non_mated"]) == (40, 0, 40, 40)
    assert a["rank1"] == 1 and b["fnir_at_target"] == 1
    assert a["strangers_named_at_target"] is None and b["strangers_named_at_target"] == 1
    assert a["fpir_at_fpir"]["0.05"] is None


def marked_photos() -> tuple[list[Detected], dict[str, tuple[Marked, ...]]]:
    """Forty photos with a clear face of 50 pixels that is found and a blurred, dark one of 20 that is not."""
    clear = Marked(BoundingBox(0, 0, 50, 50))
    blurred = Marked(BoundingBox(100, 0, 20, 20), blur=2, illumination=1)
    marked: dict[str, tuple[Marked, ...]] = {f"{n}": (clear, blurred) for n in range(40)}
    return [Detected(name, ((clear.box, 0.9),)) for name in marked], marked


@pytest.mark.parametrize(
    ("by", "good", "bad", "smallest"),
    [
        ("size", "40 to 80 px", "16 to 24 px", "16"),
        ("blur", "clear", "heavy blur", "16"),
        ("light", "normal light", "extreme light", "16"),
    ],
)
def test_marked_faces_are_grouped_by_what_they_are_like(by: str, good: str, bad: str, smallest: str) -> None:
    rows = {row["group"]: row for row in faces_by_group(*marked_photos(), by)}
    assert rows[good]["recall"][smallest] == 1 and rows[bad]["recall"][smallest] == 0
    assert rows[good]["faces"]["40"] == 40 and rows[bad]["faces"]["40"] == 0
    assert rows[bad]["recall"]["40"] is None
    assert all(row["too_small"] for name, row in rows.items() if name not in (good, bad))


def test_photos_of_marked_faces_are_grouped_by_a_table() -> None:
    found, marked = marked_photos()
    table = GroupTable("photo", {f"{n}": "few" if n < 5 else "many" for n in range(40)})
    few, many = photos_by_group(found, marked, table, "groups.csv")
    assert (few["photos"], few["too_small"], many["photos"]) == (5, True, 35)
    assert (many["recall"]["16"], many["precision"]["16"], many["recall"]["40"]) == (0.5, 1, 1)
    with pytest.raises(LabelsInvalid, match="column photo"):
        photos_by_group(found, marked, GroupTable("person", {}), str(Path("groups.csv")))
