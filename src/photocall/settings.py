"""Every setting of photocall in one table: its name, its type, its default, and what it may be.

A setting is read from the environment variable `PHOTOCALL_<NAME>`. Only `app.py` and the surfaces read settings; verbs
take arguments. `docs/settings.md` shows the same table.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from platformdirs import user_data_path
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from photocall.errors import SettingInvalid
from photocall.media.signatures import IMAGES
from photocall.quality_gate import QualityFilter
from photocall.students import CSV_LAYOUTS

PREFIX = "PHOTOCALL_"

DATABASE = "photocall.db"
"""File name of the embedded database in the data directory."""

QUEUE = "queue.db"
"""File name of the embedded queues in the data directory."""

TEMPLATE_KEYS = Path("keys", "templates.keys")
"""File of the keys of the embedded database's templates in the data directory."""

NONE = "none"
"""Value of a setting that says that there is none, where an empty variable counts as one that is not set."""

OWN_PACKS = "packs.toml"
"""File of the user's own model packs in the data directory."""


_BUCKET_NAME = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
_BUCKET_RULE = "3 to 63 small letters, digits, dots and hyphens"
_QUEUE_NAME = r"^[A-Za-z0-9_-]{1,75}$"
_QUEUE_RULE = "1 to 75 letters, digits, - and _"
_TABLE_NAME = r"^$|^[A-Za-z0-9_.-]{3,255}$"
_TABLE_RULE = "3 to 255 letters, digits, dots, - and _"


class EngineKind(StrEnum):
    """What recognises."""

    LOCAL = "local"
    REKOGNITION = "rekognition"


