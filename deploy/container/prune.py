"""Takes out of a folder of installed packages what photocall does not need when it runs on AWS.

`python prune.py FOLDER`, once the networks have been converted. The image is built with it, and its size is measured
on a folder that was pruned by it (benchmarks/image_size.py). Needs a C compiler and binutils.
"""

import compileall
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from py_compile import PycInvalidationMode

CONVERSION = {"face-recognition-models", "joblib", "lz4", "ml-dtypes", "mtcnn", "onnx"}
"""Distributions that only the conversion of networks needs."""

SQL = {"cryptography", "greenlet", "sqlalchemy", "tzdata", "xlsxwriter"}
"""Those of databases that speak SQL, and of the attendance application, which needs one. They stay where there is a
driver for a server's database, the extra `postgres`; otherwise the database is DynamoDB."""

NEVER_IMPORTED = {"flatbuffers", "markdown-it-py", "mdurl", "protobuf", "pygments", "pyyaml", "websockets"}
"""What is asked for by others, for parts of them that photocall does not use."""

FOR_DEVELOPERS = ("tests", "include", "*.pyi", "*.pyx", "*.pxd", "*.h", "*.c", "*.map", "*.a", "sboms", "RECORD")
"""Names of what no program opens while it runs."""

NEVER_OPENED = (
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.js",
    "numpy/_core/*_tests.*.so",
    "numpy/_core/_simd.*.so",  # for numpy's tests, too
    "numpy/distutils",
    "numpy/f2py",
    "onnxruntime/capi/libonnxruntime.so*",  # for programs in C; Python's module has the same in itself
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "swagger_ui_bundle/vendor/*/*es-bundle*",
)

SERVICES = {"dynamodb", "rekognition", "sns", "sqs", "sso", "sso-oidc", "sts"}
"""Services that boto3 is asked for, and those that it gets credentials from. S3 is obstore's."""

ENCODERS = {"libx264": 0, "libx265": 0, "libSvtAv1Enc": -1}
"""Libraries that FFmpeg writes videos with, 30 MB together, and what those that take their places answer: that there is
no encoder. https://github.com/FFmpeg/FFmpeg/tree/master/libavcodec, libx264.c, libx265.c and libsvtav1.c"""


def prune(tree: Path) -> None:
    """Remove what is not needed, and the symbols of what is."""
    remove_distributions(tree, CONVERSION | NEVER_IMPORTED)
    if not (tree / "psycopg").exists():
        remove_distributions(tree, SQL)
    for pattern in [*(f"**/{name}" for name in FOR_DEVELOPERS), *NEVER_OPENED]:
        for path in list(tree.glob(pattern)):
            remove(path)
    for folder in (tree / "botocore" / "data").iterdir():
        if folder.is_dir() and folder.name not in SERVICES:
            remove(folder)
    empty_encoders(tree / "av.libs")
    strip(tree)
    compile_modules(tree)


def remove_distributions(tree: Path, names: set[str]) -> None:
    """Remove whole distributions, but for the commands they brought."""
    for each in distributions(path=[str(tree)]):
        if each.name.lower().replace("_", "-") in names:
            for top in {file.parts[0] for file in each.files or ()} - {"..", "bin"}:
                remove(tree / top)


def empty_encoders(libraries: Path) -> None:
    """Put libraries without content in the places of encoders: FFmpeg's own library cannot be loaded without any."""
    (codecs,) = libraries.glob("libavcodec*")
    wanted = symbols(codecs, "--undefined-only").keys()
    for name, answer in ENCODERS.items():
        (encoder,) = libraries.glob(f"{name}*")
        kinds = symbols(encoder, "--defined-only")
        code = "".join(
            f"long {each}(void) {{ return {answer}; }}\n" if kinds[each] == "T" else f"char {each}[4096];\n"
            for each in sorted(kinds.keys() & wanted)
        )
        command = ["cc", "-shared", "-s", f"-Wl,-soname,{encoder.name}", "-o", encoder, "-x", "c", "-"]
        subprocess.run(command, input=code, text=True, check=True)


def symbols(library: Path, which: str) -> dict[str, str]:
    """Names that a library has or wants, with the letter for what each is: T is a function."""
    listed = subprocess.run(["nm", "--dynamic", which, library], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].partition("@")[0]: line.split()[-2] for line in listed.splitlines()}


def strip(tree: Path) -> None:
    """Take the symbols out of Python's compiled modules; it would damage the libraries in folders beside them."""
    compiled = [path for path in tree.rglob("*.so") if not path.parent.name.endswith(".libs")]
    subprocess.run(["strip", "--strip-unneeded", *compiled], check=True)


def compile_modules(tree: Path) -> None:
    """Put compiled modules in the places of their sources.

    Nothing can be written on Lambda's disk, so every start would compile anew; both together are 24 MB more. Tracebacks
    still name files and lines.
    """
    compileall.compile_dir(
        tree, quiet=1, legacy=True, stripdir=tree, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )
    for source in list(tree.rglob("*.py")):
        remove(source)
    for cache in list(tree.rglob("__pycache__")):
        remove(cache)


def remove(path: Path) -> None:
    """Remove a file or a folder; nothing happens if it is gone."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    prune(Path(sys.argv[1]))
