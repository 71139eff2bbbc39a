"""Memory that is not ordinary RAM, and memory that is not addressable.

GRUB's information is changed before the first generation reads it: QEMU has
no such memory.
"""

import re

import pytest

from harness.multiboot2 import (CONVENTIONAL, DESCRIPTOR, EFI_MAP, ENTRY,
                                MEMORY_MAP, UNACCEPTED, first_memory, rows)

WB, SP = 1 << 3, 1 << 18


def kind_at(text: str, pa: int) -> str:
    """From the output of the command `memory`."""
    ranges = re.findall(r"(0x\w+) - (0x\w+) .*  (\S+)$", text, re.MULTILINE)
    return next((kind for start, end, kind in ranges
                 if int(start, 16) <= pa < int(end, 16)), "hole")


def smallest_entry(debugger):
    """GRUB's smallest entry of free memory; the bundle is in the first MiB."""
    return min(((where, row) for where, row in
                rows(debugger, MEMORY_MAP, ENTRY)
                if row[2] == 1 and row[0] >= 1 << 20),
               key=lambda entry: entry[1][1])


@pytest.mark.parametrize("change", [
    pytest.param(lambda row: row[:5] + [row[5] | SP], id="specific-purpose"),
    pytest.param(lambda row: row[:5] + [row[5] & ~WB], id="not-write-back"),
    pytest.param(lambda row: [UNACCEPTED] + row[1:], id="unaccepted"),
])
def test_special_memory_is_not_used(boot, change):
    """Although GRUB's own map reports it as free; and for the next kernels,
    which do not see the EFI map any more, it is reserved."""
    with boot("efi=fixed generations=3", paused=True) as machine:
        with machine.debugger() as debugger:
            _info_pa, image_pa = first_memory(debugger)
            where, row = next(
                (where, row) for where, row in
                rows(debugger, EFI_MAP, DESCRIPTOR)
                if row[0] == CONVENTIONAL and row[2] >= 1 << 20 and
                not row[2] <= image_pa < row[2] + (row[4] << 12))
            debugger.write(where, DESCRIPTOR.pack(*change(row)))
            debugger.detach()
        assert kind_at(machine.ask("memory").text, row[2]) == "reserved"
        run = machine.run
    run.one("end", gen=2, verdict="pass")


def test_free_memory_that_only_the_efi_map_knows(boot):
    with boot("efi=fixed generations=2", paused=True) as machine:
        with machine.debugger() as debugger:
            first_memory(debugger)
            where, row = smallest_entry(debugger)
            debugger.write(where, ENTRY.pack(0, 0, *row[2:]))
            debugger.detach()
        assert kind_at(machine.ask("memory").text, row[0]) == "reserved"
        run = machine.run
    run.one("end", gen=1, verdict="pass")


def test_memory_out_of_reach_is_not_in_the_pool(boot):
    """A TiB beyond the addresses of this processor, which has 40 bits."""
    cmdline = "efi=off generations=2 end=exit"
    with boot(cmdline) as machine:
        usual = machine.finish()
    with boot(cmdline, paused=True) as machine:
        with machine.debugger() as debugger:
            first_memory(debugger)
            where, row = smallest_entry(debugger)
            debugger.write(where, ENTRY.pack(1 << 41, 1 << 40, *row[2:]))
            debugger.detach()
        run = machine.finish()
    assert run.all("refused") == []
    for gen in (0, 1):
        assert any(line.startswith(f"g{gen} ") and
                   f" {1 << 30} KiB of that are above 4 GiB" in line
                   for line in run.lines)
        assert run.one("mm", gen=gen, at="start").number("free") == \
            usual.one("mm", gen=gen, at="start").number("free") - (row[1] >> 12)
    run.one("end", gen=1)
