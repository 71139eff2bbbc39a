"""Lab 8: what its hand-out lacks, and the errors that students make."""

from kit import seed
from kit.folder import Mutant, Tailored

TITLE = "Firmware that misbehaves"
FILES = ["efi/gate.c", "efi/guard/deadline.c", "efi/guard/memory.c",
         "efi/guard/registers.c"]
UNITS = ["test_deadline"]
NEEDS = ["build/sins.efi"]
GATE, DEADLINE, MEMORY, REGISTERS = FILES
GONE = {DEADLINE: ["deadline_of"]}
EDITS = [(GATE, '#include "lib/x86.h"\n',
          '#include "lib/log.h"\n#include "lib/x86.h"\n'),
         (DEADLINE, '#include "lib/options.h"\n',
          '#include "lib/log.h"\n#include "lib/options.h"\n')]
SHAPED = "patience"
DAY0 = "record patience grant registers"


def tailor(of: int) -> Tailored:
    patience = seed.patience(of)
    says = ("A service that writes to flash may take "
            f"**{patience} times** as long as `efi.timeout=` says, any other "
            "just as long. Your firmware's sins are "
            + ", ".join(f"`{sin}`" for sin in seed.sins(of)) + ".")
    return Tailored(says, solved=[
        (DEADLINE, "(writing >> service & 1 ? 5 : 1)",
         f"(writing >> service & 1 ? {patience} : 1)")])


def contain(error: str, old: str, new: str, caught: str) -> Mutant:
    return Mutant(error, GATE, "gate_contain", old, new, caught)


def late(error: str, old: str, new: str, caught: str) -> Mutant:
    return Mutant(error, DEADLINE, "deadline_is_over", old, new, caught)


def granted(error: str, old: str, new: str, caught: str) -> Mutant:
    return Mutant(error, MEMORY, "efi_grant", old, new, caught)


def restored(error: str, old: str, caught: str) -> Mutant:
    return Mutant(error, REGISTERS, "guard_restore", old, "", caught)


MUTANTS = [
    contain("its own way back is contained again",
            "!call || call->outcome == GATE_FAULTED", "!call", "ours"),
    contain("a trap is contained though no call is under way",
            "if (!call || call->outcome == GATE_FAULTED)\n        return false;",
            "if (!call)\n        return true;\n"
            "    if (call->outcome == GATE_FAULTED)\n        return false;",
            "ours"),
    contain("the flags stay as the firmware had them",
            "    frame->rflags &=\n        ~(RFLAGS_TF | RFLAGS_IF | RFLAGS_DF "
            "| RFLAGS_NT | RFLAGS_AC);\n", "", "frame"),
    contain("interrupts may come on the way back", "RFLAGS_TF | RFLAGS_IF",
            "RFLAGS_TF", "frame"),
    contain("the code segment stays the firmware's",
            "    frame->cs = KERNEL_CS; // not those of the firmware\n", "",
            "frame"),
    contain("the caller gets no status", "    call->status = EFI_ABORTED;\n",
            "", "record"),
    contain("CR2 is noted for every exception",
            "is_page_fault ? read_cr2() : 0", "read_cr2()", "record"),
    contain("no observer looks at the call afterwards",
            "    call->expected = GATE_LOOK;\n", "", "record"),
    contain("faults are not counted", "    gate_statistics.faults++;\n", "",
            "record"),
    late("the time is that of all calls together",
         "!gate_current || calls != gate_statistics.calls",
         "!gate_current || calls == UINT64_MAX", "patience"),
    late("a clock that was read earlier is far in the future",
         "ran_us > since_us &&\n           ran_us", "ran_us", "patience"),
    Mutant("a write to flash has no more time than others", DEADLINE,
           "deadline_of", "1u << EFI_SET_VARIABLE | 1u << EFI_UPDATE_CAPSULE",
           "1u << EFI_GET_TIME | 1u << EFI_GET_VARIABLE", "patience"),
    granted("the right to execute comes along, or is not looked at",
            " || (execute && (flags & PTE_NX))", "", "grant"),
    granted("a page that is there is granted again and again",
            " ||\n        (walk.mapped && walk.write && walk.exec >= execute)",
            "", "grant"),
    granted("it is mapped where the byte is, not the page",
            "page_table_map(table, page_va, page_va, PAGE_SIZE, flags)",
            "page_table_map(table, va, va, PAGE_SIZE, flags)", "grant"),
    Mutant("free memory is granted, too", MEMORY, "rights_to",
           "[MEMORY_MMIO]", "[MEMORY_USABLE] = MAP_WRITE,\n        "
           "[MEMORY_MMIO]", "grant"),
    granted("the kernel's map does not learn of it",
            "    if (!region)\n        TRY(memory_map_put(memory, page_va, "
            "PAGE_SIZE, MEMORY_RUNTIME));\n", "", "grant"),
    Mutant("memory that the kernel has got meanwhile is granted", MEMORY,
           "rights_to", "kind == MEMORY_BOOT_SERVICES &&",
           "kind == MEMORY_LOST &&", "grant"),
    restored("write protection stays off",
             "    write_cr0(guard_before.cr0);\n", "registers"),
    restored("interrupts stay shut out by CR8",
             "    write_cr8(guard_before.cr8);\n", "registers"),
    restored("the time-stamp counter stays shut out by CR4",
             "    write_cr4(guard_before.cr4);\n", "registers"),
    restored("the memory types stay the firmware's",
             "    write_msr(MSR_PAT, guard_before.pat);\n", "registers"),
    Mutant("the IDT stays the firmware's", REGISTERS, "guard_restore",
           "load_idt(&idt);", "(void)idt;", "registers"),
    restored("the GDT stays the firmware's",
             "    load_gdt(&gdt, KERNEL_CS, KERNEL_DS);\n", "registers"),
    restored("the busy bit of the TSS stays set",
             "    ((uint8_t *)gdt.base_va)[TSS_SELECTOR + 5] &= (uint8_t)~2;\n",
             "fault registers"),
    restored("the SSE registers stay the firmware's",
             "    guard_load_xmm();\n", "registers"),
]
