"""Times that are typed: in the school's time zone, unless they name another one."""

from datetime import datetime

from photocall.errors import SettingInvalid
from photocall.school.choices import choices
from photocall.school.register import Records


def time_of(records: Records, name: str, text: str | None) -> datetime | None:
    """A time that was typed as an option. Raises `SettingInvalid`, which names the option."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingInvalid(name, f"{text!r} is no time such as 2026-11-23T08:00") from error
    return time if time.tzinfo else time.replace(tzinfo=choices(records).zone)