class AuthMode(StrEnum):
    """Whether requests need a key."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class AnswerForm(StrEnum):
    """How the web tier says who is in a photo."""

    NAME = "name"
    READABLE = "readable"


class Settings(BaseSettings):
    """The settings of this process: what is given by name, else the environment, else the default.

    Raises `SettingInvalid` with the name of the first wrong one and what it may be.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    data: Path = Field(
        default_factory=lambda: user_data_path("photocall"),
        description="Directory of the database and the results; made if it is missing.",
    )
    threads: int = Field(
        0, ge=0, le=1024, description="Processor cores to use, 0 to 1024; 0 is all that this process may use."
    )
    false_positive_target: float = Field(
        0.01,
        gt=0,
        lt=1,
        allow_inf_nan=False,
        description="Share of strangers who may be given a name, between 0 and 1; 0.01 is one in a hundred.",
    )
    min_face: int = Field(
        40,
        ge=20,
        le=500,
        description="Shorter side of the smallest face surely looked for, 20 to 500 pixels; smaller ones may be found.",
    )
    video_fps: float = Field(
        4,
        gt=0,
        le=60,
        allow_inf_nan=False,
        description="Frames looked at in each second of a video, more than 0 and at most 60.",
    )
    pack: str | None = Field(
        None, description="Model pack to use; where nothing is set, the one that the enrolled faces were made with."
    )
    packs: Path | None = Field(
        default_factory=lambda given: _existing_packs(given.get("data")),
        description="File of your own model packs; packs.toml in the data directory if there is one.",
    )
    objects: str = Field(
        default_factory=lambda given: (given["data"] / "objects").as_uri(),
        description="Address of the place for kept photos and buckets, such as file:///srv/photos or s3://bucket/photos.",
    )
    quality_filter: QualityFilter = Field(
        QualityFilter.AUTO,
        description="How good a face must be to be enrolled, or to be named for certain: "
        f"{', '.join(QualityFilter)}; NONE is no filter, AUTO is MEDIUM.",
    )
    keep_photos: bool = Field(
        True, description="Whether enrolment keeps of each photo what another model needs: true or false."
    )
    csv_layout: str = Field("photocall", description=f"Columns of a result's CSV: {', '.join(CSV_LAYOUTS)}.")
    database: str = Field(
        default_factory=lambda given: sqlite_url(given["data"] / DATABASE),
        description="Address of the database: sqlite:////srv/photocall.db, postgresql://user@host/name, dynamodb://name.",
    )
    student_table: str = Field(
        "",
        pattern=_TABLE_NAME,
        description=f"Table of DynamoDB with the students, {_TABLE_RULE}; else the database's name and -students.",
    )
    face_table: str = Field(
        "",
        pattern=_TABLE_NAME,
        description=f"Table of DynamoDB that shows the faces of archived images, {_TABLE_RULE}; else none.",
    )
    template_keys: str = Field(
        default_factory=lambda given: _template_keys(given.get("data"), given.get("database")),
        min_length=1,
        description="File of the keys that templates are sealed under, such as /srv/keys/templates.keys, or none.",
    )
    queue: str = Field(
        default_factory=lambda given: sqlite_url(given["data"] / QUEUE),
        description="Address of the queues, such as sqlite:////srv/queue.db, nats://host:4222 or sqs://.",
    )
    request_queue: str = Field(
        "photocall-jobs", pattern=_QUEUE_NAME, description=f"Name of the queue of jobs: {_QUEUE_RULE}."
    )
    response_queue: str = Field(
        "",
        pattern=rf"^$|{_QUEUE_NAME}",
        description="Name of a queue, not that of jobs, that is told of every result; empty for none.",
    )
    lease: float = Field(
        60, ge=1, le=43200, description="Seconds after which the job of a worker that died is another's, 1 to 43200."
    )
    max_receives: int = Field(
        5, ge=1, le=1000, description="Times that a job is tried before it is given up, 1 to 1000."
    )
    input_bucket: str = Field(
        "photocall-input",
        pattern=_BUCKET_NAME,
        description=f"Bucket whose photos and videos are recognised when put: {_BUCKET_RULE}.",
    )
    output_bucket: str = Field(
        "photocall-output",
        pattern=_BUCKET_NAME,
        description="Bucket, not the input bucket, for the CSV of a video and the name in a photo.",
    )
    csv_suffix: str = Field(
        ".csv",
        pattern=r"^[A-Za-z0-9._-]{0,20}$",
        description="What follows a video's name in the key of its CSV, such as .csv; none for nothing.",
    )
    name_suffix: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,20}$",
        description="What follows a photo's name in the key of the names in it, such as .txt; nothing if empty.",
    )
    workers_min: int = Field(
        0, ge=0, le=1000, description="Worker processes that are there even if there is no job, 0 to 1000."
    )
    workers_max: int = Field(15, ge=0, le=1000, description="Most worker processes, 0 to 1000; 0 has serve start none.")
    job_seconds: float = Field(3600, ge=1, le=86400, description="Seconds that a job may take, 1 to 86400.")
    job_memory: int = Field(2048, ge=256, description="MiB of memory that a worker may have, 256 or more.")
    answer_form: AnswerForm = Field(
        AnswerForm.NAME,
        description=f"How the web tier answers, {' or '.join(AnswerForm)}: test_000:Paul, or a sentence.",
    )
    answer_seconds: float = Field(
        300, ge=1, le=3600, description="Seconds that the web tier waits for an answer, 1 to 3600."
    )
    engine: EngineKind = Field(
        EngineKind.LOCAL,
        description="What photocall serve recognises with: local, or rekognition for Amazon's own service.",
    )
    host: str = Field("127.0.0.1", description="Address that photocall serve listens on; 0.0.0.0 is every one.")
    port: int = Field(8000, ge=0, le=65535, description="Port that photocall serve listens on; 0 is any free one.")
    auth: AuthMode = Field(
        AuthMode.AUTO,
        description="Whether requests need a key: on, off, or auto, which is on unless only this machine can ask.",
    )
    region: str = Field("us-east-1", pattern=r"^[a-z0-9-]+$", description="Region that signatures and ARNs name.")
    account: str = Field("000000000000", pattern=r"^\d{12}$", description="Account that ARNs name, 12 digits.")
    bucket: str = Field(
        "photocall",
        pattern=_BUCKET_NAME,
        description=f"Bucket, not the input bucket, for the images of PUT /v1/index: {_BUCKET_RULE}.",
    )
    school_bucket: str = Field(
        "photocall-school",
        pattern=_BUCKET_NAME,
        description=f"Bucket, none of the other three, for photos of students and lessons: {_BUCKET_RULE}.",
    )
    demo_archives: Path = Field(
        Path(".demo"), description="Folder of the demo class's photos, which `make setup` fetches."
    )
    image_formats: str = Field(
        "JPEG,PNG",
        pattern=rf"^({'|'.join(IMAGES)})(,({'|'.join(IMAGES)}))*$",
        description=f"Image formats that the service takes, of {', '.join(IMAGES)}; Rekognition takes two.",
    )
    debug: bool = Field(False, description="Whether the server's log tells details: true or false.")

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise _invalid(error, given) from None

    @property
    def own_packs(self) -> Path:
        """The file that new packs and calibrations are written to."""
        return self.packs or self.data / OWN_PACKS

    @property
    def template_keys_file(self) -> Path | None:
        """The file of keys that templates are sealed under; None where they are not sealed."""
        return None if self.template_keys == NONE else Path(self.template_keys)

    @property
    def makes_template_keys(self) -> bool:
        """Whether that file may be made by whoever comes first: nobody else uses the embedded database."""
        return self.template_keys == _template_keys(self.data, self.database)

    @property
    def csv_ending(self) -> str:
        """What follows a video's name in the key of its CSV; an empty variable counts as one that is not set."""
        return "" if self.csv_suffix == NONE else self.csv_suffix

    @field_validator("data", "packs")
    @classmethod
    def _home(cls, value: Path | None) -> Path | None:
        # A service manager or an .env file passes "~" on as it is.
        try:
            return value and value.expanduser().absolute()
        except RuntimeError as error:  # there is no user of that name
            raise ValueError from error

    @field_validator("template_keys")
    @classmethod
    def _file_of_keys(cls, value: str) -> str:
        return value if value == NONE else str(cls._home(Path(value)))

    @field_validator("response_queue", "output_bucket", "bucket", "school_bucket")
    @classmethod
    def _another(cls, value: str, info: ValidationInfo) -> str:
        # What workers write must not come back to them as jobs, and an object of a bucket has one kind of job.
        # The school's objects are nobody else's.
        others = {"response_queue": ["request_queue"], "school_bucket": ["input_bucket", "output_bucket", "bucket"]}
        if value in [info.data.get(other) for other in others.get(str(info.field_name), ["input_bucket"])]:
            raise ValueError
        return value

    @field_validator("csv_layout")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in CSV_LAYOUTS:
            raise ValueError
        return value


