"""The call gate, with a firmware that misbehaves.

Unmodified OVMF follows all rules, so it is changed from outside, while it runs:
its code in memory, or the entry that the kernel is about to call. The kernel
has to report the fault, restore its state, and continue; the kexec that follows
still works.
"""

import struct
import subprocess

import pytest

from harness import paths
from harness.chain import translate
from harness.events import wanted
from harness.rsp import symbol

MODES = ["physical", "fixed"]  # a private page table, and the kernel's own
NOWHERE = 0x0000_6EAD_BEEF_0000

# Firmware code, each in place of GetTime. It changes four registers of the
# caller, and returns EFI_SUCCESS:
VANDAL = """
    not rbx
    not r15
    std
    cli
    mov rcx, cr0
    btr rcx, 16
    mov cr0, rcx
    xor eax, eax
    ret
"""
VANDALISED = {"rbx", "r15", "rflags", "cr0"}

# The same for all registers whose old values can be put back by themselves:
ALL = """
%assign n 6
%rep 10
    pcmpeqd xmm %+ n, xmm %+ n
%assign n n + 1
%endrep
    xor ecx, ecx
    mov ds, ecx
    mov es, ecx
    mov fs, ecx
    mov gs, ecx
    mov ecx, 1
    mov cr8, rcx
    mov rcx, dr7
    bts rcx, 8
    mov dr7, rcx
    mov rcx, cr0
    btr rcx, 16
    mov cr0, rcx
    mov rcx, cr4
    btc rcx, 2
    mov cr4, rcx
    mov dword [rsp + 8], 0x5f80
    ldmxcsr [rsp + 8]
    mov word [rsp + 8], 0x027f
    fldcw [rsp + 8]
    not rbx
    not rbp
    not rsi
    not rdi
    not r12
    not r13
    not r14
    not r15
    std
    xor eax, eax
    ret
"""
CHANGED = {*"""rbx rbp rsi rdi r12 r13 r14 r15 rflags ds es fs gs cr0 cr4 cr8 dr7
    mxcsr fcw""".split(), *(f"xmm{n}" for n in range(6, 16))}

# An invalid stack:
STACK_THIEF = """
    xor esp, esp
    mov rax, [rsp - 8]
"""

# Checks the FPU state of UEFI 2.10 §2.3.4, returns EFI_DEVICE_ERROR if it is
# another one, and changes it:
# Where a service jumps that answers with an error.
BROKEN = """
.broken:
    mov eax, 7
    bts rax, 63
    ret
"""

FPU_CRITIC = """
    stmxcsr [rsp + 8]
    cmp dword [rsp + 8], 0x1f80
    jne .broken
    fnstcw [rsp + 8]
    cmp word [rsp + 8], 0x037f
    jne .broken
    mov dword [rsp + 8], 0x5f80
    ldmxcsr [rsp + 8]
    mov word [rsp + 8], 0x027f
    fldcw [rsp + 8]
    xor eax, eax
    ret
""" + BROKEN


def assemble(text: str, folder) -> bytes:
    source, binary = folder / "code.asm", folder / "code.bin"
    source.write_text("bits 64\ncode:" + text)
    subprocess.run(["nasm", "-f", "bin", "-o", binary, source], check=True)
    return binary.read_bytes()


def call_under_way(debugger) -> tuple[int, int]:
    """Continue to the next call; its record's address, and the function."""
    debugger.run_to(symbol(paths.SYMBOLS, "gate_enter"))
    current = symbol(paths.SYMBOLS, "gate_current")
    record = debugger.word(current)
    return record, debugger.word(record)


def first_call_after_svam(debugger, mode: str) -> tuple[int, int]:
    record, function = call_under_way(debugger)
    return (record, function) if mode == "physical" else \
        call_under_way(debugger)


def misbehave(boot, mode: str, damage):
    """A run in which `damage(machine, debugger, record, function)` is done to
    the first call of GetTime in generation 0."""
    with boot(f"efi={mode} generations=2 end=exit efi.timeout=2",
              paused=True) as machine:
        with machine.debugger() as debugger:
            record, function = first_call_after_svam(debugger, mode)
            machine.wait_for("efi.mode", gen=0)
            damage(machine, debugger, record, function)
            debugger.detach()
        run = machine.finish()
    assert run.all("panic") == []
    run.expect(wanted("kexec.jump", gen=0), wanted("boot", gen=1),
               wanted("end", gen=1))
    return run


