// Where the memory attributes come from. Their table lies in boot-services
// memory, which later generations reuse: so generation 0 reads the table, and
// each later one is handed a copy of the rows.

#include "boot/node.h"
#include "efi/config/config.h"
#include "efi/firmware.h"
#include "efi/protect/attributes.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/space.h"

#define NODE_ATTRIBUTES NODE_TYPE('M')

struct efi_attributes memory_attributes;
static struct efi_attributes *const ours = &memory_attributes;

static struct handoff_attribute inherited[ATTRIBUTES_MAX];
static size_t inherited_count;

static status_t read_node(const void *payload, uint32_t bytes,
                          struct boot_info *boot) {
    (void)boot;
    return node_read_rows("memory attributes", payload, bytes, inherited,
                          sizeof(inherited[0]), ATTRIBUTES_MAX,
                          &inherited_count);
}

// A kernel that did not use the firmware passes on what it was given.
static status_t write_node(struct block_writer *to,
                           const struct handoff_content *content) {
    (void)content;
    const void *rows = firmware->ready ? ours->row : inherited;
    size_t count = firmware->ready ? ours->count : inherited_count;
    if (count == 0)
        return STATUS_OK;
    return node_write(to, NODE_ATTRIBUTES, rows, count * sizeof(inherited[0]));
}

ROW(nodes, 50_attributes) = {NODE_ATTRIBUTES, read_node, write_node};

// 0: the firmware has no such table.
static status_t find_table(pa_t *table_pa) {
    struct efi_config_list list = efi_config_list();
    *table_pa = 0;
    if (list.count && !efi_config_readable(&list, physical_read))
        return fail(STATUS_REFUSED, "configuration tables: %s", why());
    *table_pa = efi_config_pa(&efi_guid_memory_attributes);
    return STATUS_OK;
}

static status_t take(const struct boot_info *boot) {
    pa_t table_pa;
    if (boot->has_handoff) {
        ours->count = inherited_count;
        memcpy(ours->row, inherited, sizeof(inherited));
        return efi_attributes_check(ours, &firmware->regions);
    }
    TRY(find_table(&table_pa));
    return table_pa ? efi_attributes_read(table_pa, &firmware->regions, ours,
                                          physical_read)
                    : STATUS_OK;
}

void efi_attributes_take(const struct boot_info *boot) {
    str_copy(ours->absence, sizeof(ours->absence),
             boot->has_handoff ? "no memory attributes were handed on"
                               : "no Memory Attributes Table");
    if (take(boot) == STATUS_OK)
        return;
    say("efi: memory attributes ignored: %s", why());
    ours->absence[0] = '\0';
    append(ours->absence, sizeof(ours->absence), "ignored: %s", why());
    ours->count = 0;
}
