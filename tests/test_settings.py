"""The table of settings, read from the environment."""

import os
from pathlib import Path

import pytest
from platformdirs import user_data_path

from photocall.errors import InputError, SettingInvalid
from photocall.settings import PREFIX, Settings
from photocall.students import CSV_LAYOUTS

DOCS = Path(__file__).parents[1] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)


def test_without_anything_set_the_defaults_hold() -> None:
    assert Settings().model_dump() == {
        "data": user_data_path("photocall"),
        "threads": 0,
        "false_positive_target": 0.01,
        "min_face": 40,
        "video_fps": 4.0,
        "pack": None,
        "packs": None,
        "objects": (user_data_path("photocall") / "objects").as_uri(),
        "quality_filter": "AUTO",
        "keep_photos": True,
        "csv_layout": "photocall",
        "database": f"sqlite:///{user_data_path('photocall') / 'photocall.db'}",
        "template_keys": str(user_data_path("photocall") / "keys" / "templates.keys"),
        "queue": f"sqlite:///{user_data_path('photocall') / 'queue.db'}",
        "request_queue": "photocall-jobs",
        "response_queue": "",
        "student_table": "",
        "face_table": "",
        "lease": 60,
        "max_receives": 5,
        "input_bucket": "photocall-input",
        "output_bucket": "photocall-output",
        "csv_suffix": ".csv",
        "name_suffix": "",
        "workers_min": 0,
        "workers_max": 15,
        "job_seconds": 3600,
        "job_memory": 2048,
        "answer_form": "name",
        "answer_seconds": 300,
        "engine": "local",
        "host": "127.0.0.1",
        "port": 8000,
        "auth": "auto",
        "region": "us-east-1",
        "account": "000000000000",
        "bucket": "photocall",
        "school_bucket": "photocall-school",
        "demo_archives": Path(".demo"),
        "image_formats": "JPEG,PNG",
        "debug": False,
    }


def test_every_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"data": "/srv/faces", "threads": "2", "false_positive_target": "0.001"}
    values |= {"min_face": "500", "video_fps": "0.5", "csv_layout": "bare"}
    values |= {"pack": "standard", "packs": "/srv/packs.toml"}
    values |= {"objects": "file:///srv/photos", "keep_photos": "False", "quality_filter": "HIGH"}
    values |= {"database": "postgresql://ada@db.example/faces", "engine": "rekognition", "image_formats": "PNG,WebP"}
    values |= {"demo_archives": "/srv/demo"}
    values |= {"template_keys": "/srv/keys/templates.keys"}
    values |= {"host": "0.0.0.0", "port": "80", "auth": "on", "region": "eu-central-1", "account": "123456789012"}
    values |= {"bucket": "my-images", "school_bucket": "my-school", "debug": "True"}
    values |= {"queue": "nats://nats.example", "request_queue": "1-req", "response_queue": "1-resp"}
    values |= {"student_table": "class-7b", "face_table": "rekognition"}
    values |= {"lease": "30.0", "max_receives": "3", "job_seconds": "60.0", "job_memory": "1024"}
    values |= {"input_bucket": "1-in", "output_bucket": "1-out", "csv_suffix": "none", "name_suffix": ".txt"}
    values |= {"workers_min": "1", "workers_max": "4"}
    values |= {"answer_form": "readable", "answer_seconds": "20.0"}
    for name, value in values.items():
        monkeypatch.setenv(PREFIX + name.upper(), value)
    assert {name: str(value) for name, value in Settings().model_dump().items()} == values
    assert values.keys() == Settings.model_fields.keys()


def test_what_is_given_by_name_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOCALL_MIN_FACE", "100")
    assert Settings(min_face=200).min_face == 200


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOCALL_DATA", "")
    assert Settings().data == user_data_path("photocall")


def test_a_packs_file_in_the_data_directory_counts_until_another_is_named(tmp_path: Path) -> None:
    assert Settings(data=tmp_path).packs is None
    assert Settings(data=tmp_path).own_packs == tmp_path / "packs.toml"
    (tmp_path / "packs.toml").touch()
    assert Settings(data=tmp_path).packs == tmp_path / "packs.toml"
    assert Settings(data=tmp_path, packs="/srv/packs.toml").own_packs == Path("/srv/packs.toml")


