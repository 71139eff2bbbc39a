"""From runs to facts: checks with a verdict, and tables.

A check's name is the same in every report, so two reports can be compared; its
kind is the key of rules.py.
"""

import itertools
import re
from dataclasses import dataclass

from harness import chain, flash, vectors
from harness.chain import Chain
from harness.machine import Run

from .experiments import LINUX, Result

PASS, FAIL, SKIP, NONE = "pass", "fail", "skip", "none"
MODES = tuple(chain.EXPECTED)
SERIOUS = {"efi.fault": "fault", "efi.violation": "register",
           "efi.reject": "answer", "efi.touch.outside": "outside"}
# What a kernel says if a mode has no address that the firmware can use.
BEYOND = "and the firmware has no addresses from"
# … and of a proof that would have to write (kernel/main.c).
ONLY_LOOKED = "prove=write was not given"
# Linux stops writing variables when less is left (drivers/firmware/efi).
LINUX_KEEPS_FREE = 5120


@dataclass(frozen=True)
class Check:
    """`verdict` none: it was not run here, which says nothing."""

    id: str
    kind: str  # a row of rules.py
    verdict: str
    seen: str = ""  # what was seen, in one line


def checks(results: dict[str, Result]) -> list[Check]:
    found = list(_of_boot(results))
    for mode in MODES:
        found += _of_mode(mode, results[f"chain-{mode}"]) \
            if f"chain-{mode}" in results else []
    for name, read in (("look", _of_look), ("reset", _of_reset),
                       ("touch", _of_touch), ("linux", _of_linux)):
        if name in results:
            found += read(results[name])
    found += [_of_end(results[name], ENDS[name]) for name in ENDS
              if name in results and (booted(results[name]) or name == "timing"
                                      and results[name].run)]
    if "vectors-first" in results:
        found += _of_vectors(results["vectors-first"],
                             results.get("vectors-last"))
    found += quirks(results)
    return found


# The line with which a kernel names the firmware.
NAMED = re.compile(r" efi: (.*), UEFI ([\d.]+), (\d+)-bit, ")


def _named(results) -> tuple[str, str, str]:
    lines = (line for result in results.values() if result.run
             for line in result.run.lines)
    return next((found.groups() for line in lines
                 if (found := NAMED.search(line))), ("", "", "0"))


def name_and_version(results) -> tuple[str, str]:
    return _named(results)[:2]


def bits(results) -> int:
    """Of the firmware's words: 64 or 32; 0: no kernel got as far as that."""
    return int(_named(results)[2])


def booted(result: Result) -> bool:
    return bool(result.run and result.run.all("boot", gen=0))


def _of_boot(results) -> list[Check]:
    tried = [result for name, result in results.items()
             if result.run and name != "timing"]
    if not tried:
        return []
    failed = [result for result in tried if not booted(result)]
    words = "; ".join(f"{one.experiment.id}: {ending(one)}" for one in failed)
    return [Check("boot", "boot", FAIL if failed else PASS, words)]


def ending(result: Result) -> str:
    """How a machine ended, in words."""
    end = result.run.end if result.run else None
    if not end or result.problem and end.how == "stopped":
        return result.problem or "not run"
    words = {
        "debug-exit": "the last kernel came to its end",
        "guest-shutdown": "switched off by the firmware",
        "guest-reset": "reset by the firmware",
        "triple-fault": "the processor reset itself (triple fault)",
        "stalled": f"it hung: {end.why}",
        "stopped": "stopped from outside",
        "died": "QEMU failed",
    }[end.how]
    last = result.run.events[-1] if result.run.events else None
    if result.run.all("end") or end.how == "stopped":
        return words
    return ", ".join(filter(None, [
        words, last and f"after @{last.name} of generation {last['gen']}",
        _place(result.run)]))


# The innermost frame of an autopsy, or where a machine is that is no kernel's.
PLACE = re.compile(r"^  #0 +([0-9a-f]{16})  (.*)$|^(at .* mode.*)$", re.M)


def _place(run: Run) -> str:
    """Where it hung, or was reset, in words."""
    found = PLACE.search(run.autopsy)
    if not found:
        return ""
    address, name, elsewhere = found.groups()
    return elsewhere or f"at {int(address, 16):#x}, {name}"


