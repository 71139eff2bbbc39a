"""Lab 0: nothing is cut. The solution is what the machine shows, so it is read
when a student wants it."""

from pathlib import Path

from kit import seed
from kit.folder import Mutant, Tailored
from kit.grade import load

TITLE = "First light"
FILES = ["values.txt"]
UNITS = []
GONE = {}
EDITS = []
BY_SEED = True
VALUES = FILES[0]
SHAPED = "direct_index"
checks = load(Path(__file__).resolve().parents[1] / "checks.py")
DAY0 = " ".join(row[0] for row in checks.VALUES)


def solved(of: int):
    """The edits that fill the form in."""
    for name, value in checks.seen(of).items():
        yield VALUES, f"\n{name} =\n", f"\n{name} = {value:#x}\n"


def tailor(of: int) -> Tailored:
    says = (f"Your machine has {seed.ram_mib(of)} MiB and the command line\n\n"
            f"    {seed.machine(of)}")
    return Tailored(says, solved=solved(of))


def instead(error: str, name: str, wrong: str, old: str = "") -> Mutant:
    """Another number, or another beginning of it, in the place of a value."""
    return Mutant(error, VALUES, name, f"{name} = {old}",
                  f"{name} = {wrong}" + (" # " if not old else ""), name)


MUTANTS = [
    instead("generation 1 for generation 0", "image0", "0x1000000"),
    instead("a value is left out", "info", ""),
    instead("the address at which the early table is linked", "early_root",
            "0xffffffff80034000"),
    instead("a virtual address for a physical one", "kernel_root",
            "0xffffffff80", "0x"),
    instead("the kernel's entry for that of the direct map", "direct_index",
            "511"),
    instead("the address without the rights", "text_entry", "0x200000"),
    instead("the page of the stack pointer", "guard", "0xffffffffc001c000"),
    instead("a physical address, as seen in the direct map", "gettime_pa",
            "0xffff8000", "0x"),
    instead("a virtual address without its upper half", "gettime_va", "0x",
            "0xffff"),
    instead("the address of another table of the firmware", "runtime_table",
            "0x1", "0x"),
    instead("the first byte of the image for its entry", "entry",
            "0x1000000"),
    instead("decimal digits for hexadecimal ones", "params", "", "0x"),
    instead("no number at all", "jump_root", "cr3"),
    instead("the early table of the kernel that is gone", "next_root",
            "0x234000"),
    instead("the room for the handoff, not what is used", "handoff_bytes",
            "0x10000"),
]
