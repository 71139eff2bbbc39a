// Every instruction that C cannot say, one inline function each.
//
// This is the only header with inline assembly. All other assembly is in NASM
// files; core has boot/entry.asm, efi/gate.asm, kexec/jump.asm,
// kernel/trap.asm. Bit names follow the Intel SDM vol. 3 (§2.5 control
// registers, §4.5 paging).

#pragma once

#include "lib/types.h"

#define CR0_WP   (1UL << 16)
#define CR4_LA57 (1UL << 12)
#define CR4_SMEP (1UL << 20)
#define CR4_SMAP (1UL << 21)

#define RFLAGS_TF (1UL << 8)
#define RFLAGS_IF (1UL << 9)
#define RFLAGS_DF (1UL << 10)
#define RFLAGS_NT (1UL << 14)
#define RFLAGS_RF (1UL << 16)
#define RFLAGS_AC (1UL << 18)

// Bits of a page fault's error code (SDM vol. 3 §4.7).
#define FAULT_WRITE (1u << 1)
#define FAULT_FETCH (1u << 4)

#define MSR_APIC_BASE 0x1b
#define MSR_PAT       0x277
#define MSR_EFER      0xc0000080
#define EFER_NXE      (1UL << 11)

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf) {
    struct cpuid id;
    __asm__ volatile("cpuid"
                     : "=a"(id.eax), "=b"(id.ebx), "=c"(id.ecx), "=d"(id.edx)
                     : "a"(leaf), "c"(subleaf));
    return id;
}

#define CPUID_SMEP (1u << 7) // two of the bits of cpuid_features()
#define CPUID_SMAP (1u << 20)

// Leaf 7, EBX: the structured extended features; 0 on a CPU without that leaf.
static inline uint32_t cpuid_features(void) {
    return cpuid(0, 0).eax >= 7 ? cpuid(7, 0).ebx : 0;
}

// Leaf 80000008h: how many bits of a physical address the processor has.
static inline unsigned cpuid_address_bits(void) {
    return cpuid(0x80000008, 0).eax & 0xff;
}

// read_cr0() and write_cr0(), and so on.
#define REGISTER(name)                                                         \
    static inline uint64_t read_##name(void) {                                 \
        uint64_t value;                                                        \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value));                 \
        return value;                                                          \
    }                                                                          \
    static inline void write_##name(uint64_t value) {                          \
        __asm__ volatile("mov %0, %%" #name ::"r"(value) : "memory");          \
    }

REGISTER(cr0)
REGISTER(cr2)
REGISTER(cr3)
REGISTER(cr4)
REGISTER(cr8) // the priority that an interrupt must have to pass, 0 to 15; the
              // local APIC's task priority is the same register
REGISTER(dr7)

#undef REGISTER

// Of the page table that the processor is on.
static inline unsigned paging_levels(void) {
    return read_cr4() & CR4_LA57 ? 5 : 4;
}

static inline uint64_t read_msr(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value),
                     "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint64_t read_tsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline uint64_t read_rflags(void) {
    uint64_t value;
    __asm__ volatile("pushfq; pop %0" : "=r"(value));
    return value;
}

// in8() and out8(), in32() and out32().
#define PORT(bits, suffix)                                                     \
    static inline uint##bits##_t in##bits(uint16_t port) {                     \
        uint##bits##_t value;                                                  \
        __asm__ volatile("in" suffix " %1, %0" : "=a"(value) : "Nd"(port));    \
        return value;                                                          \
    }                                                                          \
    static inline void out##bits(uint16_t port, uint##bits##_t value) {        \
        __asm__ volatile("out" suffix " %0, %1" ::"a"(value), "Nd"(port));     \
    }

PORT(8, "b")
PORT(32, "l")

#undef PORT

static inline void interrupts_on(void) {
    __asm__ volatile("sti" ::: "memory");
}

// Returns the flags to hand to interrupts_restore().
static inline uint64_t interrupts_off(void) {
    uint64_t flags = read_rflags();
    __asm__ volatile("cli" ::: "memory");
    return flags;
}

static inline void interrupts_restore(uint64_t flags) {
    if (flags & RFLAGS_IF)
        interrupts_on();
}

static inline void invalid_opcode(void) {
    __asm__ volatile("ud2");
}

static inline void halt(void) {
    __asm__ volatile("hlt" ::: "memory");
}

static inline void interrupt_236(void) {
    __asm__ volatile("int $236" ::: "memory");
}

static inline void spin_hint(void) {
    __asm__ volatile("pause");
}

// For a few bytes: two instructions to set up, and one per byte.
static inline void copy_bytes(void *to, const void *from, size_t bytes) {
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes)::"memory");
}

// The same by words of eight bytes.
static inline void copy_words(void *to, const void *from, size_t words) {
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory");
}

struct table_register { // what lgdt and lidt read: SDM vol. 3 §2.4
    uint16_t limit;
    va_t base_va;
} __attribute__((packed));

static inline void load_idt(const struct table_register *idt) {
    __asm__ volatile("lidt %0" ::"m"(*idt));
}

// Loads a GDT and with it the code selector, the data selectors, and flags with
// interrupts off. By IRET, for until there is one, an NMI whose handler never
// returned keeps all others out (SDM vol. 3 §6.7.1); and after POPF, for with
// NT set IRET faults.
static inline void load_gdt(const struct table_register *gdt, uint16_t code,
                            uint16_t data) {
    __asm__ volatile("lgdt %0\n\t"
                     "pushq $2\n\t"
                     "popfq\n\t"
                     "movq %%rsp, %%rax\n\t"
                     "pushq %q2\n\t"
                     "pushq %%rax\n\t"
                     "pushq $2\n\t"
                     "pushq %q1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "iretq\n"
                     "1:\n\t"
                     "movl %k2, %%ds\n\t"
                     "movl %k2, %%es\n\t"
                     "movl %k2, %%fs\n\t"
                     "movl %k2, %%gs" ::"m"(*gdt),
                     "r"((uint64_t)code), "r"((uint32_t)data)
                     : "rax", "memory", "cc");
}

static inline void load_ldt(uint16_t selector) {
    __asm__ volatile("lldt %0" ::"r"(selector));
}

static inline void load_task_register(uint16_t selector) {
    __asm__ volatile("ltr %0" ::"r"(selector));
}

static inline va_t frame_pointer(void) {
    return (va_t)__builtin_frame_address(0);
}
