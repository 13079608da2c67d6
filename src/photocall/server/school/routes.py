"""Every route of the attendance application, and every page, as one list; it imports all of them."""

from anyio import CapacityLimiter
from fastapi import FastAPI

from photocall.school.guessing import Guesses
from photocall.server.school import (
    accounts,
    audit_log,
    class_pages,
    consents,
    courses,
    demo_class,
    entrance,
    evidence,
    imports,
    lesson_pages,
    lessons,
    live,
    pages,
    portraits,
    privacy,
    privacy_pages,
    report_pages,
    reports,
    sealing,
    students,
)

ROUTERS = (
    entrance.router,
    accounts.router,
    audit_log.router,
    courses.router,
    students.router,
    imports.router,
    reports.router,
    consents.router,
    portraits.router,
    privacy.router,
    lessons.router,
    evidence.router,
    live.router,
    demo_class.router,
    sealing.router,
)
"""Every module of routes has one."""

PAGES = (pages.router, class_pages.router, lesson_pages.router, privacy_pages.router, report_pages.router)
"""What people see of them in a browser."""

ARCHIVISTS = 1
"""Threads that enrol many students at once; those of other uploads stay free for photos of lessons."""


def add_to(http: FastAPI) -> None:
    """Add the routes to an application whose `state.service` is there."""
    http.state.guesses = Guesses()
    http.state.archivists = CapacityLimiter(ARCHIVISTS)
    for router in (*ROUTERS, *PAGES):
        http.include_router(router)
