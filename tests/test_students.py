"""Students from JSON and CSV, and the CSV of people."""

import codecs
import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photocall import students
from photocall.errors import RosterInvalid, SettingInvalid
from photocall.roster import Student
from photocall.students import CSV_LAYOUTS, people_csv, read_students

ADA = Student("Ada Lovelace", {"id": "1", "major": "mathematics", "year": "senior"})
ZOE = Student("Zoë 李", {"id": "2", "major": "physics, applied", "year": "junior"})

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str | bytes) -> Path:
        path = tmp_path / "students"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def refusal(path: Path) -> str:
    with pytest.raises(RosterInvalid) as caught:
        read_students(path)
    assert caught.value.source == str(path)
    return caught.value.reason


def fields(path: Path) -> list[list[tuple[str, str]]]:
    return [list(student.fields.items()) for student in read_students(path)]


# --- reading


def test_the_classroom_assistants_own_list_is_read(eval_data: Path) -> None:
    read = read_students(eval_data / "classroom-videos" / "student_data.json")
    assert len(read) == 8
    assert read[0] == Student("mr_bean", {"id": "1", "major": "lawyer", "year": "freshmen"})
    assert read[7] == Student("johnny_dep", {"id": "8", "major": "computer_science", "year": "senior"})


AS_ARRAY = '[{"id": 1, "name": "Ada Lovelace", "major": "mathematics", "year": "senior"},\n' + (
    '{"id": 2, "name": "Zoë 李", "major": "physics, applied", "year": "junior"}]'
)
AS_LINES = AS_ARRAY[1:-1].replace("},\n", "}\n") + "\n"
AS_CSV = 'id,name,major,year\n1,Ada Lovelace,mathematics,senior\n2,Zoë 李,"physics, applied",junior\n'


@pytest.mark.parametrize(
    "text",
    [
        AS_ARRAY,
        AS_LINES,
        "\n" + AS_LINES.replace("\n", "\r\n\r\n"),
        json.dumps([json.loads(line) for line in AS_LINES.splitlines()], indent=4),
        "\n".join(json.dumps(json.loads(line), indent=4) for line in AS_LINES.splitlines()),
        AS_CSV,
        AS_CSV.replace("\n", "\r\n"),
        AS_CSV.replace("\n", "\r"),
        AS_CSV.rstrip(),
        AS_CSV.replace("\n", "\n\n"),
        AS_CSV.replace("\n", ",,\n"),
        AS_CSV.replace("id,name,major,year", "ID, Name ,MAJOR,Year"),
        'id;name;major;year\n1;Ada Lovelace;mathematics;senior\n2;Zoë 李;"physics, applied";junior\n;;;\n',
        "id,name,major,year\n1, Ada Lovelace ,mathematics , senior\n2,Zoe\u0308 李,'physics; applied',junior\n".replace(
            "'physics; applied'", '"physics, applied"'
        ),
    ],
    ids=range(14),
)
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["", "with a byte order mark"])
def test_whatever_a_school_exports_gives_the_same_students(write: Write, text: str, mark: bytes) -> None:
    path = write(mark + text.encode())
    assert read_students(path) == [ADA, ZOE]
    assert [list(student.fields) for student in read_students(path)] == [["id", "major", "year"]] * 2


def test_values_become_the_text_that_was_written(write: Write) -> None:
    text = (
        '[{"name": "a", "n": 12345678901234567890123, "f": 1.50, "t": true, "x": false, "nothing": null, "nan": NaN}]'
    )
    expected = [("n", "12345678901234567890123"), ("f", "1.50"), ("t", "true"), ("x", "false"), ("nothing", "")]
    assert fields(write(text)) == [[*expected, ("nan", "NaN")]]


def test_cells_that_a_row_leaves_out_are_empty(write: Write) -> None:
    assert fields(write("name,major,year\nAda\nBob,,junior\n")) == [
        [("major", ""), ("year", "")],
        [("major", ""), ("year", "junior")],
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"name": "Ada"}, {"major": "math"}]', "row 2: the name is missing"),
        ('[{"name": "Ada"}, {"name": " "}]', "row 2: the name is missing"),
        ('[{"name": "Ada"}, {"name": null}]', "row 2: the name is missing"),
        ('{"name": "Ada"}\n{"id": 2}', "row 2: the name is missing"),
        ("name,id\nAda,1\n,2\n", "row 3: the name is missing"),
        ("name,id\n\nAda,1\n\n,2\n", "row 5: the name is missing"),
        ('name,id\n"Ada",1\n"Bob\nBob",2\n', "row 3: the name 'Bob\\nBob' holds a control character"),
        ('[{"name": "a\\u0000b"}]', "row 1: the name 'a\\x00b' holds a control character"),
        ('[{"name": "a\\ud83d"}]', "row 1: 'name' holds half of a character"),
        ('[{"name": "a", "major": "\\ud83d"}]', "row 1: 'major' holds half of a character"),
        ('[{"name": "Ada"}, {"name": "Bob"}, {"name": "ada "}]', "rows 1 and 3 have the same name 'ada'"),
        ("name\nStraße\nBob\nSTRASSE\n", "rows 2 and 4 have the same name 'STRASSE'"),
        ("name\nZo\u00eb\nZoe\u0308\n", "rows 2 and 3 have the same name 'Zoë'"),
        ('[{"name": "Ada", "Name": "Bob"}]', "row 1 has 'name' twice"),
        ('[{"name": "Ada", "name": "Bob"}]', "row 1 has 'name' twice"),
        ("name,id,ID\nAda,1,2\n", "row 2 has 'id' twice"),
        ('[{"name": "Ada", "major": ["math"]}]', "row 1: 'major' is a list or an object"),
        ('[{"name": {"first": "Ada"}}]', "row 1: 'name' is a list or an object"),
        ('["Ada", "Bob"]', "number 1 is not an object"),
        ('[{"name": "Ada"}, []]', "number 2 is not an object"),
        ('{"name": "Ada"}, {"name": "Bob"}', "it is not JSON: "),
        ('[{"name": "Ada"}', "it is not JSON: "),
        ("[" * 100_000, "it is nested too deeply"),
        ('{"name":' * 100_000, "it is nested too deeply"),
        ("[]", "there is no student in it"),
        ("name,major,year\n", "there is no student in it"),
        ("\n \n", "there is no student in it"),
        ("", "it is empty"),
        ("Ada,math,senior\nBob,math,junior\n", "first line names its columns, one of them 'name'"),
        ("name,,year\nAda,math,senior\n", "row 1: a column has no heading"),
        ("name,year\nAda,senior,math\n", "row 2 has 3 cells, the header only 2"),
        ('name,year\nAda,"senior\n', "it is neither JSON nor CSV: line 2"),
        ('name,year\nAda,"sen"ior\n', "it is neither JSON nor CSV: line 2"),
        (AS_CSV.encode("latin1", "replace"), "not UTF-8 text"),
        (AS_CSV.encode("utf-16"), "not UTF-8 text"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\xff\xfe", "not UTF-8 text"),
    ],
)
def test_what_contradicts_itself_is_told_with_its_row(write: Write, text: str | bytes, reason: str) -> None:
    assert reason in refusal(write(text))


