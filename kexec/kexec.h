// Hands the machine to another kernel: find the image, place it, describe the
// machine to it, build the page table of the transition, jump.
//
// The rule: everything that can fail, fails before the point of no return, and
// returns an error to a kernel that goes on running. The image is put where it
// will run, so nothing is copied after that point. It is the last line of
// kexec_enter(): until `quiesce` has run there, nothing has changed that could
// not be taken back; from then on nothing is checked, and nothing returns.

#pragma once

#include "boot/boot_info.h"
#include "boot/node.h"
#include "kexec/image.h"
#include "lib/cpio.h"
#include "lib/status.h"
#include "lib/table.h"
#include "mm/page_table.h"

#define HANDOFF_PAGES (HANDOFF_BLOCK_MAX / PAGE_SIZE)

// An image on its way. The caller owns the structure. It owns frames: those
// of the image from kexec_load() to kexec_unload(); both blocks and the
// transition table from kexec_prepare() on, for good: a prepared kernel is
// entered or waits. kexec_run() frees these three itself if it returns.
struct kexec_staged {
    struct kernel_image image; // points into the bundle
    struct cpio bundle;        // that it came from
    uint64_t reserved_bytes;   // that it has from base_pa on
    char name[32];
    const char *command_line;        // of this kernel, unless changed
    const struct memory_map *memory; // same lifetime
    pa_t base_pa;                    // of the payload
    uint32_t generation;             // that it will be
    pa_t block_pa;                   // of the handoff
    pa_t preserved_pa;               // a second one, for a departure; 0: none
    struct page_table transition;    // its page table for the jump
    bool is_served; // core or a departure describes the machine to this image
};

// What annexes add to the path of an image. Rows are walked in
// their order, and the first error ends the departure: it returns to the kernel
// that goes on. A function that is NULL has nothing to do.
struct departure {
    // Takes the frames of an image that needs a place of its own, and sets
    // base_pa, for reserved_bytes bytes; or leaves it 0, and core finds a
    // place. Called by kexec_load().
    status_t (*place)(struct kexec_staged *staged);

    // Describes the machine to an image that is not a Baton, in the zeroed
    // HANDOFF_BLOCK_MAX bytes at block_pa, and sets is_served; maps more for
    // any image in the transition table. May allocate frames only where
    // `staged` has a place for them. Called by kexec_prepare().
    status_t (*describe)(struct kexec_staged *staged,
                         const struct handoff_content *content);

    // The last check: may this image be entered? Called by kexec_check(), with
    // interrupts on; or after a panic, so it allocates nothing.
    status_t (*leaving)(const struct kexec_staged *staged);
};
TABLE(departures, struct departure);

// The archive that came with this kernel; it stays where it is. NOT_FOUND:
// there is none, or it was refused, or it cannot be read; the reason says
// which.
status_t kexec_bundle(const struct boot_info *boot, struct cpio *bundle);

// Finds `name` in the bundle, checks its header, and places it, with at least
// `reserved_bytes` bytes for it. NOT_FOUND, INVALID, UNSUPPORTED, NO_MEMORY:
// the reason names what is wrong, and no frames are lost.
status_t kexec_load(const struct boot_info *boot, const char *name,
                    uint64_t reserved_bytes, struct kexec_staged *staged);

// Frees the frames of an image that is not prepared, or no more.
void kexec_unload(struct kexec_staged *staged);

// Writes the handoff, and makes all that the jump needs. `baton` is what only
// Baton knows; firmware and memory are taken from where they are kept. If it
// fails, nothing has changed.
status_t kexec_prepare(const struct boot_info *boot,
                       struct kexec_staged *staged,
                       const struct handoff *baton);

// May it be entered as it is in memory? REFUSED: the reason says what is wrong,
// such as a digest. It costs the work of a digest over the image.
status_t kexec_check(const struct kexec_staged *staged);

// Checks and jumps: the point of no return. `quiesce` stops all interrupts and
// other processors, as the last thing before the jump. Returns only what
// kexec_check() returns.
status_t kexec_enter(const struct kexec_staged *staged, void (*quiesce)(void));

// Both: prepare and enter. Returns only if it was refused, and then nothing has
// changed but that the image is still loaded.
status_t kexec_run(const struct boot_info *boot, struct kexec_staged *staged,
                   const struct handoff *baton, void (*quiesce)(void));
