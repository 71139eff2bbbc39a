// Hands the machine to another kernel: load, check, hand over, jump.
//
// The image is put where it will run, so nothing is copied after the point of
// no return; and everything that can fail, fails before it, and returns an
// error to a kernel that goes on running.

#pragma once

#include "boot/boot_info.h"
#include "kexec/image.h"
#include "lib/cpio.h"
#include "lib/status.h"
#include "mm/page_table.h"

struct kexec_staged {
    struct kernel_image image;
    uint64_t room_bytes; // that it has from base_pa on
    char name[32];
    const char *command_line;        // ours, unless it is changed
    const struct memory_map *memory; // likewise
    pa_t base_pa;                    // of the payload
    uint8_t digest[SHA256_BYTES];    // of the file, by the bundle's SHA256SUMS
    uint32_t generation;             // that it will be
    pa_t block_pa;                   // of the handoff
    struct page_table bridge;        // for the jump
};

// The archive that came with this kernel. NOT_FOUND: there is none, or it was
// refused, or it cannot be read; the reason says which.
status_t kexec_bundle(const struct boot_info *boot, struct cpio *bundle);

// Finds `name` in the bundle, checks header and digest, and places it, with at
// least `room_bytes` bytes for it. The reason of a refusal names what is wrong;
// no frames are lost.
status_t kexec_load(const struct boot_info *boot, const char *name,
                    uint64_t room_bytes, struct kexec_staged *staged);

void kexec_unload(struct kexec_staged *staged);

// Writes the handoff, and makes all that the jump needs. `baton` is what only
// Baton knows; firmware and memory are taken from where they are kept. If it
// fails, nothing has changed.
status_t kexec_prepare(const struct boot_info *boot,
                       struct kexec_staged *staged,
                       const struct handoff *baton);

// Verifies what is staged and prepared, and jumps. `silence` stops all
// interrupts, as the last thing before the jump. REFUSED: it was damaged.
status_t kexec_enter(const struct kexec_staged *staged, void (*silence)(void));

// Both. Returns only if it refused, and then nothing has changed.
status_t kexec_run(const struct boot_info *boot, struct kexec_staged *staged,
                   const struct handoff *baton, void (*silence)(void));
