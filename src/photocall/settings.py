"""Every setting of photocall in one table: its name, its type, its default, and what it may be.

A setting is read from the environment variable `PHOTOCALL_<NAME>`. Only `app.py` and the surfaces read settings; verbs
take arguments. `docs/settings.md` shows the same table.
"""

from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from photocall.errors import SettingInvalid
from photocall.students import CSV_LAYOUTS

PREFIX = "PHOTOCALL_"


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
    csv_layout: str = Field("photocall", description=f"Columns of a result's CSV: {', '.join(CSV_LAYOUTS)}.")

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise _invalid(error, given) from None

    @field_validator("data")
    @classmethod
    def _home(cls, value: Path) -> Path:
        # A service manager or an .env file passes "~" on as it is.
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:  # there is no user of that name
            raise ValueError from error

    @field_validator("csv_layout")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in CSV_LAYOUTS:
            raise ValueError
        return value


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
