// From a file in the bundle to the jump: the path of one image. Its rules are
// in kexec/kexec.h.

#include "kexec/kexec.h"

#include "efi/firmware.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/frames.h"
#include "mm/space.h"

extern void kexec_jump(pa_t entry_pa, pa_t params_pa, pa_t table_pa)
    __attribute__((noreturn));
extern const char head_end[]; // of kexec_jump()'s section, which is the first

// ---- find the image and place it

status_t kexec_bundle(const struct boot_info *boot, struct cpio *bundle) {
    pa_t pa = boot->bundle_pa;
    uint64_t bytes = boot->bundle_bytes;
    const void *archive = bytes ? physical_read(pa, bytes) : NULL;
    *bundle = cpio_open(archive, bytes);
    if (archive)
        return STATUS_OK;
    if (bytes)
        return fail(STATUS_NOT_FOUND,
                    "no bundle: %#lx bytes at %#lx are not in the direct map",
                    bytes, pa);
    return fail(STATUS_NOT_FOUND,
                "no bundle: the loader brought no cpio archive with the next "
                "kernel (module2 /bundle.cpio), or it was refused");
}

static status_t find_place(struct kexec_staged *staged) {
    char what[sizeof("image ") + sizeof(staged->name)];
    FOR_EACH_ROW(departures, row)
        if (row->place && staged->base_pa == 0)
            TRY(row->place(staged));
    if (staged->base_pa)
        return STATUS_OK;
    if (!staged->image.header.relocatable_kernel)
        return fail(STATUS_UNSUPPORTED,
                    "image %s: cannot be moved, and no annex is linked that "
                    "places such an image (kexec/linux)",
                    staged->name);
    format(what, sizeof(what), "image %s", staged->name);
    return frames_take_between(what, pages_for(staged->reserved_bytes),
                               staged->image.header.kernel_alignment,
                               FRAMES_RUNS_PA, FRAMES_END_PA, &staged->base_pa);
}

static status_t place(struct kexec_staged *staged) {
    const struct kernel_image *image = &staged->image;
    uint32_t run_bytes = image->header.init_size;
    staged->reserved_bytes = max_u64(staged->reserved_bytes, run_bytes);
    TRY(find_place(staged));
    uint8_t *to = pa_to_va(staged->base_pa);
    memcpy(to, image->file + image->payload_offset, image->payload_bytes);
    memset(to + image->payload_bytes, 0,
           pages_for(run_bytes) * PAGE_SIZE - image->payload_bytes);
    return STATUS_OK;
}

status_t kexec_load(const struct boot_info *boot, const char *name,
                    uint64_t reserved_bytes, struct kexec_staged *staged) {
    struct cpio_file file;
    *staged = (struct kexec_staged){.reserved_bytes = reserved_bytes,
                                    .command_line = boot->command_line,
                                    .memory = &boot->memory};
    mark_cut(staged->name, sizeof(staged->name),
             format(staged->name, sizeof(staged->name), "%s", name));
    TRY(kexec_bundle(boot, &staged->bundle));
    TRY(cpio_find(staged->bundle.data, staged->bundle.bytes, name, &file));
    TRY(image_parse(file.data, file.bytes, &staged->image));
    TRY(place(staged));
    event("kexec.load", "image=%s base=%#lx bytes=%u", name, staged->base_pa,
          staged->image.header.init_size);
    return STATUS_OK;
}

void kexec_unload(struct kexec_staged *staged) {
    frames_free(staged->base_pa, pages_for(staged->reserved_bytes));
}

// ---- describe the machine to it

// The firmware's regions as a memory map for the next kernel, with the virtual
// addresses that the firmware has, if this mode hands all of them on.
static void describe_firmware(const struct boot_info *boot,
                              struct boot_efi *efi) {
    *efi = boot->efi;
    if (!firmware->ready)
        return;
    efi->map_bytes = firmware->regions.count * (uint64_t)efi->descriptor_bytes;
    efi_regions_write(&firmware->regions, efi->descriptor_bytes,
                      firmware->mode->hands_on, efi->map);
    if (firmware->svam == SVAM_NEVER)
        return;
    efi->has_setup = true;
    efi->setup = firmware->setup;
}