def misbehave_in(boot, mode: str, gen: int, code):
    """A run in which generation `gen` finds GetTime to be `code(function,
    regions)`, from its first call on."""
    with boot(f"efi={mode} generations={gen + 1} end=exit",
              paused=True) as machine:
        with machine.debugger() as debugger:
            for _ in range(gen + 1):
                debugger.run_to(symbol(paths.SYMBOLS, "kernel_main"))
            _record, function = call_under_way(debugger)
            machine.wait_for("boot", gen=gen)
            if gen == 0 and mode != "physical":  # that was the call to move
                _record, function = call_under_way(debugger)
            machine.wait_for("efi.mode", gen=gen)
            regions = machine.run.all("efi.region", gen=gen)
            debugger.physical()
            debugger.write(translate(machine.run, function, "va", "pa"),
                           code(function, regions))
            debugger.detach()
        run = machine.finish()
    assert run.all("panic") == []
    run.one("end", gen=gen)
    return run, function


def overwrite(code: bytes):
    def damage(machine, debugger, _record, function):
        debugger.physical()
        debugger.write(translate(machine.run, function, "va", "pa"), code)
    return damage


@pytest.mark.parametrize("mode", MODES)
def test_a_jump_to_an_invalid_address_is_contained(boot, mode):
    def damage(_machine, debugger, record, _function):
        debugger.write(record, struct.pack("<Q", NOWHERE))

    run = misbehave(boot, mode, damage)
    fault = run.one("efi.fault", gen=0, svc="GetTime")
    assert fault.number("va") == NOWHERE
    assert (fault["access"], fault["action"]) == ("execute", "aborted")
    run.one("efi.call", gen=0, svc="GetTime", status="EFI_ABORTED")
    assert run.one("proof", gen=0, check="gate")["verdict"] == "fail"
    assert run.one("proof", gen=0, check="variable")["verdict"] == "pass"
    assert run.one("proof", gen=1, check="gate")["verdict"] == "pass"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code, registers", [(VANDAL, VANDALISED),
                                             (ALL, CHANGED)],
                         ids=["four", "all"])
def test_changed_registers_are_restored(boot, mode, tmp_path, code, registers):
    run = misbehave(boot, mode, overwrite(assemble(code, tmp_path)))
    gate = run.one("efi.gate", gen=0)
    assert gate.number("violations") > 0
    assert gate.number("violations") % len(registers) == 0
    changed = run.all("efi.violation", gen=0, svc="GetTime")
    assert sorted(event["register"] for event in changed) == sorted(registers)
    assert run.one("proof", gen=0, check="variable")["verdict"] == "pass"


@pytest.mark.parametrize("mode", MODES)
def test_a_firmware_that_loses_its_stack_is_contained(boot, mode, tmp_path):
    run = misbehave(boot, mode, overwrite(assemble(STACK_THIEF, tmp_path)))
    # The page fault itself is seen, on a stack of its own: no double fault.
    faults = run.all("efi.fault", gen=0, svc="GetTime")
    assert faults and {fault["vector"] for fault in faults} == {"14"}
    assert run.one("proof", gen=0, check="variable")["verdict"] == "pass"


@pytest.mark.parametrize("mode", MODES)
def test_each_call_has_the_specified_fpu_state(boot, mode, tmp_path):
    """Independent of the state that the previous call left."""
    run = misbehave(boot, mode, overwrite(assemble(FPU_CRITIC, tmp_path)))
    assert {event["status"] for event in run.all("efi.call", svc="GetTime")
            } == {"EFI_SUCCESS"}
    assert run.one("efi.gate", gen=0).number("violations") > 100


