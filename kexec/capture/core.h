// The headers of an ELF core file, in memory: how a kernel that has crashed
// lists for a capture kernel the memory to look at, with its virtual addresses.
// Linux finds them by elfcorehdr= and makes /proc/vmcore of them
// (Documentation/admin-guide/kdump; elf(5)).

#pragma once

#include <elf.h>

#include "lib/status.h"
#include "lib/types.h"

#define CORE_REGISTERS 27 // struct user_regs_struct: r15 … rax, …, rip, cs, …
#define CORE_SEGMENTS  120

// struct elf_prstatus of Linux, as far as it is read.
struct core_status {
    uint8_t head[32];
    uint32_t pid;
    uint8_t times[76];
    uint64_t registers[CORE_REGISTERS];
    uint32_t fpu_valid, pad;
};

struct core {
    Elf64_Ehdr head;
    Elf64_Phdr segment[CORE_SEGMENTS];
    struct {
        Elf64_Nhdr head;
        char name[8]; // "CORE"
        struct core_status status;
    } __attribute__((packed)) note;
};

// An empty core of one processor with these registers, for a reader who will
// find it at `core_pa`.
void core_begin(struct core *core, pa_t core_pa,
                const uint64_t registers[CORE_REGISTERS]);

// Adds `bytes` bytes of memory at `pa`, which the kernel had at `va`. What goes
// on where the last piece ended makes that one longer. NO_MEMORY: too many.
status_t core_add(struct core *core, va_t va, pa_t pa, uint64_t bytes);
