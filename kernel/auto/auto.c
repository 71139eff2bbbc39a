// efi=auto: the first mode in an order of safety that this machine, its
// firmware and the next kernel allow. The idea, and most of the order, are
// those of VMware's loader for ESXi; docs/modes.md says why the order is as it
// is.
//
// It matters in the generation that calls SetVirtualAddressMap. In a later one
// the firmware is bound to a mode, and auto is the same as inherit.

#include "efi/firmware.h"
#include "efi/open.h"
#include "efi/quirks/excluded.h"
#include "kernel/options.h"
#include "kernel/stage.h"
#include "kexec/kexec.h"
#include "kexec/linux/linux.h"
#include "lib/log.h"
#include "lib/string.h"

static const char *const order[] = {
    "offset",     // every distance is kept
    "contiguous", // those between regions
    "compact",    // those between code and data
    "fixed",      // those between adjacent regions
    "identity",   // nothing moves: some firmware fails then
    "physical",   // not even called: some firmware fails then, too
    "packed",     // no distance is kept
};

static bool is_auto;

// A row, so that efi=auto is a word of efi=; the stage below replaces it before
// the firmware is opened.
static status_t place_nowhere(struct efi_regions *regions) {
    (void)regions;
    return fail(STATUS_REFUSED, "efi: mode auto stands for another mode");
}

ROW(modes, 8_auto) = {.name = "auto",
                      .proposal = "ESXi's loader: the first mode that fits",
                      .place = place_nowhere};

STAGE(LIVE, 50_auto, "efi=auto") {
    is_auto = options.mode && options.mode->place == place_nowhere;
    if (is_auto)
        options.mode = NULL; // what choose() hands to efi_open()
    return STATUS_OK;
}

// A Baton that was built without a mode does not even contain its name.
static bool contains(const struct kernel_image *image, const char *name) {
    const char *at = (const char *)image->file + image->payload_offset;
    const char *end = at + image->payload_bytes - strlen(name);
    while (at < end && !(*at == *name && str_equal(at, name)))
        at++;
    return at < end;
}

// What cannot be read here is left to the kexec, which gives the reason.
static status_t check_next(const struct boot_info *boot,
                           const struct efi_mode *mode,
                           const struct efi_regions *regions) {
    struct cpio bundle;
    struct cpio_file file;
    static struct kernel_image image;
    bool is_last = boot->generation + 1 >= options.generations;
    if (is_last || kexec_bundle(boot, &bundle) ||
        cpio_find(bundle.data, bundle.bytes, options.next, &file) ||
        image_parse(file.data, file.bytes, &image))
        return STATUS_OK;
    if (!image.is_baton)
        return linux_keeps(&image.header, firmware->width->word_bytes, mode,
                           regions);
    if (contains(&image, mode->name))
        return STATUS_OK;
    return fail(STATUS_REFUSED, "the next kernel, %s, knows no mode %s",
                options.next, mode->name);
}

static status_t check(const struct boot_info *boot,
                      const struct efi_mode *mode) {
    static struct efi_regions regions;
    regions = firmware->regions;
    TRY(mode->place(&regions));
    if (firmware->width->check)
        TRY(firmware->width->check(&regions, mode->name));
    TRY(efi_mode_excluded(mode, boot));
    return check_next(boot, mode, &regions);
}

static status_t choose(struct boot_info *boot) {
    if (!is_auto || boot->svam)
        return STATUS_OK;
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        status_t status = check(boot, efi_mode_find(order[i]));
        event("efi.auto", "mode=%s use=%s why=\"%s\"", order[i],
              status ? "no" : "yes", status ? why() : "");
        if (status == STATUS_OK) {
            str_copy(boot->handoff.mode, sizeof(boot->handoff.mode), order[i]);
            return STATUS_OK;
        }
    }
    return fail(STATUS_REFUSED, "efi=auto: no mode can be used; each has an "
                                "@efi.auto with its reason");
}

ROW(openings, 50_auto) = {OPENING_TABLES, choose};
