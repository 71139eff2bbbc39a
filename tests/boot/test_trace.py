"""What efi.diff=on says about the first and the last words of the firmware."""

import struct

from harness import paths
from harness.chain import Chain
from harness.rsp import symbol


def test_words_at_both_ends_are_compared(boot, chain_of):
    """A pointer in the first and one in the last 8 bytes of a region of data;
    and the text counts what the events list."""
    regions = Chain(chain_of("fixed").run).regions(0)
    data, code = (next(r for r in regions if r.type == kind)
                  for kind in ("RuntimeServicesData", "RuntimeServicesCode"))
    places = data.pa, data.pa + data.pages * 4096 - 8
    with boot("efi=fixed generations=1 end=exit efi.diff=on",
              paused=True) as machine:
        with machine.debugger() as debugger:
            for name, pointer in ("diff_begin", code.pa), ("diff_after", code.va):
                debugger.run_to(symbol(paths.SYMBOLS, name))
                debugger.physical()
                for place in places:
                    debugger.write(place, struct.pack("<Q", pointer + 0x123))
                debugger.physical(False)
            debugger.detach()
        region = machine.wait_for("efi.diff.region", pa=f"{data.pa:#x}")
        run = machine.run
    assert (region["moved"], region["unaligned"]) == ("2", "0")
    for table in "system", "runtime":
        words = [event for event in run.all("efi.diff", table=table)
                 if event["field"] != "CRC32"]
        moved = sum(event["change"] == "moved" for event in words)
        assert any(f"efi: diff: {table} table: {moved} of {len(words)} words "
                   "moved" in line for line in run.lines)
