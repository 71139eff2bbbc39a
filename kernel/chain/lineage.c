// The list of those who ran before. How long one ran is nowhere stored: it
// ended where the next one began.

#include "kernel/chain/lineage.h"

#include "efi/firmware.h"
#include "kernel/time.h"
#include "kexec/handoff.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/space.h"

static struct handoff_life us(uint32_t generation) {
    struct handoff_life life = {.generation = generation,
                                .svam = firmware.svam,
                                .mode = "none",
                                .image_pa = image_pa_of(text_start),
                                .tsc_start = tsc_here};
    if (firmware.ready)
        str_copy(life.mode, sizeof(life.mode), firmware.mode->name);
    return life;
}

static struct handoff_life life_at(const struct boot_info *boot, unsigned i) {
    return i < boot->handoff.life_count ? boot->handoff.life[i]
                                        : us(boot->generation);
}

void lineage_format(const struct boot_info *boot, unsigned i, char *line,
                    size_t size) {
    struct handoff_life life = life_at(boot, i);
    bool ended = i < boot->handoff.life_count;
    uint64_t end = ended ? life_at(boot, i + 1).tsc_start : read_tsc();
    uint64_t ran_us = time_of(end - life.tsc_start);
    format(line, size,
           "generation %u  kernel at %#010lx  efi=%-10.*s  %3lu.%06lu s  "
           "SetVirtualAddressMap %s",
           life.generation, life.image_pa, (int)sizeof(life.mode), life.mode,
           ran_us / 1000000, ran_us % 1000000, efi_svam_name(life.svam));
}

void lineage_add(struct handoff *next) {
    struct handoff_life life = us(next->generation - 1);
    handoff_add_life(next, &life);
}