def test_arguments_that_are_too_large_are_not_passed(boot):
    """It is logged, with the limits; not only returned."""
    with boot("efi=fixed generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "proof_run"))
            code = symbol(paths.SYMBOLS, "text_start")  # no name, of any size
            answers = {debugger.call(symbol(paths.SYMBOLS, service), *[code] * 5)
                       for service in ("efi_set_variable", "efi_get_variable")}
            debugger.detach()
        run = machine.finish()
    assert answers == {1 << 63 | 2}  # EFI_INVALID_PARAMETER
    for service in "SetVariable", "GetVariable":
        line, = [line for line in run.lines
                 if f"efi: {service} was not called: a name of" in line]
        assert line.endswith("the limits are 512 and 36864")
    run.one("end", verdict="pass")


def test_there_is_no_call_within_a_call(boot):
    """The timer's handler tries, while the firmware runs."""
    with boot("efi=fixed generations=1 end=exit efi.timeout=2",
              paused=True) as machine:
        with machine.debugger() as debugger:
            first_call_after_svam(debugger, "fixed")
            record, function = call_under_way(debugger)
            debugger.write(function, b"\xeb\xfe")  # jmp $, until a tick
            debugger.run_to(symbol(paths.SYMBOLS, "count_tick"))
            back = debugger.word(debugger.register("rsp"))
            debugger.set_register("rip", symbol(paths.SYMBOLS, "efi_get_time"))
            debugger.set_register("rdi", symbol(paths.SYMBOLS, "guard_after"))
            debugger.set_register("rsi", 0)
            debugger.run_to(back)
            assert debugger.register("rax") == 0x8000_0000_0000_0006
            under_way = debugger.word(symbol(paths.SYMBOLS, "gate_current"))
            assert under_way == record
            debugger.detach()
        run = machine.finish()
    # And the call in progress is ended after its timeout.
    assert {e["vector"] for e in run.all("efi.fault")} == {"32"}
    run.one("end", gen=0, verdict="fail")


WRITES_CR3 = {b"\x0f\x22" + bytes([0xD8 | r]) for r in range(8)}


@pytest.mark.parametrize("mode, writes", [("physical", 2), ("fixed", 0)])
def test_a_call_on_the_kernels_table_leaves_the_tlb_alone(boot, mode, writes):
    """Any write to CR3 empties it: there is one on the way into a call on
    another table, and one on the way back."""
    first, end = (symbol(paths.SYMBOLS, name)
                  for name in ("gate_enter", "gate_plain"))
    after = symbol(paths.SYMBOLS, "efi_look_at")
    with boot(f"efi={mode} generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            first_call_after_svam(debugger, mode)
            code = debugger.read(first, end - first)
            places = [first + at for at in range(len(code))
                      if code[at : at + 3] in WRITES_CR3]
            seen = []
            while (place := debugger.run_to(after, *places)) != after:
                seen.append(place)
    assert len(places) == 2
    assert seen == places[:writes]


GENERATIONS = [0, 3]  # later generations know the rights from the copy of the first one


def contained(run, gen: int):
    """The fault in GetTime; the firmware is still called."""
    assert {event["status"] for event in
            run.all("efi.call", gen=gen, svc="GetTime")} == {"EFI_ABORTED"}
    assert run.one("proof", gen=gen, check="variable")["verdict"] == "pass"
    faults = run.all("efi.fault", gen=gen, svc="GetTime")
    assert faults and {fault["action"] for fault in faults} == {"aborted"}
    assert {fault["vector"] for fault in faults} == {"14"}
    return faults[0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("gen", GENERATIONS)
def test_firmware_cannot_write_to_its_code(boot, mode, gen, tmp_path):
    code = assemble("lea rax, [rel code]\nmov byte [rax], 0x90\n"
                    "xor eax, eax\nret", tmp_path)
    run, function = misbehave_in(boot, mode, gen, lambda *_: code)
    fault = contained(run, gen)
    assert (fault["access"], fault["owner"]) == ("write",
                                                 "RuntimeServicesCode")
    assert fault.number("va") == function


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("gen", GENERATIONS)
def test_firmware_cannot_execute_its_data(boot, mode, gen, tmp_path):
    def jump_to_data(_function, regions) -> bytes:
        return assemble(f"mov rax, {regions[0]['va']}\njmp rax", tmp_path)

    run, _function = misbehave_in(boot, mode, gen, jump_to_data)
    first = run.all("efi.region", gen=gen)[0]
    fault = contained(run, gen)
    assert first["type"] == "RuntimeServicesData"
    assert (fault["access"], fault["owner"]) == ("execute",
                                                 "RuntimeServicesData")
    assert fault["va"] == fault["rip"] == first["va"]


def test_a_call_that_jumps_into_the_kernel_is_ended(boot, tmp_path):
    """And loops there: the deadline applies at any address."""
    there = symbol(paths.SYMBOLS, "selftest_run")

    def damage(machine, debugger, record, function):
        debugger.write(there, b"\xeb\xfe")  # jmp $
        code = assemble(f"mov rax, {there:#x}\njmp rax", tmp_path)
        overwrite(code)(machine, debugger, record, function)

    run = misbehave(boot, "fixed", damage)
    fault = run.all("efi.fault", gen=0, svc="GetTime")[0]
    assert (fault["vector"], fault["in"]) == ("32", "kernel")
    assert fault.number("rip") == there
    assert run.one("proof", gen=0, check="variable")["verdict"] == "pass"


def test_boot_services_are_mapped_only_for_svam(boot):
    """Some firmware runs there during SetVirtualAddressMap; no other call
    may. Address 0 is mapped like all boot-services memory, and no runtime
    region is near: can it be read when the firmware has been entered?"""
    with boot("efi=identity generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            mapped = []
            for _ in range(2):
                _record, function = call_under_way(debugger)
                debugger.run_to(function)
                answer = debugger.command("m0,8")
                mapped.append(not answer.startswith("E"))
            debugger.detach()
        run = machine.finish()
    assert mapped == [True, False]
    run.one("end", gen=0, verdict="pass")
