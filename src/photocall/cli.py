"""The command line: what can be typed. What each command does is in `commands`.

Exit codes: 0 all done, 1 something failed (the rest was done), 2 the command itself was wrong. Results go to standard
output, everything else to standard error.
"""

import argparse
import logging
import shlex
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path

from photocall import __version__
from photocall.commands import Commands
from photocall.commands.evaluate_parser import add_evaluate
from photocall.commands.keys_parser import add_base64, add_keys
from photocall.commands.models_parser import add_models
from photocall.commands.pipelines_parser import add_load, add_queue, add_submit, add_watch
from photocall.commands.plan_parser import add_plan
from photocall.commands.school_accounts_parser import add_accounts, add_audit
from photocall.commands.school_classes_parser import add_classes, add_report, add_roster
from photocall.commands.school_lessons_parser import add_lessons
from photocall.commands.school_parser import add_live, add_school
from photocall.commands.school_privacy_parser import (
    add_consent,
    add_portraits,
    add_privacy,
    add_retention,
    add_student,
)
from photocall.commands.school_templates_parser import add_templates
from photocall.commands.workers_parser import add_status, add_worker
from photocall.errors import PhotocallError, SettingInvalid

_MODULES = {
    "detect": "pictures",
    "compare": "pictures",
    "enroll": "people",
    "attend": "people",
    "recognize": "people",
    "students": "people",
    "forget": "forget",
    "video": "videos",
    "models": "models",
    "evaluate": "evaluate",
    "calibrate": "calibrate",
    "serve": "serve",
    "worker": "worker",
    "status": "worker",
    "submit": "submit",
    "watch": "watch",
    "load": "load",
    "queue": "queue",
    "keys": "keys",
    "base64": "keys",
    "accounts": "school_accounts",
    "audit": "school_accounts",
    "classes": "school_classes",
    "roster": "school_rosters",
    "report": "school_reports",
    "lessons": "school_lessons",
    "consent": "school_privacy",
    "portraits": "school_portraits",
    "student": "school_privacy",
    "retention": "school_privacy",
    "privacy": "school_privacy",
    "templates": "school_templates",
    "plan": "plan",
    "school": "school",
    "live": "school",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, `photocall ... | head`
        return 1


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    from photocall.console import complain  # loads NumPy: not for --help

    logging.basicConfig(format="photocall: %(message)s")
    logging.getLogger("photocall").setLevel(logging.INFO)
    try:
        failures = _run_demo(options) if options.command == "demo" else _command(options.command)(options)
    except PhotocallError as error:
        complain(error)
        return 2 if isinstance(error, SettingInvalid) else 1
    return 1 if failures else 0


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """What runs a command; only what it needs is imported, since it takes a tenth of a second."""
    function: Callable[[argparse.Namespace], int] = getattr(import_module(f"photocall.commands.{_MODULES[name]}"), name)
    return function


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="photocall", description="Roll call by photo: faces in, names out.")
    parser.add_argument("--version", action="version", version=f"photocall {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON for machines")
    common.add_argument("--data", type=Path, metavar="DIR", help="where faces and students are kept [PHOTOCALL_DATA]")
    common.add_argument("--pack", metavar="NAME", help="model pack, see photocall models list [PHOTOCALL_PACK]")
    people = (_enroll, _attend, _video, _recognize, _students, _forget, _calibrate)
    pipelines = (add_worker, add_status, add_submit, add_watch, add_load, add_queue)
    school = (
        add_school,
        add_classes,
        add_roster,
        add_report,
        add_lessons,
        add_live,
        add_accounts,
        add_audit,
        add_templates,
        add_consent,
        add_portraits,
        add_student,
        add_retention,
        add_privacy,
    )
    others = (_serve, *pipelines, add_keys, add_base64, *school, add_plan, _demo)
    for add in (_detect, _compare, *people, add_models, add_evaluate, *others):
        add(commands, common)
    return parser


