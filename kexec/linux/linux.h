// What Linux needs from who starts it, beyond what a Baton does (boot.rst, and
// arch/x86/platform/efi of Linux 6.1).

#pragma once

#include <asm/bootparam.h>

#include "boot/boot_info.h"
#include "boot/node.h"
#include "efi/mode.h"
#include "efi/protect/attributes.h"
#include "efi/region.h"
#include "efi/types.h"
#include "lib/status.h"

// Where the preserved handoff is: a word on Linux's command line, handoff=0x….
#define PRESERVED_WORD "handoff"

// May an image with this header be entered, from a page table of that many
// levels? UNSUPPORTED: the reason names field and value.
status_t linux_can_enter(const struct setup_header *header, unsigned levels);

// Does it take EFI data from a kexec (XLF_EFI_KEXEC)? One that does not may
// take virtual addresses for physical ones.
static inline bool linux_takes_efi(const struct setup_header *header) {
    return header->xloadflags & XLF_EFI_KEXEC;
}

// The last byte that an initrd may have, and the longest command line, in bytes
// without the NUL.
pa_t linux_initrd_max(const struct setup_header *header);
size_t linux_command_line_max(const struct setup_header *header);

// What Linux does with firmware of one width; the rows are in width.c.
struct linux_width {
    uint32_t word_bytes; // of the firmware
    uint32_t signature;  // efi_loader_signature

    // It calls a firmware whose SetVirtualAddressMap another kernel called. If
    // that is 32-bit, it does not (kexec_enter_virtual_mode()), and takes the
    // virtual addresses in the system table for physical (efi_systab_init()).
    bool takes_over;

    // Where it calls SetVirtualAddressMap itself, services get pointers into
    // its memory, on a page table that maps what is RAM by the EFI map
    // (should_map_region()). Without that its first call is a double fault.
    bool needs_ram;

    // For its command line. In mixed mode it passes the firmware pointers to
    // any memory, cut to 32 bits: so it uses no memory from 4 GiB on.
    const char *more_words;
};

// Adds a descriptor for each range of `memory`, `memory_bytes` bytes, that is
// RAM to the map in `efi`. NO_MEMORY: the map is full.
status_t linux_describe_ram(const struct handoff_memory *memory,
                            uint32_t memory_bytes, struct boot_efi *efi);

// NULL: there is no such firmware.
const struct linux_width *linux_width_of(uint32_t word_bytes);
const struct linux_width *linux_width_signed(uint32_t signature);

// Can Linux go on calling a firmware whose regions are at their `va`? REFUSED:
// it would overwrite one's mapping; the reason names region and address.
status_t linux_can_keep(const struct efi_regions *regions);

// Will a Linux with this header go on calling a firmware with words of that
// width, if `mode` puts its regions where they are in `regions`? Yes if it
// calls SetVirtualAddressMap itself, or if it takes no firmware at all.
// REFUSED: as linux_can_keep(), or as `takes_over` says.
status_t linux_keeps(const struct setup_header *header, uint32_t word_bytes,
                     const struct efi_mode *mode,
                     const struct efi_regions *regions);

// Would Linux reserve no more memory than it has to for a Memory Attributes
// Table that begins with `head`, at `pa`? Linux 6.1 believes what is there,
// though a kexec may have overwritten it (efi_memattr_init()). REFUSED: the
// reason names table and size. NULL: it cannot be read.
status_t linux_can_believe(const struct efi_memory_attributes_table *head,
                           pa_t pa);

// The command line for a Linux: `given`, the number that it has in the line of
// generations, where the block is that it keeps for the Baton after it, and
// `more` words, each behind a blank. NO_MEMORY: too long for the `size` bytes
// at `line`.
status_t linux_command_line(char *line, size_t size, const char *given,
                            uint32_t generation, pa_t preserved_pa,
                            const char *more);

// Takes the handoff that a Linux has preserved, if the command line has its
// address; with the firmware, if the Baton before that Linux called
// SetVirtualAddressMap. REFUSED, INVALID: there is none, or it is damaged.
status_t linux_preserved(memory_reader read, struct boot_info *boot);

// The first mode that adopts the addresses in `given`, which a Linux handed
// over. NULL: none does; why() says what the last one objected.
const struct efi_mode *linux_mode_of(const struct efi_regions *given);
