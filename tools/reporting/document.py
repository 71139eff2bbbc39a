"""Everything about one firmware as one object: report.json (docs/report.md)."""

import dataclasses
import hashlib
import subprocess
import time
from pathlib import Path

from harness import paths, qemu, saved

from . import facts, rules

FORMAT = 1


def identity(results, config: qemu.Config) -> dict:
    """Who made the firmware, and when; which files it is."""
    look = results.get("look")
    smbios = look.extra.get("smbios") if look else None
    smbios = smbios or next((event for result in results.values() if result.run
                             for event in result.run.all("smbios")), {})
    vendor, uefi = facts.name_and_version(results)
    if config.firmware == "pflash":
        names = qemu.code_of("pflash"), config.vars
    else:
        names = config.code, config.variables, config.bios
    files = [{"path": name, "bytes": Path(name).stat().st_size,
              "sha256": hashlib.sha256(Path(name).read_bytes()).hexdigest()}
             for name in names if name]
    return {"vendor": vendor or "unknown", "uefi": uefi,
            "bits": facts.bits(results),
            "smbios_vendor": smbios.get("vendor", ""),
            "version": smbios.get("version", ""),
            "date": smbios.get("date", ""), "files": files}


def commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"],
                          cwd=paths.ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def machine(config: qemu.Config) -> dict:
    version = saved.qemu_version(qemu.program()).partition("\n")[0]
    return {"qemu": version, "machine": config.board, "args": config.args,
            "ram_mib": config.ram_mib, "fault": config.sin}


def verdict(checks, findings) -> dict:
    """One word, and one sentence."""
    severities = [one["severity"] for one in findings]
    worst = severities[0] if severities else ""
    ran = [check for check in checks
           if check.kind == "end" and check.verdict != facts.SKIP]
    good = sum(check.verdict == facts.PASS for check in ran)
    modes = (f"kernels came through {good} of {len(ran)} ways to map it"
             if ran else "no chain of kernels was run")
    counts = ", ".join(f"{severities.count(name)} {name}"
                       for name in rules.SEVERITIES if name in severities)
    if not [check for check in checks if check.verdict != facts.NONE]:
        return {"word": "none", "sentence": "Nothing could be tested."}
    if not findings:
        return {"word": "pass", "sentence": f"Nothing is wrong: {modes}, and "
                "every check passed or does not apply." + _not_run(checks)}
    word = "fail" if worst in ("critical", "high") else "minor"
    start = {"critical": "Do not ship this firmware",
             "high": "Some of this firmware cannot be relied on"}.get(
                 worst, "This firmware can be used")
    return {"word": word, "sentence": f"{start}: {modes}; findings: {counts}."
            + _not_run(checks)}


def _not_run(checks) -> str:
    """What the firmware may do wrong beside the findings."""
    kinds = dict.fromkeys(check.kind for check in checks
                          if check.verdict == facts.NONE)
    return f" Not run, or not all of it: {', '.join(kinds)}." if kinds else ""


def document(results, config: qemu.Config) -> dict:
    checks = facts.checks(results)
    found = rules.findings(checks)
    look = results.get("look")
    timing = results.get("timing")
    answers = look.extra.get("answers", {}) if look else {}
    return {
        "format": FORMAT,
        "verdict": verdict(checks, found),
        "firmware": identity(results, config),
        "machine": machine(config),
        "made": {"by": commit(), "at": now()},
        "findings": found,
        "checks": [dataclasses.asdict(check) for check in checks],
        "modes": facts.modes(results),
        "regions": facts.regions(results),
        "answers": answers,
        "vectors": [dataclasses.asdict(point) for point in
                    facts.points(results.get("vectors-first"))],
        "diff": facts.diff(results),
        "touch": facts.touch(results),
        "stacks": facts.stacks(results),
        "instructions": timing.extra.get("instructions", {}) if timing else {},
        "runs": [{"id": one.experiment.id, "what": one.experiment.what,
                  "words": one.experiment.words,
                  "seconds": round(one.seconds, 1),
                  "end": facts.ending(one),
                  "home": str(one.run.home) if one.run else "",
                  **facts.evidence(one, checks)}
                 for one in results.values()],
    }
