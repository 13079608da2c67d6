"""Files of labels: what is in them, and what is wrong with them, by line."""

from pathlib import Path

import pytest

from albums import album, owners, vector
from people import face, person
from photocall.engine.face_engine import FaceEngine
from photocall.errors import LabelsInvalid
from photocall.evaluation.album import central, look
from photocall.evaluation.tables import Pair, read_groups, read_pairs
from photocall.evaluation.wider import read_marked
from photocall.faces import BoundingBox, ByteArray
from photocall.media.images import write_image


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "labels.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_pairs_are_read_with_their_folds_and_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufefffold,a,b,same\r\n1,Ada/1.jpg,Ada/2.jpg,1\r\n2,Ada/1.jpg,Bo/1.jpg,0\r\n")
    assert read_pairs(path) == [
        Pair("1", "Ada/1.jpg", "Ada/2.jpg", True, 2),
        Pair("2", "Ada/1.jpg", "Bo/1.jpg", False, 3),
    ]


def test_a_photo_is_one_however_its_path_is_spelt_and_spaces_around_cells_do_not_count(tmp_path: Path) -> None:
    path = written(tmp_path, "fold, a, b, same\n1, Ada/1.jpg, ./Ada//2.jpg, 1\n")
    assert read_pairs(path) == [Pair("1", "Ada/1.jpg", "Ada/2.jpg", True, 2)]
    assert read_groups(written(tmp_path, "photo,age\n./Ada//1.jpg,36\n"), "age").groups == {"Ada/1.jpg": "36"}
    assert set(read_marked(written(tmp_path, "./Ada//1.jpg\n0\n"))) == {"Ada/1.jpg"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fold,a,b\n1,x,y\n", "no column same; its columns are fold, a, b"),
        ("fold,a,b,same\n", "no pairs"),
        ("fold,a,b,same\n1,x.jpg,y.jpg,1\n1,x.jpg,y.jpg\n", "line 3: it must have 4 cells"),
        ("fold,a,b,same\n1,x.jpg,y.jpg,1,5\n", "line 2: it must have 4 cells"),
        ("fold,a,b,same\n1,x.jpg,y.jpg,yes\n", "line 2: same must be 1 or 0, not 'yes'"),
        ("fold,a,b,same\n1,../x.jpg,y.jpg,1\n", "line 2: '../x.jpg' is no path below"),
        ("fold,a,b,same\n1,x.jpg,/etc/passwd,1\n", "line 2: '/etc/passwd' is no path below"),
        ("fold,a,b,same\n1,x.jpg,./x.jpg,1\n", "line 2: a and b are one photo, 'x.jpg'; give two"),
        ("fold,a,b,same\n1,,y.jpg,1\n", "line 2: '' is no path below"),
        ('fold,a,b,same\n1,"x.jpg,y.jpg,1\n', "line 2: unexpected end of data"),
        (b"fold,a,b,same\n1,\xff.jpg,y.jpg,1\n", "not UTF-8"),
        ("", "it is empty"),
    ],
)
def test_a_malformed_file_of_pairs_is_told_by_its_line(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(LabelsInvalid) as wrong:
        read_pairs(written(tmp_path, text))
    assert reason in str(wrong.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(LabelsInvalid, match=r"none\.csv: no such file"):
        read_pairs(tmp_path / "none.csv")


def test_a_person_is_a_folder_or_a_file_name_without_its_number() -> None:
    assert owners(("1", "Ada/1.jpg", "Ada/2.jpg", 1), ("1", "Bo_0001.jpg", "Bo_Li_0012.png", 0)) == {
        "Ada/1.jpg": "Ada",
        "Ada/2.jpg": "Ada",
        "Bo_0001.jpg": "Bo",
        "Bo_Li_0012.png": "Bo_Li",
    }


def test_pairs_of_one_person_join_what_paths_keep_apart() -> None:
    found = owners(("1", "a.jpg", "b.jpg", 1), ("1", "c.jpg", "b.jpg", 1), ("1", "a.jpg", "d.jpg", 0))
    assert found == {"a.jpg": "a", "b.jpg": "a", "c.jpg": "a", "d.jpg": "d"}


def test_pairs_that_contradict_one_another_are_refused() -> None:
    with pytest.raises(LabelsInvalid, match=r"line 4: same is 0, yet a\.jpg and c\.jpg are both of 'a'"):
        owners(("1", "a.jpg", "b.jpg", 1), ("1", "b.jpg", "c.jpg", 1), ("1", "a.jpg", "c.jpg", 0))
    with pytest.raises(LabelsInvalid, match="line 2"):
        owners(("1", "all/1.jpg", "all/2.jpg", 0))


def test_groups_are_keyed_by_photo_or_by_person(tmp_path: Path) -> None:
    table = read_groups(written(tmp_path, "person,age,city\nAda,20-30,Rome\nBo,,Oslo\n"), "age")
    assert (table.key, table.groups) == ("person", {"Ada": "20-30", "Bo": ""})
    assert read_groups(written(tmp_path, "photo,mask\nx.jpg,yes\n"), "mask").key == "photo"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,age\nAda,20\n", "a column photo or a column person"),
        ("person,city\nAda,Rome\n", "no column age"),
        ("person,age\nAda,20\nAda,30\n", "line 3: 'Ada' is there twice"),
        ("person,age\n", "no rows"),
    ],
)
def test_a_malformed_table_of_groups_is_told(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(LabelsInvalid, match=reason):
        read_groups(written(tmp_path, text), "age")


MARKED = """0--Parade/a.jpg
2
10 20 30 40 1 0 0 0 2 0
5 6 7 8 2 0 1 1 0 0
0--Parade/none.jpg
0
0 0 0 0 0 0 0 0 0 0
b.jpg
0
c.jpg
1
1 2 3 4 0 0 0 0 0 0
"""


def test_marked_faces_are_read_in_the_official_layout(tmp_path: Path) -> None:
    marked = read_marked(written(tmp_path, MARKED))
    assert {name: len(faces) for name, faces in marked.items()} == {
        "0--Parade/a.jpg": 2,
        "0--Parade/none.jpg": 0,
        "b.jpg": 0,
        "c.jpg": 1,
    }
    first, second = marked["0--Parade/a.jpg"]
    assert (first.box, first.valid, first.blur, first.illumination) == (BoundingBox(10, 20, 30, 40), True, 1, 0)
    assert (second.size, second.valid, second.blur, second.illumination) == (7, False, 2, 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a.jpg\n", "line 1: it must be the number of faces, not None"),
        ("a.jpg\nmany\n", "line 2: it must be the number of faces, not 'many'"),
        ("a.jpg\n-1\n", "line 2: it must be the number"),
        ("a.jpg\n999999999999\n1 2 3 4 0 0 0 0 0 0\n", "line 2: 999999999999 faces are said to follow"),
        ("a.jpg\n1\n1 2 3 4\n", "line 3: a face must be 10 whole numbers, not '1 2 3 4'"),
        ("a.jpg\n1\n1 2 3 x 0 0 0 0 0 0\n", "line 3: a face must be"),
        ("a.jpg\n1\n1 2 -3 4 0 0 0 0 0 0\n", "line 3: the width and height"),
        ("a.jpg\n0\na.jpg\n0\n", "line 3: 'a.jpg' is there twice"),
        ("../a.jpg\n0\n", "line 1: '../a.jpg' is no path below"),
        ("\n\n", "no photos"),
    ],
)
def test_a_malformed_list_of_marked_faces_is_told_by_its_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(LabelsInvalid) as wrong:
        read_marked(written(tmp_path, text))
    assert reason in str(wrong.value)


