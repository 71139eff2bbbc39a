// Opening the firmware: from a system table's address to services that can be
// called, in the mode that was asked for or the one that was inherited.
//
// The one question that decides everything is whether its addresses are still
// physical. The answer is in the system table itself: where does its pointer to
// the runtime table lead? Into a region as the firmware reported it, into one
// at the address that a former kernel says it gave it, or nowhere that anybody
// told us of: then nothing may be called, ever, until the next reset.

#include "efi/firmware.h"

#include "efi/gate.h"
#include "efi/quirk.h"
#include "efi/services.h"
#include "efi/space.h"
#include "efi/start.h"
#include "efi/tables.h"
#include "efi/virtual.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "mm/space.h"

struct efi_firmware firmware;

static bool is_runtime_table(pa_t pa) {
    const struct efi_runtime_services *table =
        physical_read(pa, sizeof(*table));
    return table && is_aligned(pa, 8) &&
           table->header.signature == EFI_RUNTIME_TABLE_SIGNATURE;
}

// Finds the runtime table behind the system table's pointer.
static status_t find_runtime_table(const struct boot_info *boot,
                                   uint64_t pointer) {
    uint64_t bytes = sizeof(struct efi_runtime_services);
    const struct efi_region *region;
    pa_t pa = pointer;
    if (boot->svam) {
        region = efi_region_of_va(&firmware.regions, pointer, bytes);
        pa = region ? region_pa(region, pointer) : 0;
    } else {
        region = efi_region_of_pa(&firmware.regions, pointer, bytes);
    }
    if (!region)
        return fail(STATUS_REFUSED,
                    "system table at %#lx: RuntimeServices is %#lx, which is "
                    "no address in any runtime region, %s",
                    firmware.system_table_pa, pointer,
                    boot->svam
                        ? "though SetVirtualAddressMap was called: the "
                          "addresses that it was given were not handed over"
                        : "and nobody said that SetVirtualAddressMap was "
                          "called");
    if (!is_runtime_table(pa))
        return fail(STATUS_REFUSED,
                    "system table at %#lx: RuntimeServices %#lx leads to pa "
                    "%#lx, where no runtime table is",
                    firmware.system_table_pa, pointer, pa);
    firmware.runtime_table_pa = pa;
    return STATUS_OK;
}

static pa_t find_config_table(const struct efi_guid *guid) {
    return efi_config_find(firmware.setup.config_tables_pa,
                           firmware.config_table_count, guid, physical_read);
}

// If not, why() says the reason.
static bool config_tables_are_read(void) {
    uint64_t count = firmware.config_table_count;
    return count == 0 || efi_config_tables(firmware.setup.config_tables_pa,
                                           count, physical_read);
}

static status_t read_tables(const struct boot_info *boot) {
    bool virtual = boot->svam != BOOT_SVAM_NONE;
    firmware.system_table_pa = boot->efi.system_table_pa;
    TRY(efi_system_table_check(firmware.system_table_pa, !virtual));
    const struct efi_system_table *system = pa_to_va(firmware.system_table_pa);
    TRY(find_runtime_table(boot, system->runtime_services));
    TRY(efi_runtime_table_check(firmware.runtime_table_pa, !virtual));

    struct efi_setup physical = {.firmware_vendor_pa = system->firmware_vendor,
                                 .config_tables_pa = system->config_tables};
    firmware.setup = virtual ? boot->efi_setup : physical;
    firmware.config_table_count = system->config_table_count;
    firmware.setup.smbios_pa = find_config_table(&efi_guid_smbios);
    firmware.rsdp_pa = find_config_table(&efi_guid_acpi);
    return STATUS_OK;
}

// The mode that an earlier kernel left the firmware in. A Linux says nothing of
// it: then it is the mode of a Baton before it, or the addresses tell. NULL,
// and why() says the reason: none that is known.
static const struct efi_mode *mode_found(const struct boot_info *boot) {
    const struct efi_mode *mode = efi_mode_find(boot->handoff.mode);
    if (!boot->svam || (mode && mode->calls_svam))
        return mode;
    if (boot->svam == BOOT_SVAM_LINUX)
        return efi_mode_of(&firmware.regions);
    set_why("SetVirtualAddressMap was called before, and the mode handed over, "
            "\"%s\", is none that is known and calls it",
            boot->handoff.mode);
    return NULL;
}

// SetVirtualAddressMap works once: what was inherited cannot be changed.
static status_t adopt_mode(const struct boot_info *boot,
                           const struct efi_mode *wanted) {
    const struct efi_mode *found = mode_found(boot);
    bool from_baton = boot->svam == BOOT_SVAM_BATON;
    if (!found)
        return failed(STATUS_REFUSED);
    firmware.mode = found;
    TRY(found->adopt(found, &firmware.regions,
                     from_baton ? &boot->handoff : NULL));
    if (wanted && wanted != found)
        return fail(STATUS_REFUSED,
                    "mode %s was asked for, but the firmware is bound to mode "
                    "%s: SetVirtualAddressMap works once per boot",
                    wanted->name, found->name);
    return STATUS_OK;
}

static void choose_mode(const struct boot_info *boot,
                        const struct efi_mode *wanted) {
    const struct efi_mode *found = mode_found(boot);
    firmware.mode = wanted ? wanted : found ? found : efi_mode_find("fixed");
}

// Generation 0 finds the table by its GUID; later ones are handed what it said.
static uint32_t read_missing_services(const struct boot_info *boot) {
    if (boot->via != VIA_MULTIBOOT2)
        return boot->handoff.missing_services;
    uint32_t missing;
    if (efi_missing_services(find_config_table(&efi_guid_runtime_properties),
                             physical_read, &missing))
        say("efi: runtime properties ignored: %s", why());
    return missing;
}

