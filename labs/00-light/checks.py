"""The checks of lab 0: what a student has seen, held against the machine.

The grader makes the student's machine, which the seed chooses, stops it where
the README says, and reads the same registers and tables. It shows how to see
a value, never the value.
"""

import re
from functools import lru_cache

from harness import paging, paths
from kit import seed
from kit.outside import PAGE, Live, Wrong, check

STACK_PAGES = 8
ROW = re.compile(r"^(\w+)[ \t]*=[ \t]*([^#\s]*)", re.M)


def answers() -> dict[str, str]:
    text = (paths.ROOT / "values.txt").read_text(errors="replace")
    return dict(ROW.findall(text))


@lru_cache
def seen(of: int) -> dict[str, int]:
    """All values, of the machine of this seed."""
    live = Live(seed.machine(of), seed.ram_mib(of), "")
    try:
        found = in_generation_0(live)
        register = live.debugger.register
        live.run_to("kexec_last_instruction")
        found |= {"entry": register("rax"), "params": register("rsi"),
                  "jump_root": register("cr3")}
        live.run_to("kernel_main")
        found["next_root"] = register("cr3")
        live.run_to("live")
        boot = live.fields("kernel/main.c", "boot_info")
        handoff = live.fields("kernel/main.c", "handoff")
        found["handoff_bytes"] = live.debugger.word(
            live.symbol("kernel") + boot["handoff"] + handoff["block_bytes"]
            ) & 0xFFFFFFFF
        return found
    finally:
        live.close()


def in_generation_0(live) -> dict[str, int]:
    debugger = live.debugger
    live.run_to("kernel_main")
    found = {"image0": debugger.register("rdx"),
             "info": debugger.register("rsi"),
             "early_root": debugger.register("cr3")}
    live.run_to("live")
    base = debugger.word(live.symbol("direct_map_base"))
    top = debugger.register("rsp") + 8 & -PAGE
    found |= {"kernel_root": live.root, "direct_index": base >> 39 & 511,
              "text_entry": live.walk(live.symbol("text_start"))[-1].value,
              "guard": top - (STACK_PAGES + 1) * PAGE}
    live.run_to("efi_virtual_enter")
    record = debugger.word(live.symbol("firmware"))
    offset = live.fields("efi/open.c", "efi_firmware")
    found["runtime_table"] = debugger.word(record + offset["runtime_table_pa"])
    found["gettime_pa"] = debugger.word(record + offset["entry"])
    live.run_to("proof_run")
    found["gettime_va"] = debugger.word(record + offset["entry"])
    return found


@check(5)
def boots(w):
    """Your machine runs through two generations."""
    seen(w.seed)


# (value, step, how to see it, read, title)
VALUES = [
    ("image0", 1, "print/x image_pa", "boot/entry.asm",
     "Where generation 0's image begins in memory."),
    ("info", 1, "print/x info_pa", "Multiboot2 §3.6",
     "Where GRUB put what it knows."),
    ("early_root", 1, "print/x $cr3", "SDM vol. 3 §4.5",
     "The root of the table that boot/entry.asm built."),
    ("kernel_root", 2, "print/x $cr3", "SDM vol. 3 §4.5",
     "The root of the kernel's own table."),
    ("direct_index", 2, "pt direct_map_base", "mm/layout.h",
     "The entry of the top-level table where your direct map begins."),
    ("text_entry", 2, "pt text_start", "SDM vol. 3 §4.5, table 4-20",
     "The last entry on the way to text_start, all 64 bits of it."),
    ("guard", 2, "pt $rsp, and the pages below", "mm/layout.h",
     "The page below the stack that live() runs on, where nothing is mapped."),
    ("gettime_pa", 3, "print/x firmware->entry[0]", "UEFI 2.10 §8.4",
     "GetTime's entry before SetVirtualAddressMap."),
    ("gettime_va", 3, "print/x firmware->entry[0]", "UEFI 2.10 §8.4",
     "GetTime's entry after it."),
    ("runtime_table", 3, "efi-mode", "UEFI 2.10 §4.5",
     "Where the runtime services table is in memory."),
    ("entry", 4, "print/x $rax", "Linux, boot.rst, 64-bit Boot Protocol",
     "Where the next kernel is entered."),
    ("params", 4, "print/x $rsi", "Linux, boot.rst, 64-bit Boot Protocol",
     "Where the handoff to it is."),
    ("jump_root", 4, "print/x $cr3", "kexec/jump.asm",
     "The root of the table that the jump happens on."),
    ("next_root", 5, "print/x $cr3", "boot/entry.asm",
     "The root of generation 1's first table, at its kernel_main."),
    ("handoff_bytes", 5, "print kernel.boot.handoff", "boot/handoff.h",
     "How many bytes generation 0 has handed over."),
]
IGNORED = {"text_entry": paging.ACCESSED | paging.DIRTY}


def number(text: str, name: str, step: int, look: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise Wrong(f"a number for {name} in values.txt", text or "nothing yet",
                    look=look, step=step) from None


def resembles(wrong: int, name: str, found: dict[str, int]) -> str:
    """What a wrong value may be instead."""
    others = [other for other, value in found.items()
              if value == wrong and other != name]
    if others:
        return f": that is {others[0]}"
    if wrong >= 1 << 47 > found[name]:
        return ": that is a virtual address"
    return ": that is no virtual address" if wrong < 1 << 47 <= found[name] \
        else ""


def ask(name: str, step: int, look: str, read: str, title: str) -> None:
    """Makes a value a check."""
    def value(w):
        said = number(answers().get(name, ""), name, step, look)
        found = seen(w.seed)
        if (said ^ found[name]) & ~IGNORED.get(name, 0):
            raise Wrong("what your machine shows there",
                        f"{said:#x}{resembles(said, name, found)}",
                        read=read, look=look, step=step)

    value.__name__, value.__doc__ = name, title
    globals()[name] = check(5, needs="boots")(value)


for row in VALUES:
    ask(*row)