def test_a_tilde_is_the_home_and_a_relative_path_starts_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Settings(data="~/faces").data == Settings(data="faces").data == tmp_path / "faces"


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("PHOTOCALL_THREADS", "many", "0 is all"),
        ("PHOTOCALL_THREADS", "-1", "0 is all"),
        ("PHOTOCALL_THREADS", "1025", "0 to 1024"),
        ("PHOTOCALL_THREADS", "2.5", "0 to 1024"),
        ("PHOTOCALL_FALSE_POSITIVE_TARGET", "0", "between 0 and 1"),
        ("PHOTOCALL_FALSE_POSITIVE_TARGET", "1", "between 0 and 1"),
        ("PHOTOCALL_FALSE_POSITIVE_TARGET", "nan", "between 0 and 1"),
        ("PHOTOCALL_FALSE_POSITIVE_TARGET", "1%", "between 0 and 1"),
        ("PHOTOCALL_MIN_FACE", "19", "20 to 500 pixels"),
        ("PHOTOCALL_MIN_FACE", "501", "20 to 500 pixels"),
        ("PHOTOCALL_VIDEO_FPS", "0", "more than 0 and at most 60"),
        ("PHOTOCALL_VIDEO_FPS", "60.1", "more than 0 and at most 60"),
        ("PHOTOCALL_VIDEO_FPS", "inf", "more than 0 and at most 60"),
        ("PHOTOCALL_CSV_LAYOUT", "excel", "photocall, name-major-year, "),
        ("PHOTOCALL_KEEP_PHOTOS", "sometimes", "true or false"),
        ("PHOTOCALL_ENGINE", "dlib", "local, or rekognition"),
        ("PHOTOCALL_PORT", "65536", "0 is any free one"),
        ("PHOTOCALL_PORT", "http", "0 is any free one"),
        ("PHOTOCALL_AUTH", "yes", "on, off, or auto"),
        ("PHOTOCALL_REGION", "us east", "Region"),
        ("PHOTOCALL_ACCOUNT", "12", "12 digits"),
        ("PHOTOCALL_BUCKET", "My_Images", "3 to 63 small letters"),
        ("PHOTOCALL_BUCKET", "../objects", "3 to 63 small letters"),
        ("PHOTOCALL_IMAGE_FORMATS", "JPEG,SVG", "JPEG, PNG, GIF"),
        ("PHOTOCALL_REQUEST_QUEUE", "my queue", "1 to 75 letters"),
        ("PHOTOCALL_REQUEST_QUEUE", "x" * 76, "1 to 75 letters"),
        ("PHOTOCALL_RESPONSE_QUEUE", "photocall-jobs", "not that of jobs"),
        ("PHOTOCALL_LEASE", "0", "1 to 43200"),
        ("PHOTOCALL_CSV_SUFFIX", "/../x", "such as .csv"),
        ("PHOTOCALL_INPUT_BUCKET", "In_Bucket", "3 to 63 small letters"),
        ("PHOTOCALL_OUTPUT_BUCKET", "photocall-input", "not the input bucket"),
        ("PHOTOCALL_BUCKET", "photocall-input", "not the input bucket"),
        ("PHOTOCALL_SCHOOL_BUCKET", "photocall-input", "none of the other three"),
        ("PHOTOCALL_SCHOOL_BUCKET", "photocall-output", "none of the other three"),
        ("PHOTOCALL_SCHOOL_BUCKET", "photocall", "none of the other three"),
        ("PHOTOCALL_WORKERS_MAX", "1001", "0 to 1000"),
        ("PHOTOCALL_JOB_MEMORY", "1", "256 or more"),
        ("PHOTOCALL_ANSWER_FORM", "long", "name or readable"),
        ("PHOTOCALL_DEBUG", "a little", "true or false"),
        ("PHOTOCALL_DATA", "~nobody-has-this-name/faces", "Directory"),
    ],
)
def test_a_wrong_value_gives_one_line_that_names_the_variable_and_what_is_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, right: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingInvalid) as caught:
        Settings()
    line = str(caught.value)
    assert line.startswith(f"{name}: ")
    assert value in line
    assert right in line
    assert "\n" not in line
    assert "pydantic" not in line


def test_a_wrong_value_given_by_name_is_named_as_it_was_given() -> None:
    with pytest.raises(SettingInvalid, match=r"min_face: 3 is not allowed\. Shorter side") as caught:
        Settings(min_face=3)
    assert isinstance(caught.value, InputError)


def test_a_setting_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(SettingInvalid, match="colour: there is no such setting; there are data, threads"):
        Settings(colour="blue")


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().threads = 3


def test_every_setting_is_in_the_docs_with_its_default_and_what_it_may_be() -> None:
    rows = {line.split("`")[1]: line for line in DOCS.read_text().splitlines() if line.startswith(f"| `{PREFIX}")}
    assert rows.keys() == {PREFIX + name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        row = rows[PREFIX + name.upper()]
        assert f"| {field.description} |" in row
        assert field.default_factory or field.default is None or f"| `{field.default}` |" in row


def test_every_csv_layout_is_in_the_docs_with_its_first_line() -> None:
    text = DOCS.read_text()
    for name, layout in CSV_LAYOUTS.items():
        first_line = "`" + ",".join(layout.header) + "`" if layout.header else "none"
        assert f"| `{name}` | {first_line}" in text


def test_templates_are_sealed_by_default_where_the_embedded_database_is(tmp_path: Path) -> None:
    embedded = Settings(data=tmp_path)
    assert embedded.template_keys_file == tmp_path / "keys" / "templates.keys"
    assert embedded.makes_template_keys
    assert Settings(data=tmp_path, database="postgresql://ada@db.example/faces").template_keys_file is None
    assert Settings(data=tmp_path, template_keys="none").template_keys_file is None
    named = Settings(data=tmp_path, template_keys=str(tmp_path / "k"), database="postgresql://ada@db.example/faces")
    assert (named.template_keys_file, named.makes_template_keys) == (tmp_path / "k", False)