# ---- the chain of one mode

def _of_mode(mode: str, result: Result):
    if not booted(result):
        yield Check(f"{mode}.end", "end", NONE if not result.run else FAIL,
                    f"efi={mode}: {ending(result)}")
        return
    run, want = result.run, chain.EXPECTED[mode]
    if beyond := _beyond(run):
        yield Check(f"{mode}.end", "end", SKIP, f"efi={mode}: {beyond}")
        return
    yield _end(mode, run, result)
    for gen in range(chain.GENERATIONS):
        if gen == 0 or want.later != "refused":
            yield adopted(mode, gen, run)
    yield from proofs(mode, run)
    yield from serious(mode, run)
    if _came(run) and want.end == chain.POWERED_OFF and run.end.how != "debug-exit":
        off = run.end.how == "guest-shutdown"
        yield Check(f"{mode}.off", "off", PASS if off else FAIL,
                    f"efi={mode}: EfiResetShutdown: {ending(result)}")
    yield from _stored(mode, run)


def _beyond(run: Run) -> str:
    """Why 32-bit firmware cannot be in this mode: its addresses end before."""
    return next((event["why"] for event in run.all("refused", what="efi")
                 if BEYOND in event["why"]), "")


def serious(mode: str, run: Run):
    """What the call gate had to contain or to correct."""
    for name, kind in SERIOUS.items():
        events = [event for event in run.events if event.name == name]
        yield Check(f"{mode}.{kind}", kind, FAIL if events else PASS,
                    "; ".join(dict.fromkeys(_spelled(mode, event)
                                            for event in events)))


def _spelled(mode: str, event) -> str:
    fields = " ".join(f"{key}={value}" for key, value in event.fields.items()
                      if key not in ("gen", "rip") and value != "none")
    return f"efi={mode}, generation {event['gen']}: {fields}"


def _came(run: Run) -> bool:
    """Did all generations run to the end of the last one?"""
    return bool(run.all("end", gen=chain.GENERATIONS - 1))


def _end(mode: str, run: Run, result: Result) -> Check:
    panics = [event["why"] for event in run.all("panic")]
    return Check(f"{mode}.end", "end", PASS if _came(run) and not panics else FAIL,
                 "; ".join([f"efi={mode}: {ending(result)}", *panics]))


def adopted(mode: str, gen: int, run: Run) -> Check:
    name = f"{mode}.{gen}.adopted"
    refusals = run.all("refused", gen=gen, what="efi")
    if refusals:
        return Check(name, "adopted", FAIL, f"efi={mode}, generation {gen}: "
                     f"{refusals[0]['why']}")
    there = run.all("efi.mode", gen=gen)
    return Check(name, "adopted", PASS if there else NONE)


def verdict(event) -> str:
    """Of a @proof. One that needs to write is skipped in a run that may only
    look: that is not the firmware's merit."""
    return NONE if (event["verdict"] == SKIP and ONLY_LOOKED in
                    event.get("detail", "")) else event["verdict"]


def proofs(mode: str, run: Run, generations=range(chain.GENERATIONS)):
    for gen, check in itertools.product(generations, chain.CHECKS):
        events = run.all("proof", gen=gen, check=check)
        if events and check != "gate":  # its parts are checks of their own
            event = events[-1]
            yield Check(f"{mode}.{gen}.{check}", check, verdict(event),
                        f"efi={mode}, generation {gen}: {event.get('detail', '')}")


def _stored(mode: str, run: Run):
    """The count of generations in the flash file, after power-off."""
    if not run.flash or not _came(run):
        return
    wrote = {event["verdict"] for event in run.all("proof", check="variable")}
    try:
        count = flash.generation(run.flash)
    except flash.NoStore as problem:
        yield Check(f"{mode}.stored", "stored", NONE, str(problem))
        return
    want = chain.EXPECTED[mode].counted
    if wrote == {PASS}:
        yield Check(f"{mode}.stored", "stored",
                    PASS if count == want else FAIL,
                    f"efi={mode}: {want} writes returned EFI_SUCCESS and were "
                    f"read back; the flash file has {count or 'none'}")


