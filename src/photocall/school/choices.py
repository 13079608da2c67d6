"""What the administrator of a school decides: its name, its time zone, and how long is kept what shows faces."""

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from photocall.school import audit
from photocall.school.errors import EntryInvalid
from photocall.school.records import SchoolSetting
from photocall.school.register import Records, SchoolRegister

LOCK = "choices"
"""What whoever changes them must have locked."""

MOST_DAYS = 3650
"""Ten years; nothing that shows a face is kept for longer."""

MOST_NAME = 200
"""Characters of a name."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of a school.

    Attributes:
        name: of the school.
        time_zone: by its name in the IANA database, such as Europe/Berlin.
        photo_days: days after which photos and videos of lessons are deleted; the registers stay.
        crop_days: days after which pictures and templates of single faces in lessons are deleted.
        leaver_days: days after which who is in no class any more is erased.
        unknown_days: days for which templates of strangers are kept, to notice those who come again; 0 for not at all.
    """

    name: str = ""
    time_zone: str = "UTC"
    photo_days: int = 30
    crop_days: int = 30
    leaver_days: int = 30
    unknown_days: int = 0

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)


def choices(records: Records) -> Choices:
    """What was chosen, and the defaults for all else."""
    kinds = {each.name: each.type for each in fields(Choices)}
    kept = {each.name: each.value for each in records.find(SchoolSetting) if each.name in kinds}
    values = {name: int(value) if kinds[name] in (int, "int") else value for name, value in kept.items()}
    return Choices(**values)  # type: ignore[arg-type]  # by the types of its fields


def choose(register: SchoolRegister, account_id: str, now: datetime, **changes: object) -> Choices:
    """Change some of the choices. Raises `EntryInvalid`."""
    with register.changing(audit.LOCK, LOCK) as records:
        return change(records, account_id, now, **changes)


def change(records: Records, account_id: str, now: datetime, **changes: object) -> Choices:
    """As `choose`, in a transaction that has locked `LOCK` and that of the audit log."""
    chosen = _checked(replace(choices(records), **changes))  # type: ignore[arg-type]  # checked next
    records.put(*(SchoolSetting(name, str(value)) for name, value in asdict(chosen).items()))
    audit.note(records, account_id, "school.changed", "", now, **changes)
    return chosen


def _checked(chosen: Choices) -> Choices:
    if chosen.time_zone not in available_timezones():
        raise EntryInvalid("time_zone", "it must be a name such as Europe/Berlin")
    if len(chosen.name) > MOST_NAME or not (chosen.name.isprintable()):
        raise EntryInvalid("name", f"it must be at most {MOST_NAME} printable characters")
    for name in ("photo_days", "crop_days", "leaver_days", "unknown_days"):
        least, days = 0 if name == "unknown_days" else 1, getattr(chosen, name)
        if type(days) is not int or not least <= days <= MOST_DAYS:
            raise EntryInvalid(name, f"it must be {least} to {MOST_DAYS} days")
    return chosen
