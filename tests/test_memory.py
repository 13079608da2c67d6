"""What a server has freed is not in its memory any more, whatever sizes it has freed before."""

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, re, sys
from pathlib import Path
from photocall.server.memory import LARGE, give_back_large_blocks

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def taken(size):
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    return block

def resident():
    return int(re.search(r"VmRSS:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

if sys.argv[1] == "set":
    give_back_large_blocks()
libc.free(taken(30 * LARGE))  # after which glibc would keep blocks of 30 MB
before = resident()
blocks = [taken(LARGE) for _ in range(200)]
for block in blocks[:-1]:  # the last one keeps the others' heap from being cut off
    libc.free(block)
print(resident() - before)
"""


@pytest.mark.parametrize(("how", "kept"), [("set", range(-5, 20)), ("not set", range(150, 250))])
def test_large_blocks_go_back_when_they_are_freed(how: str, kept: range) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    assert int(done.stdout) in kept