static status_t write_handoff(const struct boot_info *boot,
                              struct kexec_staged *staged,
                              const struct handoff *baton) {
    static struct boot_efi efi;
    const struct handoff_content content = {
        .boot = boot,
        .memory = staged->memory,
        .command_line = staged->command_line,
        .efi = &efi,
        .baton = baton,
    };
    void *block = memset(pa_to_va(staged->block_pa), 0, HANDOFF_BLOCK_MAX);
    describe_firmware(boot, &efi);
    staged->is_served = staged->image.is_baton;
    if (staged->is_served)
        TRY(handoff_write(&content, block, HANDOFF_BLOCK_MAX,
                          staged->block_pa));
    FOR_EACH_ROW(departures, row)
        if (row->describe)
            TRY(row->describe(staged, &content));
    if (staged->is_served)
        return STATUS_OK;
    return fail(STATUS_UNSUPPORTED,
                "image %s: not a Baton, and no annex is linked that describes "
                "the machine to another kernel (kexec/linux)",
                staged->name);
}

// ---- the transition page table, and the jump

// It maps the code that loads it, where that runs; and 1:1 what boot.rst asks
// for: the image, which may write wherever it runs until it has a table of its
// own, and what describes the machine to it.
static status_t build_transition(struct kexec_staged *staged) {
    struct page_table *table = &staged->transition;
    va_t code = (va_t)text_start;
    TRY(page_table_init(table, kernel_table.levels, kernel_table.leaf_max,
                        &kernel_frames));
    TRY(page_table_map(table, code, image_pa_of(text_start),
                       align_up((va_t)head_end, PAGE_SIZE) - code, MAP_EXEC));
    TRY(page_table_map(table, staged->base_pa, staged->base_pa,
                       pages_for(staged->image.header.init_size) * PAGE_SIZE,
                       MAP_ANY));
    return page_table_map(table, staged->block_pa, staged->block_pa,
                          HANDOFF_BLOCK_MAX, MAP_WRITE);
}

static status_t make_ready(const struct boot_info *boot,
                           struct kexec_staged *staged,
                           const struct handoff *baton) {
    TRY(frames_take("handoff", HANDOFF_PAGES, &staged->block_pa));
    TRY(build_transition(staged));
    return write_handoff(boot, staged, baton);
}

static void release(struct kexec_staged *staged) {
    if (staged->transition.root_pa)
        page_table_free(&staged->transition);
    if (staged->block_pa)
        frames_free(staged->block_pa, HANDOFF_PAGES);
    if (staged->preserved_pa)
        frames_free(staged->preserved_pa, HANDOFF_PAGES);
}

status_t kexec_prepare(const struct boot_info *boot,
                       struct kexec_staged *staged,
                       const struct handoff *baton) {
    staged->generation = baton->generation;
    status_t status = make_ready(boot, staged, baton);
    if (status)
        release(staged);
    return status;
}

status_t kexec_check(const struct kexec_staged *staged) {
    FOR_EACH_ROW(departures, row)
        if (row->leaving)
            TRY(row->leaving(staged));
    return STATUS_OK;
}

status_t kexec_enter(const struct kexec_staged *staged, void (*quiesce)(void)) {
    pa_t entry_pa = staged->base_pa + IMAGE_ENTRY_OFFSET;
    TRY(kexec_check(staged));
    quiesce();
    event("kexec.jump", "to=%u entry=%#lx tsc=%lu", staged->generation,
          entry_pa, read_tsc());
    kexec_jump(entry_pa, staged->block_pa, staged->transition.root_pa);
}

status_t kexec_run(const struct boot_info *boot, struct kexec_staged *staged,
                   const struct handoff *baton, void (*quiesce)(void)) {
    TRY(kexec_prepare(boot, staged, baton));
    status_t status = kexec_enter(staged, quiesce);
    release(staged);
    return status;
}
