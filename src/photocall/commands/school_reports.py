"""The command report: who was there, and how often."""

import argparse

from photocall.app import open_store
from photocall.console import counted, failing, say, say_json, show_rows
from photocall.media.files import write_atomically
from photocall.ports import Register
from photocall.school import reports
from photocall.school.accounts import COMMAND_LINE
from photocall.school.report_files import NAMES, counts_json, report_csv, report_json, report_xlsx
from photocall.school.reports import Counts, Question, Report
from photocall.settings import load_settings


def report(options: argparse.Namespace) -> int:
    """Show how often everybody was there, and write files of it; how many could not be written."""
    question = Question(options.course, options.student, options.first, options.last)
    with open_store(load_settings(data=options.data)) as store:
        found = reports.report(store, COMMAND_LINE, question)
        failures = _write(store, question, found, options)
    if options.json:
        say_json(report_json(found))
    else:
        _show(found)
    return failures


def _write(store: Register, question: Question, found: Report, options: argparse.Namespace) -> int:
    failures = 0
    if options.csv:
        with failing() as failed:
            made = report_csv(reports.lines(store, COMMAND_LINE, question))
            write_atomically(options.csv, made.encode(errors="replace"))
        failures += failed()
    if options.xlsx:
        with failing() as failed:
            write_atomically(options.xlsx, report_xlsx(found, reports.lines(store, COMMAND_LINE, question)))
        failures += failed()
    return failures


def _show(found: Report) -> None:
    show_rows([{"student_id": one.student_id, "name": one.name, **_cells(n)} for one, n in found.students])
    taken = sum(bool(counts) for _, _, counts in found.lessons)
    missing = len(found.lessons) - taken
    not_taken = f", {missing} more without a register" if missing else ""
    total = counts_json(found.total)
    say(f"{counted(taken, 'lesson')}{not_taken}; {', '.join(f'{total[name]} {name}' for name in NAMES)}")


def _cells(counts: Counts) -> dict[str, object]:
    told = counts_json(counts)
    return {**told, "share": "" if told["share"] is None else f"{100 * told['share']:.1f} %"}
