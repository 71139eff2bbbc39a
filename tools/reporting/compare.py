"""Two reports: what became better, what became worse.

Only checks that ran in both can be compared. Worse is: it passed and fails; it
passed and does not apply any more; it was not there and fails.
"""

from .facts import FAIL, NONE, PASS, SKIP

SLOWER = 1.10  # times as many instructions: reported, but no regression


def compare(old: dict, new: dict) -> dict:
    before = {one["id"]: one for one in old["checks"]}
    now = {one["id"]: one for one in new["checks"]}
    worse, better, unknown = [], [], []
    for name, check in now.items():
        was = before.get(name, {}).get("verdict", PASS)
        verdict = check["verdict"]
        row = {"id": name, "before": was if name in before else "new",
               "now": verdict, "seen": check["seen"]}
        if NONE in (was, verdict):
            if was != verdict:
                unknown.append(row)
        elif was == PASS and verdict in (FAIL, SKIP) and (
                name in before or verdict == FAIL):
            worse.append(row)
        elif was == SKIP and verdict == FAIL:
            worse.append(row)
        elif was == FAIL and verdict != FAIL:
            better.append(row)
    for name in before.keys() - now.keys():
        gone = {"id": name, "before": before[name]["verdict"], "now": "gone",
                "seen": before[name]["seen"]}
        # A quirk is reported only where there is one. Any other check is
        # missing because its run did not get so far, which is reported as that.
        is_quirk = before[name]["kind"] == "quirk"
        (better if is_quirk else unknown).append(gone)
    return {"old": old["firmware"], "made": old["made"], "worse": worse,
            "better": better, "unknown": sorted(unknown, key=_by_name),
            "slower": _slower(old["instructions"], new["instructions"])}


def _by_name(row: dict) -> str:
    return row["id"]


def _slower(old: dict, new: dict) -> list[dict]:
    return [{"service": name, "before": old[name][0], "now": now[0]}
            for name, now in new.items()
            if name in old and now[0] > old[name][0] * SLOWER]
