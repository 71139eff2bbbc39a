// Boot information: what the kernel knows of the machine.
//
// Each way in (boot/multiboot2.c, boot/handoff.c) fills this one structure.
// Everything here is a copy, because the loader's own structures are in memory
// that is free as soon as frames are handed out.

#pragma once

#include <linux/screen_info.h>

#include "boot/handoff.h"
#include "lib/memory_map.h"
#include "lib/status.h"
#include "lib/types.h"

#define EFI_MAP_BYTES (32 * KIB) // 680 descriptors of OVMF's size

enum boot_via { VIA_MULTIBOOT2, VIA_KEXEC };

// Which earlier kernel reports that SetVirtualAddressMap was called since
// power-on: a Baton in its handoff, a Linux by a SETUP_EFI node.
enum boot_svam { BOOT_SVAM_NONE, BOOT_SVAM_BATON, BOOT_SVAM_LINUX };

// Where tables of the firmware were before SetVirtualAddressMap: since then the
// system table has virtual addresses. In the form of Linux, struct
// efi_setup_data (arch/x86/include/asm/efi.h, not a user-space header).
struct efi_setup {
    uint64_t firmware_vendor_pa;
    uint64_t unused; // once the runtime table; a virtual address from some
    uint64_t config_tables_pa;
    uint64_t smbios_pa;
    uint64_t reserved[8];
};

// The firmware as it was passed on, still unchecked. The EFI memory map is to
// be walked in steps of its own descriptor size (UEFI 2.10 §7.2.3).
struct boot_efi {
    pa_t system_table_pa; // 0: not started by EFI
    uint32_t word_bytes;  // of the firmware: 8, or 4 if it is 32-bit
    uint32_t descriptor_bytes;
    uint32_t descriptor_version;
    uint32_t has_setup; // only after a kexec, and SetVirtualAddressMap
    struct efi_setup setup;
    uint64_t map_bytes;
    uint8_t map[EFI_MAP_BYTES];
};

struct boot_info {
    enum boot_via via;
    uint32_t generation; // 0: started by a boot loader, not by a kexec
    char loader[16];     // "grub", "baton", "linux", "other"
    char command_line[COMMAND_LINE_MAX];
    struct memory_map memory; // by the loader's account
    struct boot_efi efi;
    pa_t rsdp_pa;   // 0: unknown (multiboot2 has only a copy of the RSDP)
    pa_t bundle_pa; // the cpio archive with the next kernels
    uint64_t bundle_bytes;

    // The framebuffer, unchecked, in Linux's form: lfb_… if orig_video_isVGA is
    // VIDEO_TYPE_EFI or _VLFB.
    struct screen_info screen;

    // The handoff of the kernel before this one, without its nodes.
    bool has_handoff;
    struct handoff handoff;
    bool through_linux; // the handoff is from before a Linux, which kept it
    enum boot_svam svam;

    // Not OK: the information about the firmware is refused, for this reason.
    status_t handoff_status;
    char handoff_why[REASON_BYTES];
};

// Makes physical memory readable for a parser: a pointer to `bytes` bytes at
// `pa`, or NULL where that is not memory that may be read. It lets the parsers
// run on the host over any bytes at all.
typedef const void *(*memory_reader)(pa_t pa, uint64_t bytes);

// Reads the multiboot2 information at `info_pa` (Multiboot2 §3.6).
// INVALID: it breaks its own lengths; the reason names tag, offset and size.
// An EFI map that is too long is no error, but reported in `handoff_status`.
status_t multiboot2_read(pa_t info_pa, memory_reader read,
                         struct boot_info *boot);

// Reads what an earlier kernel hands over at `block_pa`. INVALID: not usable at
// all. A bad handoff alone is no error, if memory is known: it is reported in
// `handoff_status`, and the kernel continues without the firmware.
status_t handoff_read(pa_t block_pa, memory_reader read,
                      struct boot_info *boot);
