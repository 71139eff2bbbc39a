"""Damage from outside: what no kernel should have to expect, but must survive.

The machine is stopped in mid-flight by QEMU's GDB stub, one bit or one
register is changed behind the kernel's back, and it goes on.
"""

import struct

from harness import paths
from harness.events import wanted
from harness.rsp import symbol


def at(debugger, name: str) -> None:
    """Go on until this function of the kernel is called."""
    debugger.run_to(symbol(paths.SYMBOLS, name))


def test_truncated_multiboot2_information(boot):
    """The information says that it is shorter than it is: no end tag.

    Without a memory map nothing is left to live on, so this is a panic, but
    one that says why.
    """
    with boot("lives=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kernel_main")
            debugger.physical()
            info_pa = debugger.register("rsi")
            size, = struct.unpack("<I", debugger.read(info_pa, 4))
            debugger.write(info_pa, struct.pack("<I", size // 2 & ~7))
            debugger.detach()
        run = machine.finish()
    assert "multiboot2" in run.one("refused", gen=0, what="boot")["why"]
    assert "memory map" in run.one("panic", gen=0)["why"]
    assert (run.end.how, run.end.code) == ("debug-exit", 35)


def test_a_table_that_cannot_be_kept(boot):
    """Then all that lies in boot-services memory is, that table with it."""
    with boot("efi=fixed lives=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "record_report")
            at(debugger, "memory_map_put")  # of the Memory Attributes Table
            debugger.set_register("rdx", (1 << 64) - 1)
            debugger.detach()
        run = machine.finish()
    assert "pass 2^64" in run.one("refused", what="efi-map")["why"]
    start, ready = (run.one("mm", at=when).number("free")
                    for when in ("start", "ready"))
    assert ready <= start
    run.one("end", verdict="pass")


def test_a_flipped_bit_in_the_handoff(boot):
    """Generation 1 sees it by the CRC, and calls no firmware on its word."""
    with boot("efi=fixed lives=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kernel_main")  # of generation 0 …
            at(debugger, "kernel_main")  # … and of generation 1
            debugger.physical()
            params_pa = debugger.register("rsi")
            node_pa, = struct.unpack("<Q", debugger.read(params_pa + 0x250, 8))
            debugger.flip(node_pa + 16 + 8)
            debugger.detach()
        run = machine.finish()
    run.expect(wanted("boot", gen=0), wanted("refused", what="handoff"))
    assert run.all("panic") == []
    assert run.end.how == "debug-exit"


def test_a_staged_image_that_changes_after_loading(boot):
    """It is checked again before the jump, where an error still can return."""
    with boot("efi=fixed lives=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kexec_run")
            loaded = machine.wait_for("kexec.load")
            debugger.physical()
            debugger.flip(loaded.number("base") + 0x1234, bit=3)
            debugger.detach()
        run = machine.finish()
    assert "SHA-256" in run.one("refused", gen=0, what="kexec")["why"]
    assert run.all("kexec.jump") == []
    run.one("end", gen=0, verdict="refused")
    # Nothing is lost: image, handoff and page tables are free again.
    assert run.one("mm", at="end")["free"] == run.one("mm", at="ready")["free"]
