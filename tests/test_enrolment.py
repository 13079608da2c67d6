from pathlib import Path

import pytest

from photocall.enrolment import find_portraits
from photocall.errors import RosterInvalid


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_a_file_or_a_folder_is_a_student(tmp_path: Path) -> None:
    touch(tmp_path, "Ann.jpg", "Bob/2.PNG", "Bob/1.jpeg", "Zoë Müller.webp")
    photos, conflicts = find_portraits(tmp_path)
    assert {name: [path.name for path in paths] for name, paths in photos.items()} == {
        "Ann": ["Ann.jpg"],
        "Bob": ["1.jpeg", "2.PNG"],
        "Zoë Müller": ["Zoë Müller.webp"],
    }
    assert conflicts == []


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    touch(tmp_path, "Ann.jpg", ".hidden.jpg", "students.json", ".git/x.jpg", "Bob/notes.txt", "Bob/.thumb.jpg")
    photos, _ = find_portraits(tmp_path)
    assert list(photos) == ["Ann"]


@pytest.mark.parametrize(
    "names",
    [("Ann.jpg", "Ann.png"), ("Ann.jpg", "Ann/1.jpg"), ("Ann.jpg", "ann.jpg"), ("Zoe\u0308.jpg", "Zo\u00eb.jpg")],
    ids=["two files", "file and folder", "case", "unicode form"],
)
def test_two_students_with_one_name_are_left_out_and_named_while_others_stay(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    touch(tmp_path, *names, "Bob.jpg")
    photos, (conflict,) = find_portraits(tmp_path)
    assert list(photos) == ["Bob"]
    assert "two students with one name" in str(conflict)


def test_a_folder_without_photos_and_no_folder_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RosterInvalid, match="no photos in it"):
        find_portraits(tmp_path)
    with pytest.raises(RosterInvalid, match="give a folder"):
        find_portraits(tmp_path / "missing")
