// efi=contiguous, Petkov's variant of option 2: one run with the distances that
// the regions have in memory. The next kernel needs only its start. It costs
// address space, of which there is plenty.

#include "efi/firmware.h"
#include "lib/log.h"
#include "mm/layout.h"

static uint64_t span(const struct efi_regions *regions) {
    const struct efi_region *first = regions->region;
    const struct efi_region *last = first + regions->count - 1;
    return regions->count ? last->pa + region_bytes(last) - first->pa : 0;
}

// REFUSED: the run has another size than the regions, or it is not all in the
// second quadrant.
static status_t place_run(struct efi_regions *regions,
                          const struct handoff_run *run) {
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
    struct handoff_run run = {firmware->width->run_bottom + offset,
                              span(regions)};
    return place_run(regions, &run);
}

// Wherever the run starts: it is validated by where the system table's pointer
// leads. A Linux knows of no run, and was given all addresses.
static status_t adopt(const struct efi_mode *mode, struct efi_regions *regions,
                      const struct handoff *handoff) {
    if (!handoff)
        return efi_adopt_by_rule(mode, regions, NULL);
    const struct handoff_run *run = &handoff->run;
    TRY(place_run(regions, run));
    event("efi.run", "va=%#lx bytes=%#lx regions=%zu", run->va, run->bytes,
          regions->count);
    return STATUS_OK;
}

static void hand_on(const struct efi_regions *regions,
                    struct handoff *handoff) {
    handoff->run = (struct handoff_run){regions->region[0].va, span(regions)};
}

ROW(modes, 4_contiguous) = {.name = "contiguous",
                            .proposal = "Petkov's variant of option 2: one "
                                        "run, one start",
                            .table = PAGE_TABLE_KERNEL,
                            .calls_svam = true,
                            .hands_on = true,
                            .place = place,
                            .adopt = adopt,
                            .hand_on = hand_on};
