"""Baton's commands for GDB: `source tools/gdb/start.py` (`make debug` does).

`help baton` lists them. They need only GDB's own Python, and the page table
walker of the tests (tests/harness/paging.py). They contain no addresses or
offsets: these come from the symbols of build/baton.elf, the code that GDB
disassembles, and mm/layout.h.
"""

import sys
from pathlib import Path

import gdb

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests")]

from baton import commands, firmware, frames  # noqa: E402
from baton import kexec, machine, motion, paging  # noqa: E402
from baton import printers, travel  # noqa: E402

for setting in [
    "disassembly-flavor intel",  # as in the .asm files
    "print pretty on",
    "print entry-values no",  # shorter backtraces
    "stack-cache off",  # memory is also read physically: the same address
    "code-cache off",  # does not always give the same byte
]:
    gdb.execute(f"set {setting}")

machine.learn_addresses()
frames.install()
printers.install()
commands.install([
    *paging.COMMANDS,
    *firmware.COMMANDS,
    *kexec.COMMANDS,
    *motion.COMMANDS,
    *travel.COMMANDS,
])
