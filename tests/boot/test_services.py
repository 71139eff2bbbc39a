"""The calls to runtime services, looked at from outside: their arguments, which
are called at all, and what is reported about them.
"""

import re
import struct

import pytest

from boot.test_gate import call_under_way
from harness import paths, vectors
from harness.chain import GENERATIONS, PROVING, Chain
from harness.layouts import SERVICES
from harness.rsp import symbol

# How many each has (UEFI 2.10 §8).
NUMBER = dict(zip(SERVICES, (2, 1, 3, 2, 4, 2, 5, 3, 5, 1, 4, 3, 4, 4),
                  strict=True))
CHECKSUM = 16  # in the header of a table (UEFI 2.10 §4.2)
ARGUMENTS, SERVICE = 8, 156  # where a call's record has them (efi/gate.h)


def test_what_is_no_argument_is_zero(boot):
    """Of the five places for arguments, a call fills no more than it has."""
    seen = set()
    with boot("efi=fixed generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "check_space"))
            while "QueryCapsuleCapabilities" not in seen:
                record, _ = call_under_way(debugger)
                given = struct.unpack("<5Q", debugger.read(record + ARGUMENTS, 40))
                number, = struct.unpack("<I", debugger.read(record + SERVICE, 4))
                name = SERVICES[number]
                assert not any(given[NUMBER[name]:]), (name, given)
                seen.add(name)
    assert seen >= set(SERVICES) - {"GetVariable", "GetNextVariableName",
                                    "ResetSystem"}


@pytest.mark.modes(*PROVING)
def test_a_map_of_an_unknown_version_is_refused_by_the_firmware(the_chain):
    """In each generation: SetVirtualAddressMap is called with it, last."""
    for gen in range(GENERATIONS):
        *_, last = the_chain.run.all("efi.call", gen=gen,
                                     svc="SetVirtualAddressMap")
        assert last["status"] in ("EFI_UNSUPPORTED", "EFI_INVALID_PARAMETER")


def test_a_service_without_an_entry_is_not_there(boot):
    """Not announced as missing, but its pointer is NULL: it is no error."""
    with boot(f'efi=fixed generations=1 end=exit run="{vectors.COMMAND}"',
              sin="no-service") as machine:
        found = vectors.points(machine.finish().lines)
    assert {p.service for p in found if p.skipped} == {
        "QueryCapsuleCapabilities"}
    assert all(p.skipped for p in found
               if p.service == "QueryCapsuleCapabilities")


def test_a_runtime_table_without_a_new_checksum_is_used(boot, chain_of):
    """After SetVirtualAddressMap changed it: some firmware forgets that."""
    regions = Chain(chain_of("fixed").run).regions(0)
    with boot("efi=fixed generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "diff_after"))
            table, = (region.pa + at for region in regions
                      if region.type == "RuntimeServicesData"
                      for at in places(machine.memory(region.pa, region.pages
                                                      * 4096)))
            debugger.physical()
            debugger.flip(table + CHECKSUM)
            debugger.detach()
        run = machine.finish()
    for gen in (0, 1):
        assert "crc-after-svam" in {
            event["name"] for event in run.all("efi.quirk", gen=gen)}
        run.one("end" if gen else "kexec.jump", gen=gen)
    assert run.all("proof", verdict="fail") == run.all("refused") == []


def places(memory: bytes) -> list[int]:
    """Where a table of runtime services may be: its signature, and its size."""
    return [match.start() for match in re.finditer(b"RUNTSERV", memory)
            if memory[match.start() + 12 : match.start() + 16] == b"\x88\0\0\0"]


@pytest.mark.modes(*PROVING)
def test_the_space_for_variables_is_reported(the_chain):
    for gen in range(GENERATIONS):
        found = re.fullmatch(
            r"QueryVariableInfo: EFI_SUCCESS: largest variable (\d+); (\d+) of "
            r"(\d+) bytes free, (\d+) after a write",
            the_chain.proof(gen, "space")["detail"])
        largest, free, total, after = map(int, found.groups())
        assert 0 < largest <= total and after < free <= total