def test_the_face_that_counts_is_the_one_nearest_to_the_centre() -> None:
    corner, middle = face(person(1), 0, 0, 300), face(person(2), 420, 430, 90)
    assert central([corner, middle], 1000, 1000) is middle
    assert central([], 1000, 1000) is None


def test_photos_are_looked_at_in_order_and_failures_are_kept(
    engine: FaceEngine, portraits: dict[str, ByteArray], tmp_path: Path
) -> None:
    write_image(tmp_path / "a.jpg", portraits["biden"])
    write_image(tmp_path / "grey.png", portraits["biden"][:60, :60] // 8)
    (tmp_path / "text.jpg").write_text("no picture")
    a, grey, missing, text = look(engine, tmp_path, ["a.jpg", "grey.png", "missing.jpg", "text.jpg"], threads=2)
    assert a.vector is not None and a.vector.shape == (128,) and a.problem is None
    assert grey.vector is None and grey.problem is None
    assert "no such file" in str(missing.problem) and missing.face is None
    assert str(tmp_path / "text.jpg") in str(text.problem)


def test_an_album_is_sorted_and_knows_its_failures() -> None:
    found = album({"Bo/1": vector(1), "Ada/2": None, "Ada/1": vector(2)})
    assert [photo.name for photo in found.photos] == ["Ada/1", "Ada/2", "Bo/1"]
    assert found.people == ("Ada", "Bo") and found.owners.tolist() == [0, 0, 1]
    assert found.acquired.tolist() == [0, 2] and found.failures == 1
