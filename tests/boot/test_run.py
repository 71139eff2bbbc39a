"""efi=contiguous: the next kernel gets only two numbers."""

import struct

import pytest

from harness import paths
from harness.handoff import EFI, FIRMWARE, RUN, Handoff
from harness.rsp import symbol


def run_to_the_next(debugger) -> Handoff:
    """What generation 1 finds when it arrives."""
    for _ in range(2):
        debugger.run_to(symbol(paths.SYMBOLS, "kernel_main"))
    block_pa = debugger.register("rsi")
    debugger.physical()
    return Handoff(debugger, block_pa)


def test_no_other_address_is_handed_on(boot):
    with boot("efi=contiguous generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            firmware = run_to_the_next(debugger).payload(FIRMWARE)
            debugger.detach()
        run = machine.finish()
    _, _, step, _, _, _, size = EFI.unpack_from(firmware)
    virtual = [struct.unpack_from("<Q", firmware, EFI.size + at + 16)[0]
               for at in range(0, size, step)]
    assert len(virtual) > 3 and set(virtual) == {0}
    reported = run.one("efi.run", gen=1)
    regions = [(e.number("pa"), e.number("va"), e.number("pages"))
               for e in run.all("efi.region", gen=0)]
    (first_pa, first_va, _), (last_pa, _, pages) = regions[0], regions[-1]
    assert reported.number("va") == first_va
    assert reported.number("bytes") == last_pa + pages * 4096 - first_pa
    assert len(regions) == reported.number("regions") == len(virtual)
    run.one("end", gen=1, verdict="pass")


@pytest.mark.parametrize("number, more, why", [
    (0, 4096, "runtime table at 0x"), (0, 4 << 40, "not in any runtime"),
    (0, 1, "where mode contiguous puts it"), (1, 4096, "span")])
def test_a_wrong_number_is_refused(boot, number, more, why):
    """Before any service is called at a resulting address."""
    with boot("efi=contiguous generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            handoff = run_to_the_next(debugger)
            at = handoff.pa + handoff.find(RUN)[0] + 8 * number
            debugger.write(at, struct.pack("<Q", debugger.word(at) + more))
            handoff.seal()
            debugger.detach()
        run = machine.finish()
    assert why in run.one("refused", gen=1, what="efi")["why"]
    assert run.all("efi.call", gen=1) == run.all("panic") == []
    run.one("end", gen=1, verdict="refused")
