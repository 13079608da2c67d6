"""Model packs: what the default one says, and what a pack must say."""

import copy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from photocall.engine import packs
from photocall.engine.packs import ROLES, load_pack, pack_names, read_pack
from photocall.errors import WeightsInvalid

TABLES: dict[str, Any] = tomllib.loads(Path(packs.__file__).with_name("packs.toml").read_text("utf-8"))


def entries(table: dict[str, Any], *path: str) -> Iterator[tuple[str, ...]]:
    """Where every entry of a table is, the tables within included."""
    for key, value in table.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from entries(value, *path, key)


def changed(path: tuple[str, ...], value: object) -> dict[str, Any]:
    """The default pack's table with one entry replaced, or removed where `value` is None."""
    whole = copy.deepcopy(TABLES["dlib-mtcnn"])
    table = whole
    for key in path[:-1]:
        table = table[key]
    if value is None:
        del table[path[-1]]
    else:
        table[path[-1]] = value
    assert isinstance(whole, dict)
    return whole


@pytest.mark.parametrize("name", TABLES)
def test_every_pack_loads_and_names_source_licence_and_checksum_of_every_file(name: str) -> None:
    pack = load_pack(name)
    assert [(file.role, file.name) for file in pack.files] == [(role, file) for role in ROLES for file in ROLES[role]]
    for file in pack.files:
        assert file.licence in {"MIT", "CC0-1.0"}
        assert file.home.startswith("https://")
        assert file.package.count("==") == 1
        assert len(bytes.fromhex(file.sha256)) == 32


def test_the_default_pack_is_dlibs_network_behind_mtcnn() -> None:
    pack = load_pack("dlib-mtcnn")
    assert (pack.model, pack.dimension, pack.metric) == ("dlib-resnet-v1", 128, "euclidean")
    assert pack.calibration.customary_threshold == 0.6
    assert pack.calibration_valid == (0.38, 0.70)
    assert pack.calibration_source.startswith("measured on LFW")


def test_the_two_similarities_lie_on_the_calibration_curve() -> None:
    calibration = load_pack("dlib-mtcnn").calibration
    assert calibration.false_match_rate(calibration.d80) == pytest.approx(1e-3, rel=0.02)
    assert calibration.false_match_rate(calibration.d99) == pytest.approx(1e-5, rel=0.02)


def test_an_unknown_pack_is_refused_with_the_names_of_those_there_are() -> None:
    assert pack_names()[0] == "dlib-mtcnn"
    with pytest.raises(WeightsInvalid, match="no such pack; there is dlib-mtcnn"):
        load_pack("arcface")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("licence", [None, "", "  "])
def test_a_pack_with_a_part_without_licence_does_not_load(role: str, licence: str | None) -> None:
    with pytest.raises(WeightsInvalid, match=rf"entry {role}\.licence must be text"):
        read_pack("dlib-mtcnn", changed((role, "licence"), licence))


@pytest.mark.parametrize("path", [*entries(TABLES["dlib-mtcnn"])], ids=".".join)
def test_no_entry_may_be_missing_or_of_another_kind(path: tuple[str, ...]) -> None:
    for value in (None, [True]):
        with pytest.raises(WeightsInvalid, match=r"model pack 'dlib-mtcnn': entry [\w.]+ must be"):
            read_pack("dlib-mtcnn", changed(path, value))


@pytest.mark.parametrize("size", [0, -1, True, 1.5])
def test_a_size_is_a_whole_number_above_zero(size: object) -> None:
    with pytest.raises(WeightsInvalid, match=r"entry detector\.files\.pnet\.bytes must be a whole number above 0"):
        read_pack("dlib-mtcnn", changed(("detector", "files", "pnet", "bytes"), size))
