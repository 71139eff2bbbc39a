"""The state of the machine in which a kernel may be entered after a kexec.

Baton's own kexec leaves a well-defined state. Linux's two variants differ:
boot_params in the first MiB or at the top of RAM, its data elsewhere,
descriptors of 40 bytes or of 48, an image above 4 GiB. So immediately before
the jump of generation 0, the debugger changes the state.
"""

import re
import struct
import subprocess

import pytest

from harness import multiboot2, paths
from harness.chain import rule_of_linux
from harness.handoff import (ACPI, EFI, FIRMWARE, KEPT, MEMORY, NEEDS, NVS,
                             USABLE, Handoff)
from harness.layouts import DESCRIPTOR
from harness.rsp import symbol

GIB = 1 << 30
RUNTIME = 1 << 63
LOADER_KEXEC = 0xD0
RNG_SEED, SETUP_EFI = 9, 4
RAM, RESERVED, RESERVED_BY_KEXEC = 1, 2, 128
E820_TYPES = {USABLE: RAM, ACPI: 3, NVS: 4, KEPT: 0x4e544142}
# Boot services that a Linux keeps, since a part of them was reserved. Its kexec
# treats them as RAM, and puts the bundle there: GRUB's is at 0 here.
BOOT_SERVICES_DATA, KEPT_PA, KEPT_PAGES = 4, 0x1F000, 4
HOLE_PA = 0x5000F10  # in RAM, inside a page

# Offsets in boot_params (Documentation/x86/zero-page.rst).
EXT_COMMAND_LINE, EFI_INFO, E820_ENTRIES = 0xC8, 0x1C0, 0x1E8
LOADER, BUNDLE, COMMAND_LINE, SETUP_DATA = 0x210, 0x218, 0x228, 0x250
RSDP, HEADER, E820 = 0x70, 0x202, 0x2D0


def at(debugger, name: str) -> None:
    debugger.run_to(symbol(paths.SYMBOLS, name))


def put(block: bytearray, offset: int, form: str, *values) -> None:
    struct.pack_into("<" + form, block, offset, *values)


def descriptors(efi_map: bytes, step: int):
    """The EFI memory map, unpacked."""
    return [list(DESCRIPTOR.unpack_from(efi_map, at))
            for at in range(0, len(efi_map), step)]


def write_chain(debugger, chain) -> int:
    """Writes a setup_data chain of (pa, type, payload); returns its start."""
    following = 0
    for pa, kind, payload in reversed(chain):
        head = struct.pack("<QII", following, kind, len(payload))
        debugger.write(pa, head + payload)
        following = pa
    return following


def split_for_kexec(params: bytearray, pa: int) -> None:
    """A hole of type 128 in RAM that is not aligned to pages, as `kexec -s`
    leaves it for a node."""
    count = params[E820_ENTRIES]
    for i in range(count):
        start, size, kind = struct.unpack_from("<QQI", params, E820 + 20 * i)
        if kind == RAM and start <= pa < start + size:
            end = start + size
            put(params, E820 + 20 * i, "QQI", start, pa - start, RAM)
            put(params, E820 + 20 * count, "QQIQQI",
                pa, 0x1A0, RESERVED_BY_KEXEC, pa + 0x1A0, end - pa - 0x1A0,
                RAM)
            params[E820_ENTRIES] += 2
            return
    raise AssertionError(f"no RAM at {pa:#x}")


def kept_va(table) -> int:
    """The address of the page by the rule of `fixed`: below all others."""
    regions = [(KEPT_PA, KEPT_PAGES)] + [(row[2], row[4]) for row in table]
    return rule_of_linux(regions)[KEPT_PA]


def params_of(given) -> bytearray:
    """boot_params with the memory and the bundle of a handoff."""
    params = bytearray(4096)
    rsdp_pa, bundle_pa, bundle_bytes = NEEDS.unpack_from(given.payload(MEMORY))
    assert bundle_pa < KEPT_PA < bundle_pa + bundle_bytes
    params[HEADER : HEADER + 4] = b"HdrS"
    params[LOADER] = LOADER_KEXEC
    put(params, RSDP, "Q", rsdp_pa)
    put(params, BUNDLE, "II", bundle_pa, bundle_bytes)
    params[E820_ENTRIES] = len(given.ranges())
    for i, (start, end, kind) in enumerate(given.ranges()):
        put(params, E820 + 20 * i, "QQI", start, end - start,
            E820_TYPES.get(kind, RESERVED))
    return params


