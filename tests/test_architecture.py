"""The house rules: who may import whom, no circles, nothing heavy at import, no file too long."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCE.rglob("*.py")
}
AWS_STORES = ("aws_client", "sqs_queue", "dynamo.connection", "dynamo.tables")
HEAVY = ("onnxruntime", "onnx", "fastapi", "boto3", "sqlalchemy", "av", "cv2", "PIL", "pydantic", "rich", "numpy")


@cache
def imports(module: str) -> set[str]:
    """The modules and names that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def importers(package: str) -> set[str]:
    return {m for m in MODULES if any(name == package or name.startswith(package + ".") for name in imports(m))}


@pytest.mark.parametrize(
    ("package", "owners"),
    [
        ("onnxruntime", ("photocall.engine",)),
        ("onnx", ("photocall.engine",)),
        ("joblib", ("photocall.engine",)),
        ("tomlkit", ("photocall.engine.own_packs",)),
        ("urllib.request", ("photocall.engine.downloads", "photocall.client")),
        ("av", ("photocall.media", "photocall.demo")),
        ("simplejpeg", ("photocall.media",)),
        ("sqlalchemy", ("photocall.stores",)),
        ("psycopg", ("photocall.stores.postgresql",)),
        ("obstore", ("photocall.stores",)),
        ("pydantic", ("photocall.settings", "photocall.server")),
        ("pydantic_settings", ("photocall.settings",)),
        ("rich", ("photocall.console",)),
        ("matplotlib", ("photocall.evaluation.det", "photocall.costs.plot")),
        ("argparse", ("photocall.cli", "photocall.commands")),
        ("nats", tuple(f"photocall.stores.nats_{part}" for part in ("queue", "notes", "connection"))),
        ("boto3", ("photocall.aws", "photocall.stores.aws_client")),
        ("botocore", ("photocall.aws", "photocall.server", *(f"photocall.stores.{part}" for part in AWS_STORES))),
        ("fastapi", ("photocall.server",)),
        ("starlette", ("photocall.server",)),
        ("uvicorn", ("photocall.server",)),
        ("prometheus_client", ("photocall.server",)),
        ("watchfiles", ("photocall.watching",)),
        ("xlsxwriter", ("photocall.school.report_files",)),
        ("argon2", tuple(f"photocall.school.{part}" for part in ("accounts", "passwords", "sign_ins"))),
        ("jinja2", ("photocall.server.school.shell",)),
        ("cryptography", ("photocall.stores.sealing",)),
        ("photocall.server", ("photocall.server", "photocall.commands.serve", "photocall.aws.web")),
        ("photocall.stores", ("photocall.app", "photocall.stores")),
        ("photocall.aws", ("photocall.app", "photocall.aws")),
        (
            "photocall.settings",
            (
                "photocall.app",
                "photocall.commands",
                "photocall.server",
                "photocall.worker",
                "photocall.worker_process",
                "photocall.pool",
                "photocall.aws.environment",
            ),
        ),
        ("aws_lambda_powertools", ("photocall.aws",)),
        ("mangum", ("photocall.aws.web",)),
        ("photocall.commands", ("photocall.cli", "photocall.commands")),
        ("photocall.console", ("photocall.commands", "photocall.cli")),
    ],
)
def test_only_its_owners_import_it(package: str, owners: tuple[str, ...]) -> None:
    strangers = {m for m in importers(package) if not any(m == o or m.startswith(o + ".") for o in owners)}
    assert strangers == set()


def test_nouns_know_nothing_but_numpy_and_each_other() -> None:
    nouns = {"photocall.faces", "photocall.roster", "photocall.keys", "photocall.errors"}
    nouns |= {f"photocall.school.{noun}" for noun in ("records", "lesson_records", "errors")}
    allowed = {*sys.stdlib_module_names, "numpy"}
    for noun in nouns:
        others = {name for name in imports(noun) if name.split(".")[0] not in allowed}
        assert all(any(name == n or name.startswith(n + ".") for n in nouns) for name in others), noun


def test_stores_media_and_the_engine_know_no_verbs() -> None:
    recognising = ("recognition", "indexing", "users", "attendance", "video", "gallery", "evaluation", "report")
    verbs = {f"photocall.{verb}" for verb in (*recognising, "enrolment", "erasure", "migration", "access")}
    for module in MODULES:
        if module.startswith(("photocall.stores", "photocall.engine", "photocall.media")):
            assert not imports(module) & verbs, module


def test_verbs_of_a_school_know_nothing_above_them() -> None:
    above = {f"photocall.{each}" for each in ("app", "settings", "handlers", "roll_call_handler", "worker", "stores")}
    for module in MODULES:
        if module.startswith("photocall.school"):
            assert not imports(module) & above, module


def test_imports_run_in_no_circle() -> None:
    graph = {m: {name for name in imports(m) if name in MODULES and name != m} for m in MODULES}
    list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_importing_photocall_loads_nothing_heavy() -> None:
    script = f"import photocall, sys; print([name for name in {HEAVY} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_asking_for_help_loads_nothing_heavy() -> None:
    script = f"import photocall.cli, sys; photocall.cli._parser(); print([n for n in {HEAVY} if n in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_file_is_read_in_one_sitting(module: str) -> None:
    text = MODULES[module].read_text()
    assert text.count("\n") <= 400
    assert ast.get_docstring(ast.parse(text)), "a module opens with what lives here and why"


def test_nothing_but_the_loop_of_a_worker_swallows_every_exception() -> None:
    """Cleaning up and raising again is no swallowing."""
    for module, path in MODULES.items():
        if module == "photocall.worker":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and ast.unparse(node.body[-1]) != "raise":
                names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {""}
                assert not names & {"", "Exception", "BaseException"}, f"{module}:{node.lineno}"
