// When the EFI_RT_PROPERTIES_TABLE is read: generation 0 finds it by its GUID,
// and later ones are handed its content.

#include "boot/node.h"
#include "efi/config/config.h"
#include "efi/firmware.h"
#include "efi/open.h"
#include "efi/services/properties.h"
#include "lib/log.h"
#include "mm/space.h"

#define NODE_LACKING NODE_TYPE('R')

static uint32_t inherited;

static status_t read_node(const void *payload, uint32_t bytes,
                          struct boot_info *boot) {
    size_t count;
    (void)boot;
    return node_read_rows("missing services", payload, bytes, &inherited,
                          sizeof(inherited), 1, &count);
}

// A kernel that did not use the firmware passes on what it was given.
static status_t write_node(struct block_writer *to,
                           const struct handoff_content *content) {
    uint32_t lacking = firmware->ready ? proof_lacking : inherited;
    (void)content;
    if (lacking == 0)
        return STATUS_OK;
    return node_write(to, NODE_LACKING, &lacking, sizeof(lacking));
}

ROW(nodes, 60_properties) = {NODE_LACKING, read_node, write_node};

static void read_table(void) {
    pa_t pa = efi_config_pa(&efi_guid_runtime_properties);
    if (efi_missing_services(pa, physical_read, &proof_lacking))
        say("efi: runtime properties ignored: %s", why());
}

static status_t read_properties(struct boot_info *boot) {
    if (boot->via == VIA_MULTIBOOT2)
        read_table();
    else if (boot->has_handoff)
        proof_lacking = inherited;
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        if (firmware->runtime.service[i] == 0)
            proof_lacking |= 1u << i;
    return STATUS_OK;
}

ROW(openings, 30_properties) = {OPENING_MAPPED, read_properties};