# ---- the other runs

# How each ends, if its machine neither hangs nor is reset. (U-Boot can only
# reset. The others have a check of their own for that. Nobody reads what the
# kernel says while a debugger counts.)
ENDS = {"look": ("guest-shutdown", "guest-reset"),
        "vectors-last": ("debug-exit",), "touch": ("debug-exit",),
        "timing": ("stopped",)}


def _of_end(result: Result, ends: tuple[str, ...]) -> Check:
    """A run that ended well without a result (of a call that was aborted, no
    instructions are counted) says nothing."""
    name = result.experiment.id
    good = result.run.end.how in ends and not result.hung
    return Check(f"{name}.end", "run",
                 FAIL if not good else NONE if result.problem else PASS,
                 f"{name}: {ending(result)}")


def _of_reset(result: Result) -> list[Check]:
    if not booted(result):
        return []
    run = result.run
    returned = run.all("proof", check="off", verdict="fail")
    good = run.end.how == "guest-reset" and not returned
    return [Check("reset.cold", "reset", PASS if good else FAIL,
                  "; ".join([ending(result), *(e["detail"] for e in returned)])),
            *_of_second_boot(result)]


def _of_second_boot(result: Result):
    """The variable that was written before the reset, read after it."""
    again = result.extra.get("then")
    wrote = result.run.all("proof", check="variable", verdict=PASS)
    if not again or not wrote:
        return
    asked = again.all("monitor.command")
    kept = bool(asked) and asked[0]["status"] == "ok"
    yield Check("reset.kept", "stored",
                PASS if kept else FAIL if asked else NONE,
                "a variable that was written before the reset is "
                + ("there in the next boot" if kept else
                   f"not there in the next boot: {asked[0]['status']}" if asked
                   else f"not read: the next boot ended with {again.end}"))


def _of_touch(result: Result) -> list[Check]:
    if not booted(result):
        return []
    events = result.run.all("efi.touch.outside")
    # U-Boot's code for SetVirtualAddressMap is in boot-services memory, which
    # is mapped for that call: a quirk, reported as that.
    events = [event for event in events
              if event["svc"] != "SetVirtualAddressMap"]
    return [Check("touch.outside", "outside", FAIL if events else PASS,
                  "; ".join(_spelled("identity", event) for event in events))]


def _of_linux(result: Result) -> list[Check]:
    """Was the firmware called by each kernel of the relay? A Linux calls 32-bit
    firmware only if no kernel before it has called SetVirtualAddressMap."""
    if not booted(result):
        return [Check("linux.chain", "linux", NONE, result.problem)]
    run, lost = result.run, []
    for gen, kernel in enumerate(LINUX):
        proofs = run.all("proof", gen=gen)
        boots = run.all("linux.boot", gen=gen)
        good = (all(p["verdict"] != FAIL for p in proofs) and proofs
                if kernel == "baton" else
                any(event["runtime"] == "on" for event in boots)
                or boots and bits({"linux": result}) == 32
                and run.one("efi.mode", gen=gen - 1)["svam"] != "never")
        if not good:
            lost.append(f"generation {gen} ({kernel})")
    refusals = [event["why"] for event in run.all("refused")]
    return [Check("linux.chain", "linux", FAIL if lost else PASS,
                  "; ".join([*(lost and [", ".join(lost)]), ending(result),
                             *refusals]))]


def points(result: Result | None) -> list[vectors.Point]:
    if not result or not result.run or not booted(result):
        return []
    try:
        return vectors.points(result.run.lines)
    except (AssertionError, ValueError, AttributeError):
        return []  # an incomplete report


def _of_vectors(first: Result, last: Result | None):
    """UEFI's own rules, and those of other test suites, are two kinds."""
    before, after = points(first), points(last)
    if not before:
        yield Check("vectors", "vectors", NONE if not first.run else FAIL,
                    first.problem or ending(first))
        return
    for point in before:
        kind = "vector" if "UEFI" in point.who else "suite"
        verdict = SKIP if point.skipped else PASS if point.ok else FAIL
        yield Check(f"vector.{point.name}", kind, verdict,
                    f"{point.name}: {point.status}"
                    f"{f', {point.note}' if point.note else ''}")
    differ = [f"{one.name}: {one.status}, then {two.status}"
              for one, two in zip(before, after)
              if one.status != two.status]
    if after:
        yield Check("vectors.same", "vectors.same", FAIL if differ else PASS,
                    "; ".join(differ))


