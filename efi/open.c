// Opening the firmware: from a system table's address to services that can be
// called, in the mode that was asked for or the one that was inherited.
//
// Everything depends on one question: are its addresses still physical? The
// system table has the answer: its pointer to the runtime table leads into a
// region at its physical address, or into one at the virtual address that an
// earlier kernel handed over. If it leads elsewhere, the firmware must not be
// called until the next reset.

#include "efi/open.h"

#include "efi/firmware.h"
#include "efi/services.h"
#include "efi/space.h"
#include "efi/tables.h"
#include "efi/virtual.h"
#include "lib/log.h"
#include "lib/string.h"

extern struct efi_firmware firmware_record;
static struct efi_firmware *const known = &firmware_record;

static status_t run(enum opening_point when, struct boot_info *boot) {
    FOR_EACH_ROW(openings, row)
        if (row->when == when)
            TRY(row->run(boot));
    return STATUS_OK;
}

static status_t choose_width(const struct boot_info *boot) {
    FOR_EACH_ROW(widths, row)
        if (row->word_bytes == boot->efi.word_bytes) {
            known->width = row;
            return STATUS_OK;
        }
    return fail(STATUS_REFUSED,
                "the firmware is %u-bit, and no annex is linked that calls "
                "such a firmware (efi/width32)",
                8 * boot->efi.word_bytes);
}

static status_t read_system_table(bool crc_matters) {
    return efi_system_table_read(known->system_table_pa,
                                 known->width->word_bytes, crc_matters,
                                 &known->system);
}

static status_t read_runtime_table(bool crc_matters) {
    return efi_runtime_table_read(known->runtime_table_pa,
                                  known->width->word_bytes, crc_matters,
                                  &known->runtime);
}

// Finds the runtime table behind the system table's pointer.
static status_t find_runtime_table(const struct boot_info *boot,
                                   uint64_t pointer) {
    uint64_t bytes = efi_table_bytes(known->width->word_bytes, EFI_SERVICES);
    const struct efi_region *region =
        boot->svam ? efi_region_of_va(&known->regions, pointer, bytes)
                   : efi_region_of_pa(&known->regions, pointer, bytes);
    if (!region)
        return fail(
            STATUS_REFUSED,
            "system table at %#lx: RuntimeServices is %#lx, which is not in "
            "any runtime region, %s",
            known->system_table_pa, pointer,
            boot->svam ? "although SetVirtualAddressMap was called: its "
                         "addresses were not handed over"
                       : "and SetVirtualAddressMap was not reported as called");
    known->runtime_table_pa = boot->svam ? region_pa(region, pointer) : pointer;
    return STATUS_OK;
}

static status_t find_tables(const struct boot_info *boot) {
    bool virtual = boot->svam != BOOT_SVAM_NONE;
    const struct efi_system_table *system = &known->system;
    known->system_table_pa = boot->efi.system_table_pa;
    TRY(read_system_table(!virtual));
    TRY(find_runtime_table(boot, system->runtime_services));
    TRY(read_runtime_table(!virtual));

    struct efi_setup physical = {.firmware_vendor_pa = system->firmware_vendor,
                                 .config_tables_pa = system->config_tables};
    known->setup = virtual ? boot->efi.setup : physical;
    return STATUS_OK;
}

// The mode that an earlier kernel left the firmware in, or has chosen for it.
// NULL, with the reason in why(): it is bound to one that is unknown.
static const struct efi_mode *mode_found(const struct boot_info *boot) {
    const struct efi_mode *mode = efi_mode_find(boot->handoff.mode);
    if (!boot->svam)
        return mode ? mode : efi_mode_find("fixed");
    if (mode && mode->calls_svam)
        return mode;
    set_why("SetVirtualAddressMap was called before, and the mode handed over, "
            "\"%s\", is unknown, or does not call it",
            boot->handoff.mode);
    return NULL;
}

