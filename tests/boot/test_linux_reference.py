"""Linux as a reference: Debian's own, started by the firmware, before any Baton.

With efi=debug it prints the map with which it calls
SetVirtualAddressMap, and at the end each region's address. The
function of efi=fixed must compute the same ones from the same map. Then this
Linux starts Baton by kexec, and Baton has to adopt these addresses.
"""

import re
import subprocess

import pytest

from harness import flash, paths
from harness.chain import CHECKS
from harness.events import wanted

WORDS = ("console=ttyS0 nowatchdog tsc=reliable efi=debug efi=inherit "
         'generations=2 end=exit run="efi vars"')
RUNTIME = 1 << 63
PLACE = paths.BUILD / "place"
SOURCES = ["tests/unit/place.c", "efi/mode.c", "lib/string.c", "lib/status.c",
           "lib/format.c"]

# Both kinds of kexec.
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("way", [
    pytest.param(way, marks=pytest.mark.xdist_group(way))
    for way in ("file", "load")])]


@pytest.fixture
def run(run_of, way):
    return run_of(f"judge-{way}", f"{WORDS} linux={way}", medium="stub",
                  bundle=paths.LINUX_BUNDLE)


def printed_map(run) -> list[tuple[int, int]]:
    """(pa, pages) of all regions that Linux maps for the firmware, as it merged
    them: runtime regions and, temporarily, those of boot services."""
    lines = [event["line"] for event in run.all("linux.log")]
    start = next(i for i, line in enumerate(lines)
                 if "EFI runtime memory map" in line)
    ranges = re.findall(r"mem\d+: .*range=\[(0x\w+)-(0x\w+)\]",
                        "\n".join(lines[start:]))
    return sorted((int(first, 16), (int(last, 16) + 1 - int(first, 16)) >> 12)
                  for first, last in ranges)


def placed(regions: list[tuple[int, int]]) -> dict[int, int]:
    """Physical -> virtual, by the kernel's own function built for the host."""
    tables = paths.BUILD / "unit/tables.ld"
    subprocess.run(["make", "-s", "-f", "tests/unit/unit.mk",
                    tables.relative_to(paths.ROOT)], cwd=paths.ROOT, check=True)
    subprocess.run(["gcc", "-std=gnu11", "-I.", "-fno-builtin", *SOURCES,
                    "-T", tables, "-o", PLACE],
                   cwd=paths.ROOT, check=True)
    text = "".join(f"{pa:#x} {pages}\n" for pa, pages in regions)
    done = subprocess.run([PLACE], input=text, text=True, check=True,
                          stdout=subprocess.PIPE)
    return {int(pa, 16): int(va, 16)
            for pa, va in map(str.split, done.stdout.splitlines())}


def test_fixed_is_the_rule_of_linux(run):
    shown = {e.number("pa"): e.number("va") for e in run.all("linux.region")}
    assert len(shown) > 10  # far more than the runtime regions
    assert placed(printed_map(run)) == shown


def test_efivar_lists_what_efivarfs_has(run):
    listed = [event["name"] for event in run.all("linux.listed")]
    assert sorted(listed) == sorted(
        event["name"] for event in run.all("linux.variable"))


def test_baton_lists_what_linux_lists(run):
    """Names and sizes; except variables that Baton's own proof has created."""
    row = re.compile(r"  ([0-9a-f-]{36}) [NVBSRT -]+ (\d+)  (.+)")
    ours = {f"{hit[3]}-{hit[1]}": int(hit[2]) for line in run.lines
            if (hit := row.fullmatch(line))}
    theirs = {event["name"]: len(event["data"]) // 2 - 4
              for event in run.all("linux.variable")}
    assert {name.partition("-")[0] for name in ours.keys() - theirs.keys()} \
        <= {flash.GENERATION, "MTC", "RTCALARM"}
    assert theirs.items() <= ours.items()


def test_baton_takes_over_what_linux_has_mapped(run):
    """All proofs, at addresses that an unmodified Linux chose."""
    run.expect(wanted("linux.boot", runtime="on"),
               wanted("boot", gen=1, via="kexec", by="linux"),
               wanted("efi.mode", gen=1, mode="table", svam="inherited"),
               wanted("end", gen=1, verdict="pass"))
    mapped = {(e["pa"], e["va"], e["pages"]): e.number("attr")
              for e in run.all("linux.region")}
    ours = {(e["pa"], e["va"], e["pages"]) for e in run.all("efi.region")}
    assert ours == {key for key, attr in mapped.items() if attr & RUNTIME}
    proofs = {e["check"]: e["verdict"] for e in run.all("proof", gen=1)}
    assert proofs == dict.fromkeys(CHECKS, "pass")
    assert run.all("panic") == run.all("refused") == []


def test_baton_goes_on_counting(run):
    run.one("linux.count", found="none", wrote="1", reads="1")
    detail = run.one("proof", gen=1, check="variable")["detail"]
    assert detail.startswith("an earlier boot's 1; wrote 2: EFI_SUCCESS")
    assert flash.generation(run.flash) == 2
