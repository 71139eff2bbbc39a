"""Lab 5: what its hand-out lacks, and the errors that students make."""

from kit import seed
from kit.folder import Mutant, Tailored

TITLE = "The gate: calling firmware in physical mode"
FILES = ["efi/gate.asm"]
UNITS = []
GONE = {}
EDITS = []
DAY0 = "enters"
SHAPED = "mark"
GATE, ENTER = FILES[0], "gate_enter"
CALL = "    call [rel gate_around]\n"


def tailor(of: int) -> Tailored:
    """A number that each call leaves where no argument is."""
    place, number = seed.call_mark(of)
    code = {"the shadow space": f"    mov qword [rsp], {number:#x}\n"}.get(
        place, f"    mov {place}d, {number:#x}\n")
    more = " (its lowest quadword)" if place.startswith("the") else ""
    says = (f"At the service's first instruction **{place}**{more} holds "
            f"**{number:#x}**, as a number of 64 bits.")
    return Tailored(says, solved=[(GATE, CALL, code + CALL)])


MUTANTS = [
    Mutant("the stack is not aligned", GATE, ENTER,
           "    mov rsp, [rax + gate_call.stack_top]\n",
           "    mov rsp, [rax + gate_call.stack_top]\n    sub rsp, 8\n",
           "entry"),
    Mutant("arguments in the order of Linux and C", GATE, ENTER,
           "    mov rcx, [rax + gate_call.argument + 0x00]\n"
           "    mov rdx, [rax + gate_call.argument + 0x08]\n",
           "    mov rdx, [rax + gate_call.argument + 0x00]\n"
           "    mov rcx, [rax + gate_call.argument + 0x08]\n", "args"),
    Mutant("no shadow space: the fifth argument is too low", GATE, ENTER,
           "mov [rsp + SHADOW], rcx", "mov [rsp], rcx", "args"),
    Mutant("the fifth argument is forgotten", GATE, ENTER,
           "    mov [rsp + SHADOW], rcx\n", "", "args"),
    Mutant("the number is where the second argument's place is", GATE, ENTER,
           "    mov qword [rsp], ", "    mov qword [rsp + 8], ", "mark"),
    Mutant("the page table is not changed", GATE, ENTER,
           "    mov cr3, rcx\n", "", "enters"),
    Mutant("the firmware runs on the kernel's stack", GATE, ENTER,
           "    mov rsp, [rax + gate_call.stack_top]\n", "    sub rsp, 48\n",
           "entry"),
    Mutant("the FPU is left as it is", GATE, ENTER, "    fninit",
           "    nop   ", "entry"),
    Mutant("SSE is left as it is", GATE, ENTER, "ldmxcsr [rel gate_mxcsr]", "nop",
           "entry"),
    Mutant("the stack pointer is noted before the flags are there", GATE,
           ENTER, "    pushfq\n    mov [rax + gate_call.kernel_rsp], rsp\n",
           "    mov [rax + gate_call.kernel_rsp], rsp\n    pushfq\n", "home"),
    Mutant("rbx is not kept", GATE, ENTER,
           "    mov [rax + gate_call.saved.rbx], rbx\n", "", "home"),
    Mutant("rdi is not noted, which the firmware has to keep", GATE, ENTER,
           "    mov [rax + gate_call.saved.rdi], rdi\n", "", "home"),
    Mutant("r15 is noted in the place of r14", GATE, ENTER,
           "mov [rax + gate_call.saved.r15], r15",
           "mov [rax + gate_call.saved.r14], r15", "home"),
    Mutant("what is on the stack are no flags", GATE, ENTER, "    pushfq\n",
           "    push 0x40002\n", "home"),
]