// SetVirtualAddressMap works once, so an inherited mode cannot be changed.
static status_t adopt_mode(const struct boot_info *boot,
                           const struct efi_mode *wanted) {
    const struct efi_mode *found = mode_found(boot);
    if (!found)
        return failed(STATUS_REFUSED);
    if (!found->adopt)
        return fail(STATUS_REFUSED,
                    "SetVirtualAddressMap was called in mode %s, which hands "
                    "on no virtual addresses: the firmware's addresses are "
                    "unknown",
                    found->name);
    known->mode = found;
    TRY(found->adopt(found, &known->regions));
    if (wanted && wanted != found)
        return fail(STATUS_REFUSED,
                    "mode %s was asked for, but the firmware is bound to mode "
                    "%s: SetVirtualAddressMap works once per boot",
                    wanted->name, found->name);
    return STATUS_OK;
}

static void find_entries(void) {
    const struct efi_width *width = known->width;
    for (unsigned i = 0; i < EFI_SERVICES; i++) {
        uint64_t function = known->runtime.service[i];
        known->entry[i] =
            function && width->entry ? width->entry(i, function) : function;
    }
}

static status_t enter_mode(struct boot_info *boot) {
    bool call_svam = known->mode->calls_svam && !boot->svam;
    TRY(efi_services_init());
    if (known->mode->table == PAGE_TABLE_KERNEL)
        TRY(efi_space_map_kernel());
    TRY(efi_space_build());
    find_entries();
    if (call_svam) {
        TRY(run(OPENING_SVAM, boot));
        known->svam = SVAM_CALLED; // even if it fails: it is the only attempt
        TRY(efi_virtual_enter(boot->efi.descriptor_bytes));
        TRY(read_system_table(false));
        TRY(read_runtime_table(false));
        find_entries();
        efi_space_drop();
        TRY(efi_space_build());
    }
    return run(OPENING_MAPPED, boot);
}

// If the firmware is refused: the mode that was asked for.
static void report_mode(const struct efi_mode *wanted) {
    const struct efi_mode *mode = known->ready ? known->mode : wanted;
    event("efi.mode", "mode=%s svam=%s regions=%zu state=%s",
          mode ? mode->name : "none", efi_svam_name(firmware_svam()),
          known->regions.count, firmware_aborted() ? "tainted" : "clean");
}

static status_t open_firmware(struct boot_info *boot,
                              const struct efi_mode *wanted) {
    TRY(choose_width(boot));
    TRY(efi_regions_read(&boot->efi, &known->regions));
    TRY(run(OPENING_FOUND, boot));
    if (boot->svam)
        TRY(adopt_mode(boot, wanted));
    known->svam = boot->svam ? SVAM_INHERITED : SVAM_NEVER;
    TRY(find_tables(boot));
    TRY(run(OPENING_TABLES, boot));
    if (!boot->svam) {
        known->mode = wanted ? wanted : mode_found(boot);
        TRY(known->mode->place(&known->regions));
    }
    if (known->width->check)
        TRY(known->width->check(&known->regions, known->mode->name));
    TRY(run(OPENING_PLACED, boot));
    return enter_mode(boot);
}

void efi_close(void) {
    memset(known->entry, 0, sizeof(known->entry));
}

void efi_refuse(void) {
    known->ready = false;
    known->refused = true;
    efi_close();
}

static status_t explain_absence(const struct boot_info *boot) {
    const char *reason = boot->handoff_status ? boot->handoff_why
                         : boot->via == VIA_MULTIBOOT2
                             ? "the loader passed none on (multiboot2 tag 12)"
                             : "the previous kernel passed none on";
    return fail(STATUS_NOT_FOUND, "no EFI system table: %s", reason);
}

status_t efi_open(struct boot_info *boot, const struct efi_mode *wanted) {
    known->aborted_before = boot->has_handoff ? boot->handoff.aborted : 0;
    if (boot->efi.system_table_pa == 0)
        return explain_absence(boot);
    status_t status = open_firmware(boot, wanted);
    known->ready = status == STATUS_OK;
    if (!known->ready)
        efi_refuse();
    report_mode(wanted);
    return status;
}
