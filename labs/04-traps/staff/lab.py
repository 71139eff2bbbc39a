"""Lab 4: what its hand-out lacks, and the errors that students make."""

from kit import seed
from kit.folder import Mutant, Tailored

TITLE = "Traps"
FILES = ["kernel/trap.asm", "kernel/trap.c", "kernel/stacks/stacks.c",
         "kernel/report/report.c"]
WITHOUT = ["efi/isolate"]  # it makes a frame as trap_common does
ABSENT = ["tss"]  # nothing uses it before step 2
UNITS = []
GONE = {"kernel/stacks/stacks.c": ["stack_of", "fill_tss_descriptor"]}
ASM, TRAP, STACKS, REPORT = FILES
EDITS = [
    (ASM, "extern trap_handler\n", "extern trap_handler, panic\n"),
    (TRAP, "#define INTERRUPT_GATE 0x8e\n", "#define TRAP_GATE 0x8f\n"),
    (STACKS, "#define TSS_AVAILABLE 0x89\n#define STACK_PAGES   4\n",
     "#define STACK_PAGES 4\n"),
    (STACKS, '#include "lib/x86.h"\n',
     '#include "lib/log.h"\n#include "lib/x86.h"\n'),
]
DAY0 = "gates explains"
SHAPED = "frame"
HEADER = "lib/trap.h"


def in_c(names: list[str]) -> str:
    """The members of struct trap_frame, eight to a line."""
    return "".join(f"    uint64_t {', '.join(names[at : at + 8])};\n"
                   for at in range(0, len(names), 8))


def in_asm(word: str, names: list[str]) -> str:
    return "".join(f"    {word} {name}\n" for name in names)


def tailor(of: int) -> Tailored:
    """The order of the registers in the frame."""
    tree, mine = seed.FRAME, seed.frame(of)
    says = (f"Your `struct trap_frame` begins with {', '.join(mine[:4])}: "
            "`lib/trap.h` has all of it.")
    return Tailored(says, [(HEADER, in_c(tree), in_c(mine))], "", [
        (ASM, in_asm("push", tree[::-1]), in_asm("push", mine[::-1])),
        (ASM, in_asm("pop", tree), in_asm("pop", mine))])


MUTANTS = [
    Mutant("r11 is saved in the place of r10", ASM, "trap_common",
           "    push r10\n", "    push r11\n", "frame"),
    Mutant("the vector decides whether there is an error code", ASM,
           "trap_common", "    test spl, 8\n    jnz .has_error_code\n",
           "    cmp qword [rsp], 14\n    je .has_error_code\n", "frame"),
    Mutant("the error code that is missing is not a zero", ASM,
           "trap_common", "    mov qword [rsp + 8], 0\n", "", "frame"),
    Mutant("the handler gets the address of another word", ASM,
           "trap_common", "    mov rdi, rsp\n", "    lea rdi, [rsp + 8]\n",
           "frame"),
    Mutant("the direction flag is left as it is", ASM, "trap_common",
           "    cld ", "    nop ", "calls"),
    Mutant("the stack is not aligned at the call", ASM, "trap_common",
           "    call trap_handler\n",
           "    push rax\n    call trap_handler\n    pop rax\n", "calls"),
    Mutant("rcx gets back what was in rax", ASM, "trap_common",
           "    pop rcx\n", "    pop rcx\n    mov rcx, [rsp]\n", "back"),
    Mutant("the error code stays on the stack", ASM, "trap_common",
           "add rsp, 16", "add rsp, 8", "back"),
    Mutant("returns by far return, and the flags are lost", ASM,
           "trap_common", "    iretq\n",
           "    and qword [rsp + 16], 2\n    iretq\n", "back"),
    Mutant("trap gates: interrupts stay on", TRAP, "load_stubs",
           ".type = INTERRUPT_GATE", ".type = 0x8f", "gates"),
    Mutant("the upper half of the address is missing", TRAP, "load_stubs",
           "(uint32_t)(stub >> 32)", "0 * (uint32_t)stub", "gates"),
    Mutant("gates for exceptions only", TRAP, "load_stubs",
           "vector < VECTORS", "vector <= VECTOR_LAST_EXCEPTION", "gates"),
    Mutant("a double fault comes on the stack of other faults", STACKS,
           "stack_of", "return STACK_DOUBLE", "return STACK_FAULT", "stacks"),
    Mutant("a machine check comes on the stack of other faults", STACKS,
           "stack_of", "vector == VECTOR_NMI || vector == VECTOR_MACHINE",
           "vector == VECTOR_NMI", "stacks"),
    Mutant("the TSS counts its stacks from 0", STACKS, "stacks_init",
           "tss.ist[i] =", "tss.ist[i - 1] =", "stacks"),
    Mutant("bits 24 to 31 of the base of the TSS are missing", STACKS,
           "fill_tss_descriptor", "(base >> 24 & 0xff) << 56",
           "(base >> 24 & 0) << 56", "stacks"),
    Mutant("all kinds share one stack", STACKS, "stacks_init",
           "        va_t top_va;\n"
           "        TRY(space_stack(STACK_PAGES, &top_va));\n",
           "        static va_t top_va;\n"
           "        if (i == STACK_FAULT)\n"
           "            TRY(space_stack(STACK_PAGES, &top_va));\n", "stacks"),
    Mutant("an instruction fetch is called a read", REPORT,
           "print_page_fault", "f->error & FAULT_FETCH   ?",
           "f->error & (FAULT_FETCH << 1) ?", "explains"),
    Mutant("a page that forbids it is called unmapped", REPORT,
           "print_page_fault", "f->error & FAULT_PRESENT ?",
           "f->error & (FAULT_PRESENT << 8) ?", "explains"),
    Mutant("reserved bits are taken for rights", REPORT,
           "print_page_fault", "f->error & FAULT_RESERVED  ?",
           "f->error & (FAULT_RESERVED << 8) ?", "explains"),
    Mutant("the guard page is not recognized", REPORT, "print_page_fault",
           "space_is_stack_guard(va)", "space_is_stack_guard(f->rsp)",
           "explains"),
]
