"""Validation of inherited firmware addresses.

The sender is correct and its checksum matches; the test changes data after
that check, from outside, so that only the intended check can fail.
"""

import struct

import pytest

from harness import paths
from harness.events import wanted
from harness.layouts import DESCRIPTOR
from harness.rsp import symbol

RUNTIME = 1 << 63


def at(debugger, name: str) -> None:
    debugger.run_to(symbol(paths.SYMBOLS, name))


def with_other_words(boot, cmdline: str, words: str):
    """A run in which generation 1 gets `words` as its command line."""
    with boot(cmdline, paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "options_read")  # of generation 0 …
            at(debugger, "options_read")  # … and of generation 1
            line_va = debugger.register("rdi")
            debugger.write(line_va, words.encode() + b"\0")
            debugger.detach()
        run = machine.finish()
    assert run.all("panic") == []
    return run


def test_virtefi_leaves_physical_mode(boot):
    """As in Indoh's patch: the same words and one more; no memory is lost."""
    run = with_other_words(boot, "efi=physical generations=2 end=exit ",
                           "efi=physical virtefi generations=2 end=exit")
    run.one("efi.mode", gen=0, mode="physical", svam="never")
    run.one("efi.mode", gen=1, mode="fixed", svam="called")
    run.one("end", gen=1, verdict="pass")


def test_another_mode_is_refused_once_addresses_are_virtual(boot):
    run = with_other_words(boot, "efi=fixed generations=2 end=exit",
                           "efi=identity generations=2 end=exit")
    why = run.one("refused", gen=1, what="efi")["why"]
    assert "identity" in why and "fixed" in why and "once" in why
    assert run.all("efi.call", gen=1) == []
    run.one("end", gen=1, verdict="refused")


def test_from_physical_any_mode_can_be_reached(boot):
    run = with_other_words(boot, "efi=physical generations=3 end=exit",
                           "efi=fixed generations=2 end=exit")
    run.expect(wanted("efi.mode", gen=0, mode="physical", svam="never"),
               wanted("efi.mode", gen=1, mode="fixed", svam="called"),
               wanted("end", gen=1, verdict="pass"))


@pytest.mark.parametrize("mode, elsewhere", [
    ("fixed", 0xfffffffe00000000),  # in the window, but not by the rule
    ("table", 0xffffffeeffe00000),  # below the window: there is no rule
    ("table", 0xffffffffc0000000),  # above it
])
def test_an_impossible_address_is_refused(boot, mode, elsewhere):
    """One region was handed over at an address that the mode does not allow."""
    with boot(f"efi={mode} generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "efi_open")
            at(debugger, "efi_open")
            machine.wait_for("boot", gen=1)
            moved = machine.run.all("efi.region", gen=0)[0].number("va")
            elsewhere += moved % 0x200000
            change_word(debugger, moved, elsewhere)
            debugger.detach()
        run = machine.finish()
    why = run.one("refused", gen=1, what="efi")["why"]
    assert f"{elsewhere:#x}" in why
    assert (f"{moved:#x}" if mode == "fixed" else "window") in why
    assert run.all("efi.call", gen=1) == []


def test_addresses_need_not_ascend(boot):
    """Linux places regions in the order of the firmware's map, which need not
    be sorted. Here two are exchanged before SetVirtualAddressMap is called."""
    with boot("efi=table generations=3 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "efi_services_init")
            swapped = swap_places(debugger)
            debugger.detach()
        run = machine.finish()
    for gen in range(3):
        places = {r.number("pa"): r.number("va")
                  for r in run.all("efi.region", gen=gen)}
        assert swapped.items() <= places.items()
    assert run.all("refused") == run.all("panic") == []
    run.one("end", gen=2, verdict="pass")


def swap_places(debugger) -> dict[int, int]:
    """Exchanges the addresses of two regions of the same size; returns them."""
    va = symbol(paths.SYMBOLS, "firmware_record")
    data = debugger.read(va, 4096)
    places = {}
    for at_byte in range(0, len(data) - 16, 8):
        pa, place, pages = struct.unpack_from("<QQQ", data, at_byte)
        if place >> 36 == 0xFFFFFFF and pa < 1 << 32 and pages == 256:
            places[pa] = va + at_byte + 8, place
    (first, (at_first, a)), (second, (at_second, b)) = places.items()
    assert a < b and first < second
    debugger.write(at_first, struct.pack("<Q", b))
    debugger.write(at_second, struct.pack("<Q", a))
    return {first: b, second: a}


@pytest.mark.parametrize("name", [
    "fixee",  # of a Baton with other modes, or damaged
    "physical",  # known, but without a call
    "",
])
def test_an_unknown_mode_is_refused(boot, name):
    """SetVirtualAddressMap was called, but the mode is not known."""
    with boot("efi=inherit,inherit generations=2 end=exit",
              paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "efi_open")
            at(debugger, "efi_open")
            change(debugger, b"fixed\0".ljust(16, b"\0"),
                   name.encode().ljust(16, b"\0"))
            debugger.detach()
        run = machine.finish()
    why = run.one("refused", gen=1, what="efi")["why"]
    assert f"the mode handed over, '{name}', is unknown" in why
    assert run.all("efi.call", gen=1) == run.all("panic") == []
    run.one("end", gen=1, verdict="refused")


def change_word(debugger, old: int, new: int) -> None:
    change(debugger, struct.pack("<Q", old), struct.pack("<Q", new))


def change(debugger, old: bytes, new: bytes) -> None:
    """Replace bytes that occur once in struct boot_info."""
    boot_va = symbol(paths.SYMBOLS, "kernel")
    data = debugger.read(boot_va, 64 * 1024)
    assert data.count(old) == 1, f"{old} is there {data.count(old)} times"
    debugger.write(boot_va + data.index(old), new)


def test_a_region_missing_from_svam_is_detected(boot):
    """OVMF returns EFI_SUCCESS for a map without its code, and leaves its
    pointers physical. Only a check of the pointers detects it."""
    with boot("efi=fixed generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "gate_enter")  # the first call: SVAM
            hide_runtime_code(debugger)
            debugger.detach()
        run = machine.finish()
    run.one("efi.call", gen=0, svc="SetVirtualAddressMap",
            status="EFI_SUCCESS")
    assert "unconverted" in run.one("refused", gen=0, what="efi")["why"]
    assert run.all("panic") == []
    run.one("refused", gen=1, what="efi")
    run.one("end", gen=1, verdict="refused")


def hide_runtime_code(debugger) -> None:
    """Remove the RUNTIME attribute from the descriptor of runtime code."""
    current = symbol(paths.SYMBOLS, "gate_current")
    record = debugger.word(current)
    fields = struct.unpack("<6Q", debugger.read(record, 48))
    _function, map_bytes, step, _version, map_pa, _fifth = fields
    debugger.physical()
    for at_pa in range(map_pa, map_pa + map_bytes, step):
        words = list(DESCRIPTOR.unpack(debugger.read(at_pa, DESCRIPTOR.size)))
        if words[0] == 5:  # EfiRuntimeServicesCode
            words[5] &= ~RUNTIME
            debugger.write(at_pa, DESCRIPTOR.pack(*words))


def test_no_mode_is_inherited_from_a_refusal(boot):
    with boot("generations=2 efi=naive,inherit end=exit") as machine:
        run = machine.finish()
    run.one("efi.mode", gen=1, mode="none", svam="refused")
    run.one("end", gen=1, verdict="refused")
