"""Chains that begin with a Linux which the firmware itself has started.

Its EFI stub does not change boot services, and Linux keeps those of their
regions of which a part was reserved: it marks them EFI_MEMORY_RUNTIME. kexec
still treats them as RAM, and puts the bundle there.
"""

import pytest

from harness import flash, paths
from harness.chain import CHECKS
from harness.events import wanted

WORDS = "console=ttyS0 nowatchdog tsc=reliable end=exit"
RUNTIME = 1 << 63

slow = pytest.mark.slow


@pytest.fixture
def run(boot, following, way, options):
    with boot(f"{WORDS} generations=4 next={following} linux={way}",
              bundle=paths.LINUX_BUNDLE, **{"medium": "esp", **options},
              ) as machine:
        return machine.finish()


def regions(run, gen: int) -> list[tuple]:
    return [(e["pa"], e["va"], e["pages"]) for e in
            run.all("efi.region", gen=gen)]


GRID = [("baton", way, {"ram_mib": ram, "firmware": firmware})
        for way in ("file", "load")
        for firmware in ("pflash", "bios")
        for ram in (512, 2048, 6144)]
OTHERS = [
    *[("baton,vmlinuz,baton", way, {"ram_mib": ram})
      for way in ("file", "load") for ram in (512, 6144)],
    *[("baton", way, {"medium": "stub", "ram_mib": ram})
      for way in ("file", "load") for ram in (512, 6144)],
    *[("baton", way, {"sin": "map-reversed"})
      for way in ("file", "load")],
]


@slow
@pytest.mark.parametrize("following, way, options", [
    pytest.param(*row, id="-".join(map(str, (*row[:2], *row[2].values()))))
    for row in GRID + OTHERS])
def test_linux_then_three_more(run, following):
    """Each of them calls the firmware at the addresses of that Linux."""
    assert run.all("refused") == run.all("panic") == []
    run.expect(wanted("linux.boot", gen=0, runtime="on"),
               wanted("boot", gen=1, by="linux"),
               wanted("efi.mode", gen=1, mode="table", svam="inherited"),
               wanted("end", gen=3, verdict="pass"))
    kept = {(e["pa"], e["va"], e["pages"]) for e in
            run.all("linux.region", gen=0) if e.number("attr") & RUNTIME}
    for gen in (1, 3):
        assert set(regions(run, gen)) == kept
        proofs = {e["check"]: e["verdict"] for e in run.all("proof", gen=gen)}
        # kexec may have put the bundle over the Memory Attributes Table.
        assert proofs.pop("wx") in ("pass", "skip")
        assert proofs == {c: "pass" for c in CHECKS if c != "wx"}
    if run.config.has_flash:
        assert flash.generation(run.flash) == 4
