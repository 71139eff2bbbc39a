"""What is different for each student, and for each run of the grader.

A *seed* belongs to a student and shapes the task: a friend's solution solves
the friend's task. It is a digest of the course's key and the student's name.
A *nonce* belongs to a run and chooses the arguments: it is printed, and NONCE=
repeats the run.
"""

import hashlib
import random
import re
import secrets

from harness import cli

KEY = "baton"  # a course sets its own: tools/lab new --key
NAME = re.compile(r"(?:\w[\w@.+ -]{0,80})?", re.ASCII)


def name_of(text: str) -> str:
    """A student's name, as an argument or in a roster. It becomes a part of
    file names, a line of LAB and a cell of a spreadsheet."""
    if not NAME.fullmatch(text):
        raise cli.Trouble(f"{text!r} is no name for a student: letters, digits,"
                          " blanks and @ . + - _, a letter or digit first")
    return text


def of_student(name: str, key: str = KEY) -> int:
    digest = hashlib.sha256(f"{key}/{name}".encode()).digest()
    return int.from_bytes(digest[:6], "little")


def fresh_nonce() -> int:
    return secrets.randbits(48)


def dice(*parts) -> random.Random:
    """A generator for one purpose: the same parts, the same numbers."""
    text = "/".join(map(str, parts))
    return random.Random(hashlib.sha256(text.encode()).digest())


def choose(seed: int, what: str, options: list):
    """One of the options, by a student's seed."""
    return dice(seed, what).choice(options)


def ram_mib(seed: int) -> int:
    """The size of the machine that checks use: one of a few, because the first
    run with each has to boot it (harness/saved.py)."""
    return choose(seed, "RAM", RAM_MIB)


RAM_MIB = [256, 128]


# ---- what a seed decides in each lab, for the hand-out and for the grader

def machine(seed: int) -> str:
    """Lab 0: the command line of the machine that is looked at."""
    place = dice(seed, "direct map").randrange(1, 64 << 9) << 30
    return (f"efi={choose(seed, 'mode', ['fixed', 'direct'])} generations=2 "
            f"end=exit direct_base={0xffff800000000000 + place:#x}")


def oem_type(seed: int) -> int:
    """Lab 1: a memory type of the vendor's own (UEFI 2.10 §7.2)."""
    return 0x70000000 + dice(seed, "oem").randrange(1, 1 << 16)


def oem_kind(seed: int) -> str:
    """Lab 1: what memory of that type is treated as."""
    return choose(seed, "kind", ["nvs", "mmio", "acpi"])


def fit(seed: int) -> str:
    """Lab 2: which extent an allocation is taken from."""
    return choose(seed, "fit", ["first", "best", "worst"])


FRAME = "r15 r14 r13 r12 r11 r10 r9 r8 rdi rsi rbp rbx rdx rcx rax".split()


def frame(seed: int) -> list[str]:
    """Lab 4: the order of the registers in struct trap_frame, from the lowest
    address up; FRAME is the tree's."""
    return dice(seed, "frame").sample(FRAME, len(FRAME))


def split_mark(seed: int) -> int:
    """Lab 3: bits 58:52 of an entry whose large page was split."""
    return dice(seed, "split").randrange(1, 1 << 7)


def call_mark(seed: int) -> tuple[str, int]:
    """Lab 5: where a call through the gate leaves a number, and which."""
    return (choose(seed, "place", ["r10", "r11", "the shadow space"]),
            dice(seed, "number").randrange(1 << 24, 1 << 31))


def rule(seed: int) -> dict[str, int]:
    """Lab 6: the numbers at the top of efi/modes/yours.c."""
    numbers = dice(seed, "rule")
    return {"down": numbers.randrange(2),
            "start": (0x50 << 40) + numbers.randrange(1 << 13) * (1 << 32),
            "hole": numbers.randrange(1, 4096) << 12,
            "modulo": numbers.choice([2, 4, 16]) << 20}


def crc_start(seed: int) -> int:
    """Lab 7: what the CRC of a handoff is continued from; the tree's is 0."""
    return dice(seed, "crc").randrange(1, 1 << 32)


def patience(seed: int) -> int:
    """Lab 8: how many times longer a service may take that writes to flash; 5
    in the tree."""
    return dice(seed, "patience").randrange(3, 67)


FAULTS = """read-nowhere opcode stack-lost stack-overflow jump-wild user
    interrupt-table write-kernel no-fpu execute-null""".split()
LOOPS = "hang hang-deaf halt hang-urgent".split()
CHANGES = "gdt idt cr4 stack-segment task efer data-segments rsp".split()


def sins(seed: int) -> list[str]:
    """Lab 8: what this student's firmware does (docs/sins.md)."""
    return [choose(seed, "sin", kind) for kind in (FAULTS, LOOPS, CHANGES)]