def test_a_cell_longer_than_any_is_refused(write: Write) -> None:
    assert "neither JSON nor CSV: line 2: field larger" in refusal(write("name\n" + "a" * 200_000))


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "students.csv"
    with path.open("wb") as file:
        file.truncate(2**40)
    assert "larger than 10 MiB" in refusal(path)


def test_more_students_than_a_school_has_are_refused(write: Write) -> None:
    some = "\n".join(f"s{number}" for number in range(students.MAX_STUDENTS))
    assert len(read_students(write("name\n" + some))) == students.MAX_STUDENTS
    assert "more than 100,000 students" in refusal(write("name\n" + some + "\none more"))


def test_a_file_that_is_missing_or_none_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "no such file" in refusal(tmp_path / "nowhere")
    assert "directory" in refusal(tmp_path)
    assert "not a plain file" in refusal(tmp_path / "pipe")


# --- writing

SEEN = {"first_seen": "0.0", "last_seen": "3.5", "similarity": "99.1"}


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        (
            "photocall",
            "name,major,year,first_seen,last_seen,similarity\nAda Lovelace,mathematics,senior,0.0,3.5,99.1\n",
        ),
        ("name-major-year", "name,major,year\nAda Lovelace,mathematics,senior\n"),
        ("year-major-name-bom", "\ufeffyear,major,name\nsenior,mathematics,Ada Lovelace\n"),
        ("capitalised", "Name,Major,Year\nAda Lovelace,mathematics,senior\n"),
        ("bare", "Ada Lovelace,mathematics,senior\n"),
    ],
)
def test_each_layout_is_exactly_what_its_readers_expect(layout: str, text: str) -> None:
    assert people_csv([(ADA, SEEN)], layout) == text
    assert layout in CSV_LAYOUTS


def test_the_layout_is_photocalls_own_unless_another_is_asked_for() -> None:
    assert people_csv([(ADA, SEEN)]) == people_csv([(ADA, SEEN)], "photocall")


def test_without_anybody_there_is_the_header_alone() -> None:
    assert people_csv([], "name-major-year") == "name,major,year\n"
    assert people_csv([], "bare") == ""


def test_what_is_not_known_of_a_person_is_an_empty_cell() -> None:
    assert people_csv([(Student("Ada"), {})]).splitlines()[1] == "Ada,,,,,"


def test_a_layout_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(SettingInvalid, match="csv_layout: there is no layout 'excel'; choose one of photocall, name-"):
        people_csv([], "excel")


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\tx", " =1", "\r=1", "\n=1", '=HYPERLINK("http://x","y")']
)
def test_a_name_that_a_spreadsheet_would_compute_is_made_plain(name: str) -> None:
    text = people_csv([(Student(name, {"major": name}), {})], "bare")
    plain = "'" + name.replace("\r", " ").replace("\n", " ")
    assert next(csv.reader(io.StringIO(text, newline=""))) == [plain, plain, ""]


def test_a_line_break_in_a_cell_starts_no_row() -> None:
    text = people_csv([(Student("Ada", {"major": "math\r=1+1\nBob"}), {})], "bare")
    assert text == "Ada,math =1+1 Bob,\n"


ANYTHING = st.text(st.characters(codec="utf-8"), max_size=20)


@given(ANYTHING, ANYTHING, ANYTHING)
@settings(deadline=None)
def test_any_text_comes_back_out_of_the_csv(name: str, major: str, year: str) -> None:
    text = people_csv([(Student(name, {"major": major, "year": year}), {})] * 2, "bare")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == 2
    for cell, original in zip(rows[1], (name, major, year), strict=True):
        assert cell.removeprefix("'") == original.replace("\r", " ").replace("\n", " ").removeprefix("'")


def test_what_was_written_can_be_read_again(write: Write) -> None:
    for layout in ("name-major-year", "year-major-name-bom", "capitalised"):
        read = read_students(write(people_csv([(ADA, SEEN), (ZOE, SEEN)], layout)))
        assert [(student.name, student.fields["major"], student.fields["year"]) for student in read] == [
            ("Ada Lovelace", "mathematics", "senior"),
            ("Zoë 李", "physics, applied", "junior"),
        ]
