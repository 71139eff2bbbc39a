// efi=contiguous, Petkov's variant of option 2: one run with the distances that
// the regions have in memory. The next kernel needs only its start. It costs
// address space, of which there is plenty.

#include "boot/node.h"
#include "efi/firmware.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/layout.h"

#define NODE_RUN NODE_TYPE('V')

// Where the first region begins, and how far it is from there to the end of the
// last one. With the distances that the EFI map has, these two numbers give all
// addresses.
struct run {
    uint64_t va, bytes;
};

static struct run given; // by the Baton before this one; no bytes: by none

static uint64_t span(const struct efi_regions *regions) {
    const struct efi_region *first = regions->region;
    const struct efi_region *last = first + regions->count - 1;
    return regions->count ? last->pa + region_bytes(last) - first->pa : 0;
}

// REFUSED: the run has another size than the regions, or it is not all in its
// place.
static status_t place_run(struct efi_regions *regions, const struct run *run) {
    const va_t start = firmware->width->run_bottom;
    const va_t end = firmware->width->run_top;
    if (run->bytes != span(regions))
        return fail(STATUS_REFUSED,
                    "efi: the run was handed over with %#lx bytes, but the "
                    "runtime regions span %#lx",
                    run->bytes, span(regions));
    if (!is_aligned(run->va, PAGE_SIZE) || run->va < start || run->va >= end ||
        run->bytes > end - run->va)
        return fail(STATUS_REFUSED,
                    "efi: a run of %#lx bytes at %#lx is not between %#lx and "
                    "%#lx, where mode contiguous puts it",
                    run->bytes, run->va, start, end);
    for (size_t i = 0; i < regions->count; i++)
        regions->region[i].va =
            run->va + (regions->region[i].pa - regions->region[0].pa);
    return STATUS_OK;
}

static status_t place(struct efi_regions *regions) {
    uint64_t offset = regions->region[0].pa & (LARGE_PAGE - 1);
    struct run run = {firmware->width->run_bottom + offset, span(regions)};
    return place_run(regions, &run);
}

// Wherever the run starts: it is validated by where the system table's pointer
// leads. A Linux knows of no run, and was given all addresses.
static status_t adopt(const struct efi_mode *mode,
                      struct efi_regions *regions) {
    if (!given.bytes)
        return efi_adopt_by_rule(mode, regions);
    TRY(place_run(regions, &given));
    event("efi.run", "va=%#lx bytes=%#lx regions=%zu", given.va, given.bytes,
          regions->count);
    return STATUS_OK;
}

ROW(modes, 4_contiguous) = {.name = "contiguous",
                            .proposal = "Petkov's variant of option 2: one "
                                        "run, one start",
                            .table = PAGE_TABLE_KERNEL,
                            .calls_svam = true,
                            .hands_on = true,
                            .place = place,
                            .adopt = adopt};

// ---- the node

static status_t read_run(const void *payload, uint32_t bytes,
                         struct boot_info *boot) {
    size_t rows;
    (void)boot;
    return node_read_rows("a run of regions", payload, bytes, &given,
                          sizeof(given), 1, &rows);
}

// The next Baton gets these two numbers, and no other virtual address; a Linux
// gets all of them, and no node. Where the firmware was not opened, the node
// goes on as it came.
static status_t write_run(struct block_writer *to,
                          const struct handoff_content *content) {
    const struct efi_regions *regions = &firmware->regions;
    struct run run = given;
    if (!content->memory)
        return STATUS_OK;
    if (firmware->ready) {
        if (firmware->mode->place != place)
            return STATUS_OK;
        run = (struct run){regions->region[0].va, span(regions)};
        efi_regions_write(regions, content->efi->descriptor_bytes, false,
                          content->efi->map);
    }
    return run.bytes ? node_write(to, NODE_RUN, &run, sizeof(run)) : STATUS_OK;
}

ROW(nodes, 25_run) = {NODE_RUN, read_run, write_run};
