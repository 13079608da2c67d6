"""Photos of many students at once: whom a name means, and what a hostile ZIP cannot do."""

import io
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray
from photocall.media.images import encode_jpeg
from photocall.roster import Student
from photocall.school import zips
from photocall.school.errors import EntryInvalid
from photocall.school.portrait_archives import Names, add_portraits
from photocall.school.portraits import Added
from schooling import ADA, ADMINISTRATOR, BOB, NOW, STRANGER, TEACHER, School, school

STUDENTS = [
    Student("Ada Lovelace", {}, "s-1042"),
    Student("Jean-Luc Picard", {}, "1"),
    Student("Zoë Müller", {}, "ZM.7"),
    Student("Ann Lee", {}, "a1"),
    Student("ann lee", {}, "a2"),
    Student("s-1042", {}, "x"),
]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[School]:
    with school(tmp_path / "data") as opened:
        opened.agree(ADA)
        yield opened


@pytest.fixture(scope="module")
def photo(portraits: dict[str, ByteArray]) -> bytes:
    picture = Image.fromarray(portraits["astronaut"])
    picture.thumbnail((600, 600))
    return encode_jpeg(np.array(picture), 90)


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> io.BytesIO:
    """A ZIP with these names, exactly as they are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, compression
            archive.writestr(info, data)
    file.seek(0)
    return file


def added(there: School, engine: FaceEngine, file: io.BytesIO) -> list[Added]:
    return list(add_portraits(there.enrolment(engine), ADMINISTRATOR, zips.entries(file, "a.zip"), NOW))


@pytest.mark.parametrize(
    ("path", "student_id"),
    [
        ("s-1042.jpg", "s-1042"),
        ("S-1042.JPG", "s-1042"),
        ("s-1042_2.jpg", "s-1042"),
        ("s-1042_20260901080000.jpg", "s-1042"),
        ("Ada Lovelace.jpg", "s-1042"),
        ("ada-lovelace_2.jpg", "s-1042"),
        ("ADA_LOVELACE (3).jpeg", "s-1042"),
        ("Ada Lovelace/1.jpg", "s-1042"),
        ("class 7b/Ada Lovelace/IMG_2041.jpg", "s-1042"),
        ("Ada Lovelace/2024/IMG_2041.jpg", "s-1042"),
        ("class 7b/Ada Lovelace.jpg", "s-1042"),
        ("Ada Lovelace/ada lovelace 2.jpg", "s-1042"),
        ("jean-luc picard.jpg", "1"),
        ("1.jpg", "1"),
        ("zm.7.jpg", "ZM.7"),
        ("Zoe\u0308 Mu\u0308ller.jpg", "ZM.7"),
        ("a2.jpg", "a2"),
    ],
)
def test_a_file_is_the_students_whom_it_or_its_folder_is_named_after(path: str, student_id: str) -> None:
    assert Names(STUDENTS).student_id(path) == student_id


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("Grace Hopper.jpg", "no student of yours"),
        ("Ann Lee.jpg", "several students"),
        ("Ada Lovelace/Jean-Luc Picard.jpg", "its folder is one student's"),
        ("_2.jpg", "no student of yours"),
        ("a" * 1001, "more than 1000 characters"),
    ],
)
def test_a_name_that_does_not_say_whom_it_means_is_refused(path: str, reason: str) -> None:
    with pytest.raises(EntryInvalid, match=reason):
        Names(STUDENTS).student_id(path)


@pytest.mark.parametrize(
    "path",
    [
        "../s-1.jpg",
        "s-1/../../s-1.jpg",
        "/etc/s-1.jpg",
        "C:/s-1.jpg",
        "C:\\s-1.jpg",
        "..\\..\\s-1.jpg",
        "s-1/ .. /1.jpg",
        "s-1//1.jpg",
        "./s-1.jpg",
        "s-1.jpg\0.png",
        "s-1\n.jpg",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused_and_nothing_is_written(
    there: School, engine: FaceEngine, photo: bytes, path: str, tmp_path: Path
) -> None:
    before = set(tmp_path.rglob("*"))
    (told,) = added(there, engine, zipped({path: photo}))
    assert told.portrait is None and "its path" in told.problem
    assert told.problem.isprintable()
    assert {each for each in set(tmp_path.rglob("*")) - before if each.suffix == ".jpg"} == set()


def test_a_good_file_is_added_whatever_is_beside_it(there: School, engine: FaceEngine, photo: bytes) -> None:
    files = {
        "s-1.jpg": photo,
        "s-2.jpg": photo,
        "Ada Lovelace/1.jpg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "Ada Lovelace/2.jpg": b"<!doctype html><script>alert(1)</script>",
        "Ada Lovelace/3.jpg": b"%PDF-1.7",
        "Ada Lovelace/4.jpg": zipped({"s-1.jpg": photo}).getvalue(),
        "Ada Lovelace/5.jpg": b"",
        "Ada Lovelace/6.jpg": photo,
        "__MACOSX/._s-1.jpg": b"junk",
        ".DS_Store": b"junk",
    }
    told = {each.file: each for each in added(there, engine, zipped(files))}
    assert len(told) == 8
    first, again = told["s-1.jpg"].portrait, told["Ada Lovelace/6.jpg"].portrait
    assert first is not None and first == again
    assert "no consent" in told["s-2.jpg"].problem
    wanted = ["it is text", "it is text", "it is a PDF file", "a ZIP inside a ZIP", "it is empty"]
    assert [reason in told[f"Ada Lovelace/{n}.jpg"].problem for n, reason in enumerate(wanted, 1)] == [True] * 5
    assert [each.key for each in there.places.bucket.list("student_photos")] == [
        "student_photos/s-1_20260901080000.jpg"
    ]


def test_links_and_encrypted_files_are_refused(there: School, engine: FaceEngine) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("s-1.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    (told,) = added(there, engine, file)
    assert "it is a link" in told.problem
    sealed = bytearray(zipped({"s-1.jpg": b"secret"}).getvalue())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        sealed[sealed.index(signature) + offset] |= 1
    (told,) = added(there, engine, io.BytesIO(bytes(sealed)))
    assert "it is encrypted" in told.problem


def test_a_bomb_is_unpacked_no_further_than_a_photo_may_be_large() -> None:
    bomb = zipped({"s-1.jpg": b"\0" * (64 * 2**20)}, zipfile.ZIP_DEFLATED)
    archive = zips.entries(bomb, "a.zip")
    entry = next(archive)
    with pytest.raises(EntryInvalid, match="more than 20 MiB"):
        entry.read(20 * 2**20)


def test_all_files_together_may_unpack_to_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "MOST_BYTES", 2500)
    archive = zips.entries(zipped({f"{number}.jpg": b"\0" * 1000 for number in range(4)}), "a.zip")
    assert [len(next(archive).read(2000)) for _ in range(2)] == [1000, 1000]
    with pytest.raises(EntryInvalid, match="unpacks to more"):
        next(archive).read(2000)


def test_a_directory_of_too_many_files_is_not_even_read() -> None:
    many = zipped({"s-1.jpg": b""}).getvalue()
    at = many.rindex(b"PK\5\6")
    huge = bytearray(many)
    huge[at + 12 : at + 16] = struct.pack("<I", 2**31)
    lying = many[:at] + b"PK\6\7" + b"\0" * 16 + many[at:]
    numerous = bytearray(many)
    numerous[at + 8 : at + 12] = struct.pack("<HH", 60000, 60000)
    for data in (bytes(huge), lying, bytes(numerous)):
        with pytest.raises(EntryInvalid, match="more than 5000 files"):
            list(zips.entries(io.BytesIO(data), "a.zip"))
    for data in (b"", b"PK\3\4 and nothing more", b"PK\5\6", many[: at + 4], b"PK\5\6" + b"\xff" * 18):
        with pytest.raises(EntryInvalid):
            list(zips.entries(io.BytesIO(data), "a.zip"))


def test_a_damaged_file_does_not_stop_the_others(there: School, engine: FaceEngine, photo: bytes) -> None:
    data = bytearray(zipped({"Ada Lovelace/1.jpg": photo, "s-1.jpg": photo}).getvalue())
    data[data.index(b"\xff\xd8") + 500] ^= 0xFF  # its checksum is wrong from now on
    bad, good = added(there, engine, io.BytesIO(bytes(data)))
    assert "it is damaged" in bad.problem and good.portrait is not None


def test_only_the_students_of_ones_own_classes_are_meant(there: School, engine: FaceEngine, photo: bytes) -> None:
    there.agree(BOB)
    enrolment = there.enrolment(engine)
    foreign = list(add_portraits(enrolment, STRANGER, zips.entries(zipped({"s-1.jpg": photo}), "a.zip"), NOW))
    assert foreign[0].portrait is None and "no student of yours" in foreign[0].problem
    own = list(add_portraits(enrolment, TEACHER, zips.entries(zipped({"bob babbage.jpg": photo}), "a.zip"), NOW))
    assert own[0].student_id == "s-2" and own[0].portrait is not None
