"""Challenge C4: nothing is cut."""

from kit.folder import Mutant, Tailored

TITLE = "Challenge: the gate in fewer instructions"
FILES = ["efi/gate.asm"]
UNITS = []
NEEDS = ["build/sins.efi"]
ALSO = ["labs/05-gate/checks.py"]
GONE = {}
EDITS = []
DAY0 = "fewer"


def tailor(_of: int) -> Tailored:
    return Tailored("", solution="solution")


def wrong(error: str, old: str, caught: str, new: str = "") -> Mutant:
    return Mutant(error, FILES[0], "gate_enter", old, new, caught)


MUTANTS = [
    wrong("rbx is not kept", "    mov [rax + gate_call.saved.rbx], rbx\n",
          "home"),
    wrong("the flags are not kept", "    pushfq\n", "home",
          "    push 0x40002\n"),
    wrong("the FPU stays as it is", "    fninit", "entry", "    nop"),
    wrong("SSE stays as it is", "    ldmxcsr [rel gate_mxcsr]", "entry",
          "    nop"),
    wrong("the fifth argument is left out", "    mov [rsp + SHADOW], rcx\n",
          "args"),
    wrong("it runs on the kernel's table", "    mov cr3, rcx\n", "enters"),
    wrong("it runs on the kernel's stack",
          "    mov rsp, [rax + gate_call.stack_top]\n", "entry",
          "    sub rsp, 48\n"),
    wrong("nothing is saved: as many as in the tree",
          "    mov rcx, [rax + gate_call.table_pa]\n", "fewer", "    nop\n" * 6
          + "    mov rcx, [rax + gate_call.table_pa]\n"),
]
