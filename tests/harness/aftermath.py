"""What the next boot makes of the flash that a power cut left (powercut.py).

Each write is old or new, never another; what the machine had reported as written
is there; the firmware's own variables are there; of a crash record each part is
whole or absent, and the kernel names what is absent; and the kernel lists the
variables that our own reader finds in the flash file.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from . import flash
from .machine import EXIT, End
from .powercut import Cut, Stage

CRASH = "cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0"  # efi-pstore's
NV_RT = 5  # in flash, and accessible at runtime
LISTED = re.compile(r"([0-9a-f-]{36}) NV BS RT +(\d+)  (\S+)$")
WROTE = re.compile(r"wrote (\d+): EFI_SUCCESS")
PASSED = End("debug-exit", EXIT["pass"])


# ---- what may be there

def problems(stage: Stage, cut: Cut) -> list[str]:
    """The differences from what a power cut may leave, as text."""
    run = stage.again(cut.flash)
    if run.end != PASSED:
        return [f"the next boot: {run.end}; {run.home}"]
    found = flash.alive(run.flash)
    if writing := flash.unfinished_write(run.flash):
        return [f"the next boot left a compaction unfinished: {writing}"]
    return [*_writes(stage, cut, found), *_count(stage, cut, found),
            *_firmwares_own(stage, found), *_crash(stage, cut, found),
            *_told(stage, run, found), *_list(run, found)]


def _data(found: dict, name: str, vendor: str = flash.BATON) -> bytes | None:
    return found[name, vendor].data if (name, vendor) in found else None


def _writes(stage: Stage, cut: Cut, found: dict) -> Iterator[str]:
    """All that were reported; of the next one, the old or the new value."""
    reported = sum(e.matches("monitor.command", line=re.compile("^efi vars write"),
                             status="ok") for e in cut.events)
    before = dict(stage.scenario.writes[:reported])
    after = dict(stage.scenario.writes[: reported + 1])
    for name in dict(stage.scenario.writes):
        allowed = {text and text.encode()
                   for text in (before.get(name), after.get(name))}
        if _data(found, name) not in allowed:
            yield f"{name} is {_data(found, name)}, not in {allowed}"


def _count(stage: Stage, cut: Cut, found: dict) -> Iterator[str]:
    counted = [int(hit[1]) for e in cut.events if e.matches(
        "proof", check="variable") and (hit := WROTE.search(e["detail"]))]
    reported = counted[-1] if counted else 0
    last = flash.generation(stage.reference.flash)
    data = _data(found, flash.GENERATION)
    value = int.from_bytes(data, "little") if data else 0
    if value not in (reported, min(reported + 1, last)) or (
            data is not None and len(data) != 4):
        yield f"{flash.GENERATION} is {data}; reported: {reported}"


@lru_cache
def _expected(stage: Stage) -> dict:
    """The firmware's variables before the cut: value, or None if a boot without
    a cut changes it as well."""
    started = flash.alive(stage.start)
    booted = flash.alive(stage.again(stage.start).flash)
    ended = flash.alive(stage.reference.flash)
    return {key: variable if variable == booted.get(key) == ended.get(key)
            else None for key, variable in started.items() if key in booted}


def _firmwares_own(stage: Stage, found: dict) -> Iterator[str]:
    for key, variable in _expected(stage).items():
        if key not in found:
            yield f"{key[0]} of the firmware is missing"
        elif variable and variable != found[key]:
            yield f"{key[0]} of the firmware is {found[key]}"


def parts_of(found: dict) -> dict:
    return {name: variable.data for (name, vendor), variable in found.items()
            if vendor == CRASH}


def _crash(stage: Stage, cut: Cut, found: dict) -> Iterator[str]:
    whole = parts_of(flash.alive(stage.reference.flash))
    for name, data in parts_of(found).items():
        if data != whole.get(name):
            yield f"{name} is neither whole nor absent: {data}"
    if any(e.matches("crash.saved") for e in cut.events):
        yield from (f"{name} was reported and is missing"
                    for name in whole.keys() - parts_of(found).keys())


def _told(stage: Stage, run, found: dict) -> Iterator[str]:
    """The kernel has named the parts that are missing."""
    kept = parts_of(found).keys()
    lost = parts_of(flash.alive(stage.reference.flash)).keys() - kept
    numbers = " ".join(sorted(name.split("-")[2] for name in lost))
    wanted = [numbers] if kept and lost else []
    told = [e["missing"] for e in run.all("crash.incomplete")]
    if told != wanted:
        yield f"the kernel named these parts as missing: {told}, not {wanted}"


def listed(run) -> set[tuple]:
    """(name, vendor, bytes) of each variable in flash, as the kernel lists it."""
    return {(hit[3], hit[1], int(hit[2])) for line in run.lines
            if (hit := LISTED.search(line))}


def listed_by_linux(run) -> set[tuple]:
    """The same, of the files of efivarfs: NAME-VENDOR, four bytes of attributes
    and the data (tools/linux_init)."""
    files = [(e["name"], bytes.fromhex(e["data"]))
             for e in run.all("linux.variable")]
    return {(name[:-37], name[-36:], len(data) - 4) for name, data in files
            if data[0] & NV_RT == NV_RT}


def _list(run, found: dict) -> Iterator[str]:
    """The kernel, and our own reader of the flash file."""
    read = {(name, vendor, len(variable.data))
            for (name, vendor), variable in found.items()
            if variable.attributes & NV_RT == NV_RT}
    if difference := listed(run) ^ read:
        yield f"the kernel and the flash file differ in {difference}"
    printed = {e["name"]: e.number("bytes") for e in run.all("crash.record")}
    kept = {name: len(data) for name, data in parts_of(found).items()}
    if printed != kept:
        yield f"the kernel printed the crash records {printed}, not {kept}"


# ---- what was there, and what the firmware did

def condition(image: bytes) -> str:
    """In what the cut left the flash."""
    if writing := flash.unfinished_write(image):
        return f"compaction: {writing}"
    try:
        records = flash.records(image)
        tail = flash.unused(image)
    except flash.NoStore:
        return "the store is being replaced"
    states = {record.state for record in records}
    if tail.strip(b"\xff"):
        return "a record has begun"
    if flash.HEADER_BEGUN in states:
        return "a header is incomplete"
    if records and records[-1].state == flash.HEADER_VALID:
        return "data are incomplete"
    if flash.IN_DELETION in states:
        return "an old value is in deletion"
    return "complete"


def repair(stage: Stage, cut: Cut) -> str:
    """What the firmware did about it in the next boot."""
    after = stage.again(cut.flash).flash
    if flash.unfinished_write(cut.flash) == flash.TO_STORE:
        return "copied the spare block to the store"
    try:
        kept = len(flash.records(after)) >= len(flash.records(cut.flash))
    except flash.NoStore:
        return "rebuilt the store"
    if flash.unfinished_write(cut.flash):
        return "began the compaction again" if not kept else "gave it up"
    return "nothing was necessary" if kept else "compacted the store"
