// The list of generations before this one. How long one ran is not stored: it
// ended where the next one began.

#include "kernel/chain/lineage.h"

#include "boot/node.h"
#include "efi/firmware.h"
#include "kernel/stage.h"
#include "kernel/time.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/space.h"

#define NODE_LINEAGE NODE_TYPE('L')

static struct lineage_entry listed[LINEAGE_MAX];
static size_t listed_count;

static struct lineage_entry us(uint32_t generation) {
    struct lineage_entry entry = {.generation = generation,
                                  .svam = firmware_svam(),
                                  .mode = "none",
                                  .image_pa = image_pa_of(text_start),
                                  .tsc_start = tsc_here};
    if (firmware->ready)
        str_copy(entry.mode, sizeof(entry.mode), firmware->mode->name);
    return entry;
}

unsigned lineage_count(void) {
    return listed_count;
}

static struct lineage_entry entry_at(const struct boot_info *boot, unsigned i) {
    return i < listed_count ? listed[i] : us(boot->generation);
}

void lineage_format(const struct boot_info *boot, unsigned i, char *line,
                    size_t size) {
    struct lineage_entry entry = entry_at(boot, i);
    bool ended = i < listed_count;
    uint64_t end = ended ? entry_at(boot, i + 1).tsc_start : read_tsc();
    uint64_t ran_us = time_of(end - entry.tsc_start);
    format(line, size,
           "generation %u  kernel at %#010lx  efi=%-10.*s  %3lu.%06lu s  "
           "SetVirtualAddressMap %s",
           entry.generation, entry.image_pa, (int)sizeof(entry.mode),
           entry.mode, ran_us / 1000000, ran_us % 1000000,
           efi_svam_name(entry.svam));
}

STAGE(LIVE, 10_lineage, "lineage") {
    char line[LINEAGE_LINE];
    if (listed_count == LINEAGE_MAX && listed[0].generation > 0)
        say("boot: the list is full with %d generations: none before "
            "generation %u",
            LINEAGE_MAX, listed[0].generation);
    for (unsigned i = 0; i < listed_count; i++) {
        lineage_format(&kernel->boot, i, line, sizeof(line));
        say("boot: lineage: %s", line);
    }
    return STATUS_OK;
}

// ---- the node

static status_t read(const void *payload, uint32_t bytes,
                     struct boot_info *boot) {
    (void)boot;
    return node_read_rows("lineage", payload, bytes, listed, sizeof(listed[0]),
                          LINEAGE_MAX, &listed_count);
}

// Those listed, this kernel, and one that may run between it and the reader;
// but no more than there is room for: the oldest are dropped.
static status_t write(struct block_writer *to,
                      const struct handoff_content *content) {
    struct lineage_entry all[LINEAGE_MAX + 2];
    size_t count = listed_count;
    memcpy(all, listed, sizeof(listed));
    bool between = content->between != NULL;
    all[count++] = us(content->baton->generation - 1 - between);
    if (between)
        all[count++] = *content->between;
    size_t kept = min_u64(count, LINEAGE_MAX);
    return node_write(to, NODE_LINEAGE, &all[count - kept],
                      kept * sizeof(all[0]));
}

ROW(nodes, 50_lineage) = {NODE_LINEAGE, read, write};
