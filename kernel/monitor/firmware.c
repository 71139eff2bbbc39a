// The firmware: its tables and regions. Commands that call its services are in
// efi/services/commands.c.

#include "efi/firmware.h"
#include "efi/tables.h"
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
    static const struct efi_guid acpi_1 =
        EFI_GUID(eb9d2d30, 2d88, 11d3, 9a16, 0090273fc14d);
    static const struct efi_guid runtime_properties =
        EFI_GUID(eb66918a, 7eef, 402a, 842e, 931d21c38ae9);
    static const struct efi_guid smbios_3 =
        EFI_GUID(f2fd1544, 9794, 4a2c, 992e, e5bbcf20e394);
    static const struct {
        const struct efi_guid *guid;
        const char *name;
    } known[] = {
        {&efi_guid_acpi, "ACPI 2.0"},
        {&acpi_1, "ACPI 1.0"},
        {&efi_guid_smbios, "SMBIOS"},
        {&smbios_3, "SMBIOS 3"},
        {&efi_guid_memory_attributes, "Memory Attributes"},
        {&runtime_properties, "Runtime Properties"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (efi_guid_equal(known[i].guid, guid))
            return known[i].name;
    return "";
}

COMMAND(efi_tables, .name = "efi tables",
        .help = "the firmware's tables and services") {
    char guid[GUID_TEXT];
    const struct efi_config_table *config =
        efi_config_tables(firmware->setup.config_tables_pa,
                          firmware->config_table_count, physical_read);
    TRY(need_firmware());
    print("  system table   %#lx", firmware->system_table_pa);
    print("  runtime table  %#lx, with its services at",
          firmware->runtime_table_pa);
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        print("    %-26s %#lx", efi_service_name(i), firmware->service[i]);
    print("  configuration  %#lx, with these tables",
          firmware->setup.config_tables_pa);
    for (size_t i = 0; config && i < firmware->config_table_count; i++) {
        guid_text(&config[i].vendor, guid);
        print("    %s %#12lx  %s", guid, config[i].table_pa,
              table_name(&config[i].vendor));
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
