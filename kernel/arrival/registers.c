// The registers of this processor on which kernel and firmware rely. A kexec
// resets nothing: Linux, for one, hands over with CR8 at 1 and its own PAT. So
// each one is set here, once.
//
// Others are set elsewhere: CR0 and CR4 as a whole by boot/entry.asm; flags and
// segments with the GDT (trap_init()); XMM, x87 and MXCSR by the call gate; CR3
// and the number of levels with the page table. MTRRs stay as the platform has
// them.

#include "kernel/stage.h"
#include "lib/x86.h"

#define MSR_SYSENTER_CS    0x174
#define MSR_DEBUGCTL       0x1d9
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define EFER_LME (1UL << 8)
#define EFER_LMA (1UL << 10)

// Entry 3 (PCD and PWT set) is uncached: the value after reset (SDM vol. 3
// §12.12.4).
#define PAT_AFTER_RESET 0x0007040600070406
#define DR7_AFTER_RESET 0x400 // no breakpoint is on

static const struct {
    uint32_t msr;
    uint64_t value;
} registers[] = {
    {MSR_PAT, PAT_AFTER_RESET},
    {MSR_FS_BASE, 0}, // a null selector does not clear it on all processors
    {MSR_GS_BASE, 0},
    {MSR_KERNEL_GS_BASE, 0},
    {MSR_SYSENTER_CS, 0}, // SYSENTER faults, rather than enter a dead kernel
    {MSR_DEBUGCTL, 0},    // a trap is one instruction, and no branch is traced
};

STAGE(FIRST, 00_registers, "registers") {
    uint64_t efer = EFER_LME | EFER_LMA | EFER_NXE; // and not SCE, for one
    write_msr(MSR_EFER, read_msr(MSR_EFER) & efer);
    for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
        write_msr(registers[i].msr, registers[i].value);
    uint32_t features = cpuid_features();
    write_cr4(read_cr4() | (features & CPUID_SMEP ? CR4_SMEP : 0) |
              (features & CPUID_SMAP ? CR4_SMAP : 0));
    write_cr8(0); // no interrupt has too low a priority
    write_dr7(DR7_AFTER_RESET);
    load_ldt(0);
    return STATUS_OK;
}
