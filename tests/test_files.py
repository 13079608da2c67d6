from pathlib import Path

import pytest

from photocall.errors import OutputUnwritable
from photocall.media import files


def test_writing_replaces_a_file_in_one_step_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "roll.csv"
    files.write_atomically(path, b"old")
    files.write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["roll.csv"]


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    files.write_atomically(tmp_path / "atomic", b"x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_target_that_cannot_be_written_is_named_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    refused = {
        tmp_path / "file" / "below.csv": "a part of its path is a file, not a directory",
        tmp_path / "folder": "it is a directory",
        tmp_path / ("x" * 300): "its name is too long",
        tmp_path / "nul\0": "its name holds a NUL character",
    }
    for path, words in refused.items():
        with pytest.raises(OutputUnwritable) as refusal:
            files.write_atomically(path, b"x")
        assert (refusal.value.path, refusal.value.reason) == (str(path), words)
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]
    assert [entry.name for entry in (tmp_path / "folder").iterdir()] == ["full"]