def sqlite_url(path: Path) -> str:
    """The address of a database file, with whatever a URL reserves escaped."""
    return f"sqlite:///{quote(str(path))}"


def _template_keys(data: Path | None, database: str | None) -> str:
    """The file of keys of the embedded database; none for another one, whose hosts must share one."""
    return str(data / TEMPLATE_KEYS) if data and database == sqlite_url(data / DATABASE) else NONE


def _existing_packs(data: Path | None) -> Path | None:
    """The packs file of a data directory, if there is one."""
    place = data and data / OWN_PACKS
    try:
        return place if place and place.is_file() else None
    except OSError:  # a name that no file can have; whoever opens the data directory says so
        return None


def _invalid(error: ValidationError, given: dict[str, Any]) -> SettingInvalid:
    first = error.errors()[0]
    name = str(first["loc"][0])
    if name not in Settings.model_fields:
        return SettingInvalid(name, f"there is no such setting; there are {', '.join(Settings.model_fields)}")
    told = name if name in given else PREFIX + name.upper()
    return SettingInvalid(told, f"{first['input']!r} is not allowed. {Settings.model_fields[name].description}")


def load_settings(**given: Any) -> Settings:
    """The settings of this process, where options of a command that were not given (None) do not count.

    Raises `SettingInvalid`.
    """
    return Settings(**{name: value for name, value in given.items() if value is not None})
