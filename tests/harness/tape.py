"""A machine on tape, as a command line: recorded once, then repeated.

QEMU counts instructions, and writes to a file what reaches the machine from
outside, with the instruction at which it did: from that file the same run can be
repeated. Such a machine boots from power-on, because QEMU cannot record from
a state that another QEMU has saved. Its disks are read through blkreplay, which
delivers data at the recorded instruction. Its files are not written to: qcow2
overlays are, which also keep the states that are saved on the way.
"""

import re
from pathlib import Path

from . import media

TAPE, STATES = "tape.bin", "states.qcow2"
RECORD, BEGIN = "record", "power-on"  # the state with which a tape begins


def taped(words: list[str], tape: str) -> list[str]:
    """The command line of a machine, changed to RECORD it, or to play the tape
    from the state of this name on.

    kvmvapic, which helps Windows under KVM, is left out: its reset waits for the
    processor, which waits for the replay's lock while a state is loaded, so that
    reverse-continue may never end (QEMU 7.2).
    """
    way, state = (RECORD, BEGIN) if tape == RECORD else ("replay", tape)
    changed = []
    for option, word in zip(["", *words], words):
        if option == "-icount":
            word = f"shift=7,rr={way},rrfile={TAPE},rrsnapshot={state}"
        elif option in ("-chardev", "-D") and way != RECORD:
            word = re.sub(r"\b(serial|qemu)\.log", r"replayed-\1.log", word)
        changed += _drive(word) if option == "-drive" else [word]
    return [*changed, "-drive", f"if=none,id=states,format=qcow2,file={STATES}",
            "-global", "apic.vapic=off", "-action", "panic=none,shutdown=pause"]


WRITABLE = re.compile(r"format=raw,file=([\w.]+)$")  # in the run's directory


def _drive(word: str) -> list[str]:
    """An overlay if it can be written to, and blkreplay if it is a disk. (The
    content of a flash chip is read before the machine runs.)"""
    word = WRITABLE.sub(r"format=qcow2,file=\1.qcow2", word)
    name = re.match(r"if=none,id=(\w+),", word)
    if not name:
        return [word]
    below, only = f"{name[1]}-file", "readonly=on," * ("readonly=on" in word)
    return [word.replace(f"id={name[1]}", f"id={below}"), "-drive",
            f"driver=blkreplay,if=none,{only}id={name[1]},image={below}"]


def make_overlays(home: Path, words: list[str]) -> None:
    """All of a taped command line; nothing is saved in them yet."""
    for word in words:
        if file := re.search(r"format=qcow2,file=(.*)\.qcow2$", word):
            below = home / file[1]
            backing = ["-F", "raw", "-b", below.name] * below.exists()
            size = [] if backing else ["1M"]
            media.tool("qemu-img", "create", "-q", "-f", "qcow2", *backing,
                       f"{file[1]}.qcow2", *size, cwd=home)