def like_linux(debugger, params_pa: int, data_pa: int, step: int,
               tables_pa: int | None = None) -> None:
    """Put the handoff of a Linux in the place of Baton's: boot_params at
    `params_pa`, its data at `data_pa`. `tables_pa`: a wrong address of the
    firmware's configuration tables."""
    given = Handoff(debugger, debugger.register("rsi"))
    params = params_of(given)
    firmware = given.payload(FIRMWARE)
    system_pa, word_bytes, old_step, version, has_setup, efi, _ = \
        EFI.unpack_from(firmware)
    assert word_bytes == 8
    assert has_setup
    if tables_pa:
        efi = efi[:16] + struct.pack("<Q", tables_pa) + efi[24:]
    table = descriptors(firmware[EFI.size :], old_step)
    table.append([BOOT_SERVICES_DATA, 0xDEAD, KEPT_PA, kept_va(table),
                  KEPT_PAGES, RUNTIME | 0xF])
    table.reverse()  # unsorted
    data = b"".join(DESCRIPTOR.pack(*row).ljust(step, b"\xee")
                    for row in table)

    first = write_chain(debugger, [
        (data_pa + 0x2008, RNG_SEED, bytes(32)), (data_pa, SETUP_EFI, efi)])
    debugger.write(data_pa + 0x1000, data)
    debugger.write(data_pa + 0x3001, given.command_line() + b"\0")
    put(params, SETUP_DATA, "Q", first)
    put(params, COMMAND_LINE, "I", data_pa + 0x3001 & 0xFFFFFFFF)
    put(params, EXT_COMMAND_LINE, "I", data_pa + 0x3001 >> 32)
    map_pa = data_pa + 0x1000
    put(params, EFI_INFO, "4s5I", b"EL64", system_pa & 0xFFFFFFFF, step,
        version, map_pa & 0xFFFFFFFF, len(data))
    put(params, EFI_INFO + 24, "II", system_pa >> 32, map_pa >> 32)
    split_for_kexec(params, HOLE_PA)
    debugger.write(params_pa, bytes(params))
    debugger.set_register("rsi", params_pa)


