// A snapshot of the registers, for registers.c and registers.asm.

#pragma once

#include "lib/types.h"

// What the firmware must leave as it was. registers.asm writes this.
// From cr0 on it is the same before all calls, and noted once. The ten XMM
// registers are not compared after each call, but their exclusive or is. Each
// word costs an instruction to compare, so only those bits of a register are
// here that matter.
struct snapshot {
    struct {
        uint64_t rbx, rbp, rsi, rdi, r12, r13, r14, r15;
    } kept; // as gate_call.saved
    uint64_t rsp, rflags, cr3;
    uint32_t cr0, cr4;
    uint16_t ss, ds, es, fs, gs, mxcsr, fcw, cr8;
    uint8_t gdtr[10];
    uint16_t tr;
    uint32_t efer;
    uint8_t idtr[10];
    uint16_t cs;
    uint32_t dr7;
    uint64_t pat, xmm_sum[2];
    uint64_t xmm[10][2]; // XMM6 to XMM15
};
