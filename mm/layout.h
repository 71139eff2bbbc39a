// The virtual address space of Baton, all of it, in one place.
//
// C includes this file, the linker script includes it, and the Makefile turns
// the same lines into build/layout.inc for NASM; so each is written as a name
// and one plain hexadecimal number. A 64-bit address is a signed number that
// counts from the top: -2 GiB is where the kernel runs. `efi=` chooses a mode:
// where the firmware is called, and on which page table (efi/mode.h).
//
//   0xffffffffffffffff  ┌──────────────────────────────────────────────┐
//                       │ vmap: stacks (a hole below each), devices    │
//   0xffffffffc0000000  ├──────────────────────────────────────────────┤ -1 GiB
//                       │ kernel image, at any physical 2 MiB boundary │
//   0xffffffff80000000  ├──────────────────────────────────────────────┤ -2 GiB
//                       │ (nothing)                                    │
//   0xffffffff00000000  ├──────────────────────────────────────────────┤ -4 GiB
//                       │ firmware window, filled downwards: Linux     │
//                       │ keeps the same 64 GiB for the same purpose,  │
//                       │ so what `efi=fixed` puts here survives in    │
//                       │ it; from below, efi=naive                    │
//   0xffffffef00000000  ├──────────────────────────────────────────────┤-68 GiB
//                       │ (nothing)                                    │
//   0xffffc00000000000  ├──────────────────────────────────────────────┤
//                       │ direct map: RAM, at base + physical address  │
//                       │ (free RAM only below 4 GiB: mm/frames.h),    │
//                       │ executable nowhere but under `efi=direct`;   │
//                       │ the base is here or, by `direct_base=`, up   │
//                       │ to DIRECT_MAP_LAST                           │
//   0xffff800000000000  ├──────────────────────────────────────────────┤
//                       │ (not canonical with 4-level paging)          │
//   0x00007fffffffffff  ├──────────────────────────────────────────────┤
//                       │ second quadrant: `efi=contiguous`, `offset`, │
//                       │ `compact`, `packed` (efi/policies/)          │
//   0x0000400000000000  ├──────────────────────────────────────────────┤
//                       │ empty in the kernel's table, but for what a  │
//                       │ 32-bit firmware needs (efi/width32/); in the │
//                       │ firmware's table: its regions at VA = PA     │
//   0x0000000000000000  └──────────────────────────────────────────────┘
//
// The upper half is one and the same in every page table (they share its
// top-level entries), so the kernel is mapped the same whatever CR3 is. The
// exception is the table for the jump to another kernel, which maps one page of
// it. With five levels all addresses are the same, sign-extended further.

#pragma once

#define DIRECT_MAP_BASE  0xffff800000000000
#define DIRECT_MAP_LAST  0xffffa00000000000
#define DIRECT_MAP_END   0xffffc00000000000
#define EFI_CONTIGUOUS   0x0000400000000000
#define EFI_WINDOW_END   0xffffffef00000000
#define EFI_WINDOW_START 0xffffffff00000000
#define KERNEL_BASE      0xffffffff80000000
#define VMAP_BASE        0xffffffffc0000000
#define VMAP_END         0xfffffffffffff000

// Physical: the load address in the header for GRUB (it may choose another
// one), and the boundary that any image starts on.
#define IMAGE_LINK_PA   0x200000
#define IMAGE_ALIGNMENT 0x200000

// Selectors: the code of 32-bit firmware, the two that Linux's 64-bit boot
// protocol asks for, and the TSS.
#define CODE32_CS    0x08
#define KERNEL_CS    0x10
#define KERNEL_DS    0x18
#define TSS_SELECTOR 0x20