static void read_service_entries(void) {
    const struct efi_runtime_services *table =
        pa_to_va(firmware.runtime_table_pa);
    uint32_t missing = efi_services_beyond(table);
    firmware.missing_services |= missing;
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        firmware.service[i] = missing >> i & 1 ? 0 : table->service[i];
}

static status_t enter_mode(struct boot_info *boot) {
    bool call_svam = firmware.mode->calls_svam && !boot->svam;
    TRY(efi_services_init());
    if (firmware.mode->table == PAGE_TABLE_KERNEL)
        TRY(efi_space_map_kernel());
    TRY(efi_space_build());
    read_service_entries();
    if (call_svam) {
        TRY(efi_quirks_map(&firmware.private_table, &boot->memory));
        TRY(efi_enter_virtual_mode(boot->efi.descriptor_bytes));
        firmware.svam = SVAM_CALLED;
        read_service_entries();
        efi_space_drop();
        TRY(efi_space_build());
    }
    if (firmware.svam != SVAM_NEVER)
        TRY(efi_check_pointers());
    TRY(efi_space_protect(boot));
    return efi_space_verify();
}

// "EDK II, UEFI 2.70": who it is that we call.
// Where its name lies in no runtime region, generation 0 alone can read it.
static void announce_firmware(const struct boot_info *boot) {
    const struct efi_system_table *system = pa_to_va(firmware.system_table_pa);
    char name[EFI_VENDOR_BYTES];
    pa_t pa = firmware.setup.firmware_vendor_pa;
    bool is_kept = boot->via == VIA_MULTIBOOT2 ||
                   efi_region_of_pa(&firmware.regions, pa, 1);
    if (is_kept || !pa)
        efi_vendor_name(pa, physical_read, name);
    else
        format(name, sizeof(name),
               "a firmware whose name, at %#lx, was not kept", pa);
    uint32_t revision = system->header.revision;
    uint64_t count = firmware.config_table_count;
    bool is_read = config_tables_are_read();
    say("efi: %s, UEFI %u.%u, %lu configuration tables%s%s", name,
        revision >> 16, (revision & 0xffff) / 10, count,
        is_read ? "" : ", none of them read: ", is_read ? "" : why());
}

static void announce_regions(void) {
    for (size_t i = 0; i < firmware.regions.count; i++) {
        const struct efi_region *r = &firmware.regions.region[i];
        event("efi.region", "n=%zu type=%s pa=%#lx va=%#lx pages=%lu attr=%#lx",
              i, efi_memory_type_name(r->type), r->pa, r->va, r->pages,
              r->attribute);
    }
}

// Where it was refused: the mode that was asked for.
static void announce_mode(const struct efi_mode *wanted) {
    const struct efi_mode *mode = firmware.ready ? firmware.mode : wanted;
    event("efi.mode", "mode=%s svam=%s regions=%zu bytes=%lu state=%s",
          mode ? mode->name : "none", efi_svam_name(firmware.svam),
          firmware.regions.count, efi_regions_bytes(&firmware.regions),
          firmware.aborted ? "suspect" : "sound");
}

static status_t open_firmware(struct boot_info *boot,
                              const struct efi_mode *wanted) {
    struct efi_map_view view = efi_map_of(&boot->efi);
    TRY(efi_regions_read(&view, &firmware.regions));
    if (boot->svam)
        TRY(adopt_mode(boot, wanted));
    else
        choose_mode(boot, wanted);
    firmware.svam = boot->svam ? SVAM_INHERITED : SVAM_NEVER;
    TRY(read_tables(boot));
    if (!boot->svam)
        TRY(firmware.mode->place(&firmware.regions));
    TRY(efi_quirks_check(firmware.setup.firmware_vendor_pa, physical_read));
    firmware.missing_services = read_missing_services(boot);
    return enter_mode(boot);
}

// Nothing else can be called: the firmware is as good as not there.
static void close_firmware(void) {
    firmware.ready = false;
    firmware.svam = SVAM_REFUSED;
    memset(firmware.service, 0, sizeof(firmware.service));
}

status_t efi_check_answers(void) {
    status_t status =
        efi_quirks_check(firmware.setup.firmware_vendor_pa, physical_read);
    if (status)
        close_firmware();
    return status;
}

// Nothing was looked at but what was passed on: so that is what is said.
static status_t explain_absence(const struct boot_info *boot) {
    if (boot->handoff_status)
        return fail(STATUS_NOT_FOUND, "no EFI system table was accepted: %s",
                    boot->handoff_why);
    return fail(STATUS_NOT_FOUND, "no EFI system table: %s",
                boot->via == VIA_MULTIBOOT2
                    ? "the loader passed none on (multiboot2 tag 12)"
                    : "the kernel before this one passed none on "
                      "(boot_params.efi_info)");
}

status_t efi_start(struct boot_info *boot, const struct efi_mode *wanted) {
    firmware.memory = &boot->memory;
    firmware.aborted = boot->has_handoff ? boot->handoff.aborted : 0;
    if (boot->efi.system_table_pa == 0)
        return explain_absence(boot);
    status_t status = open_firmware(boot, wanted);
    firmware.ready = status == STATUS_OK;
    if (firmware.ready) {
        announce_firmware(boot);
        announce_regions();
    } else {
        close_firmware();
    }
    announce_mode(wanted);
    return status;
}