def quirks(results):
    """Deviations that the kernel tolerates: once each, in whatever run."""
    events = {event["name"]: event for result in results.values()
              if result.run for event in result.run.all("efi.quirk")}
    for name, event in sorted(events.items()):
        yield Check(f"quirk.{name}", "quirk", FAIL,
                    f"{event['does']} ({event['source']})")


# Tables by which a kernel finds hardware, or protects the firmware: name in
# the answer of `efi tables`, kind.
TABLES = {"ACPI 2.0": "acpi", "SMBIOS": "smbios",
          "Memory Attributes": "attributes"}


def _of_look(result: Result):
    answers = result.extra.get("answers")
    if not answers:
        return
    names = " ".join(answers["efi tables"])
    for name, kind in TABLES.items():
        there = name in names
        yield Check(f"tables.{kind}", f"tables.{kind}",
                    PASS if there else FAIL, "" if there else
                    f"no {name} table among the configuration tables")
    wrong = [f"{name}: {attributes}, specified {want}"
             for name, attributes in vectors.global_variables(
                 answers["efi vars"]).items()
             if (want := vectors.specified(name)) and want != attributes]
    yield Check("variables.attributes", "variables", FAIL if wrong else PASS,
                "; ".join(wrong))
    words = answers["efi call QueryVariableInfo"][0].split()
    if words[0].isdigit():
        free = int(words[0])
        yield Check("variables.free", "free",
                    PASS if free > LINUX_KEEPS_FREE else FAIL,
                    f"{free} of {words[2]} bytes are free")


# ---- what a machine left that did not come to its end

LOG_LINES = 40
FOR_ITSELF = {"stalled", "triple-fault", "died"}


def evidence(result: Result, checks: list[Check]) -> dict:
    """The end of its log, and its state: for who has only the report."""
    run = result.run
    name = result.experiment.id.removeprefix("chain-")
    dead = run and run.end and (
        not booted(result) or run.end.how in FOR_ITSELF or any(
            check.verdict == FAIL and check.kind in ("end", "run", "reset")
            and check.id.startswith(f"{name}.") for check in checks))
    return {"log": run.lines[-LOG_LINES:] if dead else [],
            "autopsy": run.autopsy.splitlines() if dead else []}


# ---- tables for people

def regions(results) -> list[dict]:
    result = next((one for name, one in results.items()
                   if name.startswith("chain-") and booted(one)), None)
    return [] if not result else [
        {key: event[key] for key in ("type", "pa", "pages", "attr")}
        for event in result.run.all("efi.region", gen=0)]


def svam(run: Run, gen: int) -> str:
    """What a generation did about SetVirtualAddressMap."""
    if there := run.all("efi.mode", gen=gen):
        return there[0]["svam"]
    return "refused" if run.all("refused", gen=gen, what="efi") else \
        "not reached"


def modes(results) -> list[dict]:
    found = []
    for mode in MODES:
        result = results.get(f"chain-{mode}")
        if result and result.run:
            proofs = [{event["check"]: verdict(event)
                       for event in result.run.all("proof", gen=gen)}
                      for gen in range(chain.GENERATIONS)]
            found.append({"mode": mode, "proofs": proofs,
                          "svam": [svam(result.run, gen) for gen in
                                   range(chain.GENERATIONS)],
                          "end": ending(result), "run": str(result.run.home)})
    return found


def diff(results) -> list[dict]:
    result = results.get("chain-fixed")
    return [] if not result or not result.run else [
        dict(event.fields) for event in result.run.all("efi.diff.region")]


def touch(results) -> list[dict]:
    result = results.get("touch")
    return [] if not result or not result.run else [
        dict(event.fields) for event in result.run.all("efi.touch")]


def stacks(results) -> dict[str, int]:
    result = results.get("touch")
    return {} if not result or not result.run else {
        event["svc"]: event.number("bytes")
        for event in result.run.all("efi.touch.stack")}