@pytest.mark.parametrize("params_pa, data_pa, step, la57", [
    pytest.param(0x98000, 0x100000, 48, "off", id="low"),
    pytest.param(0x98000, 0x1A0000000, 40, "on", id="apart"),
    pytest.param(0x1BFEE1000, 0x100000, 40, "on,off", id="high"),
])
def test_as_linux_leaves_it(boot, params_pa, data_pa, step, la57):
    with boot(f"efi=fixed generations=3 la57={la57} end=exit", cpu="max",
              ram_mib=6144, paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kexec_last_instruction")
            debugger.physical()
            like_linux(debugger, params_pa, data_pa, step)
            debugger.detach()
        run = machine.finish()
    arrived = run.one("boot", gen=1, by="linux")
    assert arrived["paging"] == ("4" if la57 == "off" else "5")
    assert run.all("panic") == run.all("refused") == []
    assert run.all("proof", verdict="fail") == []
    regions = [[(r["pa"], r["va"]) for r in run.all("efi.region", gen=gen)]
               for gen in range(3)]
    assert regions[1] == regions[2]
    assert regions[1][1:] == regions[0] and int(regions[1][0][0], 0) == KEPT_PA
    run.one("end", gen=2, verdict="pass")


def test_a_table_in_a_page_that_is_partly_ram(boot):
    """Such a page is not mapped, and must not be read. The table is not
    needed: the firmware is called without it."""
    with boot("efi=fixed generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kexec_last_instruction")
            debugger.physical()
            like_linux(debugger, 0x98000, 0x100000, 48, HOLE_PA - 0xF00)
            debugger.detach()
        run = machine.finish()
    assert run.all("panic") == []
    assert [quirk["name"] for quirk in run.all("efi.quirk", gen=1)] == [
        "pointer-lost"]
    assert any("configuration tables, none of them read: 0x" in line
               for line in run.lines)
    proof, = run.all("proof", gen=1, check="wx")
    assert "ignored: configuration tables: 0x" in proof["detail"]
    run.one("end", gen=1, verdict="pass")


def test_no_firmware_is_passed_on(boot):
    """As by a Linux with efi=noruntime: only this reason is logged."""
    with boot("efi=fixed generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kexec_last_instruction")
            debugger.physical()
            like_linux(debugger, 0x98000, 0x100000, 48)
            debugger.write(0x98000 + EFI_INFO, bytes(32))
            debugger.detach()
        run = machine.finish()
    assert any("no firmware to call: no EFI system table: the previous "
               "kernel passed none on" in line for line in run.lines)
    assert run.all("refused") == run.all("efi.mode", gen=1) == []
    run.one("end", gen=1, verdict="none")


def map_above_4g(debugger) -> None:
    """The kernel maps no free memory there, except that of boot services."""
    multiboot2.first_memory(debugger)
    for where, row in multiboot2.rows(debugger, multiboot2.EFI_MAP,
                                      multiboot2.DESCRIPTOR):
        if row[0] == multiboot2.CONVENTIONAL and row[2] >= 4 * GIB:
            row[0] = multiboot2.BOOT_SERVICES_DATA
            debugger.write(where, multiboot2.DESCRIPTOR.pack(*row))
    debugger.physical(False)


def free_above_4g(debugger) -> None:
    """A kernel that also allocates frames there, as Linux does."""
    at(debugger, "kexec_load")
    pool = symbol(paths.SYMBOLS, "pool")
    count, = struct.unpack("<Q", debugger.read(pool, 8))
    debugger.write(pool, struct.pack("<Q", count + 1))
    debugger.write(pool + 16 + 16 * count,
                   struct.pack("<QQ", 4 * GIB, 4 * GIB + (64 << 20)))


def above_4g(debugger) -> None:
    """The next request for contiguous frames is served from 4 GiB up."""
    at(debugger, "frame_pool_take_low")
    debugger.set_register("rcx", 4 * GIB)  # its floor
    debugger.set_register("r8", 8 * GIB)  # its ceiling


@pytest.mark.parametrize("la57", ["auto", "off,on,off"])
def test_an_image_above_4_gib(boot, la57):
    """And its handoff: the next kernel reads both, and continues."""
    with boot(f"efi=fixed generations=3 la57={la57} selftest=on end=exit",
              cpu="" if la57 == "auto" else "max", ram_mib=6144,
              paused=True) as machine:
        with machine.debugger() as debugger:
            map_above_4g(debugger)
            free_above_4g(debugger)
            above_4g(debugger)
            at(debugger, "kexec_run")
            above_4g(debugger)
            debugger.detach()
        run = machine.finish()
    assert run.one("boot", gen=1).number("base") >= 4 * GIB
    assert run.one("boot", gen=2).number("base") < 4 * GIB
    assert run.all("panic") == run.all("proof", verdict="fail") == []
    run.one("end", gen=2, verdict="pass")


@pytest.mark.parametrize("pa", [
    pytest.param(1 << 40, id="beyond the address bits"),
    pytest.param(1 << 63, id="not canonical"),
    pytest.param((1 << 64) - 4, id="wraps"),
])
def test_a_node_at_an_impossible_address(boot, pa):
    """QEMU's processor has physical addresses of 40 bits."""
    with boot("efi=fixed generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kexec_last_instruction")
            debugger.physical()
            like_linux(debugger, 0x98000, 0x100000, 48)
            debugger.write(0x98000 + SETUP_DATA, struct.pack("<Q", pa))
            debugger.detach()
        run = machine.finish()
    assert run.all("panic") == []
    why = run.one("refused", gen=1, what="handoff")["why"]
    assert f"setup_data at {pa:#x} is not in memory" in why
    run.one("end", gen=1)


# Possible values of registers that the 64-bit boot protocol does
# not define: CR8 as Linux leaves it, Linux's PAT, SYSCALL enabled,
# bases of FS and GS, an LDT, a breakpoint, and flags that make an IRET fault
# (NT).
UNTIDY = """
    bits 64
    lea rsp, [rsi + 0x10000]    ; the end of the block: the table has no stack
    push rax
    push rdx
    mov ecx, 1
    mov cr8, rcx
    %macro msr 2
        mov ecx, %1
        mov eax, (%2) & 0xffffffff
        mov edx, (%2) >> 32
        wrmsr
    %endmacro
    msr 0xc0000080, 0xd01
    msr 0x277, 0x0407050600070106
    msr 0xc0000100, 0x1234000
    msr 0xc0000101, 0x1235000
    msr 0xc0000102, 0x1236000
    msr 0x174, 0x10
    lea rcx, [rel table]
    push rcx
    push rcx
    mov word [rsp + 6], table_end - table - 1
    lgdt [rsp + 6]
    pop rcx
    pop rcx
    mov ecx, table_ldt - table
    lldt cx
    mov rcx, {breakpoint:#x}
    mov dr0, rcx
    mov ecx, 0x402
    mov dr7, rcx
    pop rdx
    pop rax
    push qword 0x47002
    popfq
    jmp rax
table:
    dq 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
table_ldt:
    dq 0x0000820000000fff, 0
table_end:
"""
APIC_COMMAND, SELF_IPI = 0x300, 0x40000
ENTRIES = {"LVT0": 0x350, "LVTPC": 0x340, "LVTERR": 0x370, "LVTTHMR": 0x330}
NONE_IN_SERVICE = re.compile(r"ISR\t +\(none\)")
IOAPIC_PA, HPET_PA = 0xFEC00000, 0xFED00000
DELIVER_EXTINT, TSC_DEADLINE, LEVEL = 0x700, 0x40000, 0x8000


def word(value: int) -> bytes:
    return value.to_bytes(4, "little")


def leave_untidy_devices(debugger) -> None:
    """Between the kernel's last log line and the jump."""
    write = symbol(paths.SYMBOLS, "apic_write")
    for register in ENTRIES.values():
        debugger.call(write, register, DELIVER_EXTINT)
    debugger.call(write, 0x320, TSC_DEADLINE | 0x33)  # the timer, in each way
    debugger.call(write, 0x3E0, 0xB)
    debugger.call(write, APIC_COMMAND, SELF_IPI | 236)  # one waits
    debugger.physical()
    for pin in range(24):  # all routed
        debugger.write(IOAPIC_PA, word(0x10 + 2 * pin))
        debugger.write(IOAPIC_PA + 0x10, word(LEVEL | 0x60 + pin))
    debugger.write(HPET_PA + 0x10, word(3))  # in the PIT's place
    debugger.write(HPET_PA + 0x100, word(4 | 8))
    debugger.physical(False)


def forget_to_acknowledge(debugger) -> None:
    """The timer's interrupt, as if its handler had crashed."""
    at(debugger, "handle_timer")
    debugger.leave(True)  # it was handled


def leave_untidy_processor(debugger, folder) -> None:
    at(debugger, "kexec_last_instruction")
    text = UNTIDY.format(breakpoint=symbol(paths.SYMBOLS, "efi_open"))
    source, binary = folder / "untidy.asm", folder / "untidy.bin"
    source.write_text(text)
    subprocess.run(["nasm", "-f", "bin", "-o", binary, source], check=True)
    debugger.write(debugger.register("rip"), binary.read_bytes())


def local_apic_between_ticks(machine) -> str:
    """The machine is running, so the state may be that in the handler of a
    tick. An interrupt that was not acknowledged is always present."""
    for _ in range(50):
        local = machine.human("info lapic")
        if NONE_IN_SERVICE.search(local):
            break
    return local


def test_inherited_registers_are_reset(boot, tmp_path):
    """Registers and sources of interrupts, in invalid states."""
    with boot("efi=fixed generations=2", cpus=2, paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kexec_load")
            forget_to_acknowledge(debugger)
            at(debugger, "kexec_jump")
            leave_untidy_devices(debugger)
            leave_untidy_processor(debugger, tmp_path)
            at(debugger, "gate_enter")
            # When the watchdog expires, it enables all interrupts.
            debugger.call(symbol(paths.SYMBOLS, "watchdog_take_nmi"), 0)
            debugger.detach()
        machine.at_prompt()
        registers, outer = (machine.human(f"info {what}")
                            for what in ("registers", "pic"))
        local = local_apic_between_ticks(machine)
    run = machine.run
    assert run.all("efi.violation") == run.all("panic") == []
    assert run.all("proof", verdict="fail") == []
    run.one("end", gen=1, verdict="pass")

    values = dict(re.findall(r"(\w+) ?=([0-9a-f]+)", registers))
    assert (int(values["EFER"], 16), int(values["DR7"], 16)) == (0xD00, 0x400)
    assert int(values["RFL"], 16) & 0x47100 == 0
    assert values["LDT"] == "0000"
    bases = re.findall(r"^[FG]S =0018 ([0-9a-f]+)", registers, re.M)
    assert bases == 2 * [16 * "0"]  # flat, as 32-bit firmware wants them
    entries = dict(re.findall(r"^(\w+)\t +0x([0-9a-f]+)", local, re.M))
    assert {entries[name] for name in ENTRIES} == {"00010000"}
    assert (entries["LVT1"], entries["LVTT"]) == ("00000400", "00020020")
    assert "TPR 0x00" in local and NONE_IN_SERVICE.search(local)
    pins = re.findall(r"pin (\d+) +0x([0-9a-f]+)", outer)
    routed = [pin for pin, value in pins if not int(value, 16) & 1 << 16]
    assert (len(pins), routed) == (24, ["2"])  # the watchdog
