"""What goes wrong in a school, on purpose.

PhotocallError
├── InputError
│   └── EntryInvalid       something that was typed or sent cannot be kept as it is
├── NotSignedIn            nobody is signed in, or no longer
├── SignInRefused          login and password do not belong together
├── NotAllowed             the account may not do this
├── TooManyTries           somebody guesses passwords
├── NotThere               there is nothing of this id
├── AlreadyThere           there is one already
├── ChangedMeanwhile       what was looked at is not what is there now
├── ConsentMissing         a face would be stored that nobody has agreed to
└── AuditBroken            an entry of the audit log was changed or removed
"""

from dataclasses import dataclass

from photocall.errors import InputError, PhotocallError


@dataclass(eq=False)
class EntryInvalid(InputError):
    """{what}: {reason}"""

    what: str
    reason: str


class NotSignedIn(PhotocallError):
    """Nobody is signed in; sign in first"""


class SignInRefused(PhotocallError):
    """Login or password are wrong"""


@dataclass(eq=False)
class NotAllowed(PhotocallError):
    """{reason}"""

    reason: str


@dataclass(eq=False)
class TooManyTries(PhotocallError):
    """Too many wrong passwords; try again in {seconds} seconds, or ask an administrator for a new password"""

    seconds: int


@dataclass(eq=False)
class NotThere(PhotocallError):
    """There is no {what} {name!r}"""

    what: str
    name: str


@dataclass(eq=False)
class AlreadyThere(PhotocallError):
    """There is a {what} {name!r} already"""

    what: str
    name: str


@dataclass(eq=False)
class ChangedMeanwhile(PhotocallError):
    """{what}: somebody changed classes or students meanwhile, so it would do something else now; look at it again"""

    what: str


@dataclass(eq=False)
class ConsentMissing(PhotocallError):
    """{student}: no consent is recorded, so no face may be stored; record it first, or call the roll by hand"""

    student: str


@dataclass(eq=False)
class AuditBroken(PhotocallError):
    """The audit log is broken at entry {number}: {reason}"""

    number: int
    reason: str