def _detect(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("detect", parents=[common], help="find the faces in pictures")
    command.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    command.add_argument("--draw", type=Path, metavar="OUT", help="write the picture with boxes; several: OUT-<name>")


def _compare(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("compare", parents=[common], help="do two pictures show the same person?")
    command.add_argument("a", type=Path, metavar="A")
    command.add_argument("b", type=Path, metavar="B")


def _enroll(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("enroll", parents=[common], help="learn the faces of a class")
    command.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="of <name>.jpg files or <name>/ folders of photos"
    )
    command.add_argument("--students", type=Path, metavar="FILE", help="the class: JSON or CSV with name, major, ...")
    command.add_argument(
        "--encodings", type=Path, metavar="FILE", help="known faces made by the face_recognition library"
    )
    command.add_argument("--accept-poor", action="store_true", help="take small, dark, blurred or turned faces, too")


def _attend(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("attend", parents=[common], help="take attendance from photos of the class")
    command.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    command.add_argument("--csv", type=Path, metavar="F", help="write the register")
    command.add_argument("--draw", type=Path, metavar="F", help="write the photo with names; several: F-<photo>")


def _video(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("video", parents=[common], help="who is in a video, and when")
    command.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    command.add_argument(
        "--out", type=Path, metavar="DIR", default=Path(), help="for <video>.csv, -timeline.json and -faces.jpg [here]"
    )
    command.add_argument("--fps", type=float, metavar="N", help="frames a second to look at [PHOTOCALL_VIDEO_FPS, 4]")
    command.add_argument(
        "--layout", metavar="NAME", help="columns of the CSV, see docs/cli.md [PHOTOCALL_CSV_LAYOUT, photocall]"
    )


def _recognize(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("recognize", parents=[common], help="who is in each picture, a line each")
    command.add_argument("images", nargs="+", type=Path, metavar="IMAGE")


def _students(commands: Commands, common: argparse.ArgumentParser) -> None:
    commands.add_parser("students", parents=[common], help="list the class and its enrolled faces")


def _forget(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("forget", parents=[common], help="erase students and all of their faces")
    command.add_argument("names", nargs="+", metavar="NAME")


def _calibrate(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("calibrate", parents=[common], help="fit thresholds on the enrolled people")
    either = command.add_mutually_exclusive_group()
    either.add_argument("--apply", action="store_true", help="use them from now on")
    either.add_argument("--reset", action="store_true", help="go back to the model's own")


def _serve(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("serve", parents=[common], help="answer requests over HTTP, Rekognition's too")
    command.add_argument("--host", metavar="H", help="address to listen on [PHOTOCALL_HOST, 127.0.0.1]")
    command.add_argument("--port", type=int, metavar="P", help="0 is any free one [PHOTOCALL_PORT, 8000]")
    command.add_argument(
        "--workers", type=int, metavar="N", help="most workers, 0 for none [PHOTOCALL_WORKERS_MAX, 15]"
    )


def _demo(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("demo", parents=[common], help="enrol a demo class and call its roll")
    command.add_argument("--archives", type=Path, metavar="DIR", default=Path(".demo"), help="its pictures [.demo]")
    command.add_argument("--out", type=Path, metavar="DIR", default=Path("demo-out"), help="for the results [demo-out]")


def _run_demo(options: argparse.Namespace) -> int:
    """Compose the demo class, and run the commands that a user would."""
    from photocall.console import say
    from photocall.demo import make_demo
    from photocall.media.files import write_atomically

    demo, out, data = make_demo(options.archives, options.out), options.out, ["--data", str(options.out / "data")]
    csv, drawing = ["--csv", str(out / "register.csv")], ["--draw", str(out / "register.jpg")]
    steps: list[tuple[list[str], Path | None]] = [
        (["models", "build", *data], None),
        (["enroll", str(demo.enroll), "--students", str(demo.students), *data], None),
        (["attend", str(demo.photo), *csv, *drawing, *data], None),
        (["attend", str(demo.photo), "--json", *data], out / "register.json"),
        (["video", str(demo.clip), "--out", str(out), *data], None),
    ]
    for arguments, target in steps:
        say("")
        say(f"$ photocall {shlex.join(arguments)}" + (f" > {shlex.quote(str(target))}" if target else ""))
        printed = StringIO()
        with redirect_stdout(printed) if target else nullcontext():
            code = main(arguments)
        if code:
            return code
        if target:
            write_atomically(target, printed.getvalue().encode())
    say("")
    say(f"In {out}: the photo with names is register.jpg, the register register.csv and register.json;")
    say("of the video lesson.csv has the people, lesson-timeline.json every appearance, lesson-faces.jpg the faces.")
    return 0
