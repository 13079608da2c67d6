"""Who asks, on the routes of the school: the cookie of a browser, or a token in the header Authorization.

A route takes the account as a parameter of the type `Asker` (it reads), `Changer` (it changes) or `Administrator`
(either, for administrators). A browser sends its cookie with whatever a page of another origin asks for, too; so a
change by cookie needs what only our own pages know, and must not say that it comes from elsewhere.
"""

from datetime import UTC, datetime
from hmac import compare_digest
from typing import Annotated

from fastapi import Depends, Request, Response

from photocall.school import sign_ins
from photocall.school.errors import NotAllowed, NotSignedIn
from photocall.school.guessing import Guesses
from photocall.school.permissions import check_administrator
from photocall.school.records import Account
from photocall.server.service import Service

COOKIE = "photocall-session"

CSRF = "X-CSRF-Token"
"""Header of a change; a page has its value in <meta name="csrf">."""

READING = ("GET", "HEAD")
"""Methods that change nothing."""

csrf_of = sign_ins.csrf_of

FOREIGN = "This came from a page of another origin; open the school's own page"


def of(request: Request) -> Service:
    """What requests are answered with."""
    service: Service = request.app.state.service
    return service


def guesses_of(request: Request) -> Guesses:
    """The wrong passwords that this server has seen."""
    guesses: Guesses = request.app.state.guesses
    return guesses


def now() -> datetime:
    """The time of a request, in UTC."""
    return datetime.now(UTC)


def token_of(request: Request) -> str | None:
    """The token of a request: of its header Authorization if it has one, else of its cookie."""
    header = request.headers.get("authorization")
    if header is None:
        return request.cookies.get(COOKIE)
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def visitor(request: Request) -> Account | None:
    """Who asks, whatever for; None if nobody is signed in."""
    token = token_of(request)
    try:
        return sign_ins.account_of(of(request).school, token, now()) if token else None
    except NotSignedIn:
        return None


def signed_in(request: Request) -> Account:
    """Who asks, for routes that are open to whoever must set another password first. Raises `NotSignedIn`."""
    account = visitor(request)
    if account is None:
        raise NotSignedIn
    return account


def proved(request: Request) -> Account:
    """As `signed_in`, for changes. Raises `NotSignedIn`, `NotAllowed`."""
    account = signed_in(request)
    if "authorization" not in request.headers:
        check_own_page(request)
        sent = request.headers.get(CSRF, "")
        if not compare_digest(sent.encode(), csrf_of(token_of(request) or "").encode()):
            raise NotAllowed(f"The header {CSRF} is missing or wrong; open the page anew")
    return account


def asking(request: Request) -> Account:
    """Who asks to see something. Raises `NotSignedIn`, `NotAllowed`."""
    return _with_own_password(signed_in(request))


def changing(request: Request) -> Account:
    """Who asks to change something. Raises `NotSignedIn`, `NotAllowed`."""
    return _with_own_password(proved(request))


def administering(request: Request) -> Account:
    """The administrator who asks. Raises `NotSignedIn`, `NotAllowed`."""
    account = asking(request) if request.method in READING else changing(request)
    check_administrator(account)
    return account


SignedIn = Annotated[Account, Depends(signed_in)]
Proved = Annotated[Account, Depends(proved)]
Asker = Annotated[Account, Depends(asking)]
Changer = Annotated[Account, Depends(changing)]
Administrator = Annotated[Account, Depends(administering)]


def check_own_page(request: Request) -> None:
    """Raises `NotAllowed` if a browser says that a page of another origin asks."""
    origin = request.headers.get("origin")
    schemes = ("https",) if is_secure(request) else ("http", "https")
    ours = [f"{scheme}://{request.headers.get('host')}" for scheme in schemes]
    if origin is not None and origin not in ours:
        raise NotAllowed(FOREIGN)


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, if only to a proxy before us."""
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return request.url.scheme == "https" or forwarded == "https"


def set_cookie(request: Request, response: Response, token: str) -> None:
    """Let a browser keep a token where no script can read it, and send it to our own pages alone."""
    seconds = int(sign_ins.LONGEST.total_seconds())
    response.set_cookie(COOKIE, token, seconds, path="/", secure=is_secure(request), httponly=True, samesite="strict")


def drop_cookie(request: Request, response: Response) -> None:
    """Let a browser forget its token."""
    response.delete_cookie(COOKIE, path="/", secure=is_secure(request), httponly=True, samesite="strict")


def _with_own_password(account: Account) -> Account:
    if account.must_change:
        raise NotAllowed("Your password was set by somebody else; set one of your own first")
    return account
