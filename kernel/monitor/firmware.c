// The firmware: its tables and regions. Commands that call its services are in
// efi/services/commands.c.

#include "efi/firmware.h"
#include "efi/config/config.h"
#include "kernel/monitor/monitor.h"
#include "lib/format.h"
#include "mm/space.h"

status_t need_firmware(void) {
    if (firmware->ready)
        return STATUS_OK;
    return fail(STATUS_UNSUPPORTED,
                "this generation does not call the firmware: SVAM %s; "
                "@refused in the log may say why",
                efi_svam_name(firmware_svam()));
}

void guid_text(const struct efi_guid *g, char text[GUID_TEXT]) {
    format(text, GUID_TEXT, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x",
           g->a, g->b, g->c, g->d[0], g->d[1], g->d[2], g->d[3], g->d[4],
           g->d[5], g->d[6], g->d[7]);
}

static const char *table_name(const struct efi_guid *guid) {
    static const struct efi_guid acpi_1 = {
        0xeb9d2d30,
        0x2d88,
        0x11d3,
        {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
    static const struct {
        const struct efi_guid *guid;
        const char *name;
    } known[] = {
        {&efi_guid_acpi, "ACPI 2.0"},
        {&acpi_1, "ACPI 1.0"},
        {&efi_guid_smbios, "SMBIOS"},
        {&efi_guid_smbios_3, "SMBIOS 3"},
        {&efi_guid_memory_attributes, "Memory Attributes"},
        {&efi_guid_runtime_properties, "Runtime Properties"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (efi_guid_equal(known[i].guid, guid))
            return known[i].name;
    return "";
}

COMMAND(efi_tables, .name = "efi tables",
        .help = "the firmware's tables and services") {
    char guid[GUID_TEXT];
    struct efi_config_list list = efi_config_list();
    TRY(need_firmware());
    bool is_readable = efi_config_readable(&list, physical_read);
    print("  system table   %#lx", firmware->system_table_pa);
    print("  runtime table  %#lx, with its services at",
          firmware->runtime_table_pa);
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        print("    %-26s %#lx", efi_service_name(i),
              firmware->runtime.service[i]);
    print("  configuration  %#lx, with these tables", list.pa);
    for (size_t i = 0; is_readable && i < list.count; i++) {
        struct efi_config_table table = efi_config_at(&list, i, physical_read);
        guid_text(&table.vendor, guid);
        print("    %s %#12lx  %s", guid, table.table_pa,
              table_name(&table.vendor));
    }
    return STATUS_OK;
}

COMMAND(efi_regions, .name = "efi regions",
        .help = "the firmware's memory, and its mapping") {
    TRY(need_firmware());
    for (size_t i = 0; i < firmware->regions.count; i++) {
        const struct efi_region *r = &firmware->regions.region[i];
        print("  %-20s %#12lx %#18lx %6lu pages  %#lx",
              efi_memory_type_name(r->type), r->pa, r->va, r->pages,
              r->attribute);
    }
    return STATUS_OK;
}
