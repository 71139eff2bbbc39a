"""Pages of code that the Memory Attributes Table leaves writable and executable.

EDK II of early 2024 has them, and older firmware may: its images are not
split into code and data. Here the debugger removes the two flags from the
rows of good firmware, so that such pages are executed, and others written.
"""

import struct

import pytest

from harness import paths
from harness.chain import CHECKS, Chain
from harness.rsp import symbol

CODE = 5  # EfiRuntimeServicesCode (UEFI 2.10 §7.2.1)
READ_ONLY, NO_EXECUTE = 0x20000, 0x4000
HEAD, ROW = struct.Struct("<IIII"), struct.Struct("<IIQQQQ")


def open_rows(debugger, only_code: bool) -> int:
    """Remove the flags from the table that the kernel is about to read, in all
    rows of code regions or in the executable ones; returns their pages."""
    debugger.run_to(symbol(paths.SYMBOLS, "efi_attributes_read"))
    at = debugger.register("rdi")
    debugger.physical()
    _, count, size, _ = HEAD.unpack(debugger.read(at, HEAD.size))
    opened = 0
    for at in range(at + HEAD.size, at + HEAD.size + count * size, size):
        kind, pad, pa, va, pages, flags = ROW.unpack(
            debugger.read(at, ROW.size))
        if kind == CODE and (flags & READ_ONLY or not only_code):
            flags &= ~(READ_ONLY | NO_EXECUTE)
            debugger.write(at, ROW.pack(kind, pad, pa, va, pages, flags))
            opened += pages
    debugger.physical(False)
    return opened


@pytest.mark.parametrize("mode", ["fixed", "physical"])
@pytest.mark.parametrize("only_code", [True, False])
def test_open_pages_are_never_both(boot, mode, only_code):
    with boot(f"efi={mode} generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            assert open_rows(debugger, only_code)
            debugger.detach()
        run = machine.finish()
    run.one("end", gen=1, verdict="pass")
    for gen in (0, 1):
        quirk, = run.all("efi.quirk", gen=gen)
        assert quirk["name"] == "open-code"
        learned = run.all("efi.fault", gen=gen, action="learned")
        assert learned and {e["access"] for e in learned} == {"execute"}
        assert len({e.number("va") >> 12 for e in learned}) == len(learned)
        assert run.one("proof", gen=gen, check="wx")["verdict"] == "pass"
        for check in CHECKS:
            assert Chain(run).proof(gen, check)["verdict"] != "fail"


def test_a_page_that_is_both_fails_the_proof(boot):
    """The first service that is called writes to its own page."""
    with boot("efi=physical generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            open_rows(debugger, True)
            debugger.run_to(symbol(paths.SYMBOLS, "gate_enter"))
            record = debugger.word(symbol(paths.SYMBOLS, "gate_current"))
            code = debugger.word(record)
            debugger.physical()
            # mov [rip], al (its own next byte is data); mov eax, 0; ret
            debugger.write(code, bytes.fromhex("880506000000b800000000c300"))
            debugger.detach()
        run = machine.finish()
    accesses = [e["access"] for e in run.all("efi.fault", action="learned")]
    assert accesses.count("write") == 1
    proof = run.one("proof", check="wx")
    assert proof["verdict"] == "fail" and proof["detail"].startswith("1 page")
