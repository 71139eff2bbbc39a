// Which memory is there, if the handoff is damaged?
//
// A Baton's handoff has three witnesses: the list in boot_params, a copy of the
// list in a node at a fixed place, and the CRC that the list had when it was
// sent. Any two of them that agree settle it, so damage in one place is
// harmless whatever its extent. If all three differ, memory counts only where
// both lists agree; the rest is MEMORY_LOST.

#include "boot/damage/account.h"

#include "boot/e820.h"
#include "lib/crc32.h"
#include "lib/log.h"
#include "lib/string.h"

// Less free memory than this above the first MiB cannot hold the page tables
// and stacks of a kernel.
#define ENOUGH_BYTES (4 * MIB)

#define ACCOUNT_AT (HANDOFF_NODES_AT + sizeof(struct setup_data))

struct account {
    uint32_t crc; // as struct handoff_account defines it
    struct account_needs needs;
    struct memory_map memory;
};

static void begin(struct account *account, const struct account_needs *needs) {
    account->needs = *needs;
    account->crc = crc32(0, needs, sizeof(*needs));
    account->memory.count = 0;
}

// What is impossible in a list is left out: two lists will not agree on it.
static void add(struct account *account, const void *entries, size_t count) {
    account->crc =
        crc32(account->crc, entries, count * sizeof(struct boot_e820_entry));
    (void)e820_add(entries, count, &account->memory);
}

// ---- the list in boot_params, which goes on in SETUP_E820_EXT

static struct account_needs needs_of(const struct boot_params *params) {
    const struct setup_header *hdr = &params->hdr;
    return (struct account_needs){
        sender_join(params->ext_ramdisk_image, hdr->ramdisk_image),
        sender_join(params->ext_ramdisk_size, hdr->ramdisk_size),
        params->acpi_rsdp_addr};
}

static void read_extension(const struct sender *from,
                           const struct setup_data *node, pa_t payload_pa,
                           struct account *account) {
    const void *entries = node->type == SETUP_E820_EXT
                              ? sender_read(from, payload_pa, node->len)
                              : NULL;
    if (entries)
        add(account, entries, node->len / sizeof(struct boot_e820_entry));
}

static void read_first(const struct sender *from, struct account *account) {
    const struct boot_params *params = from->params;
    struct account_needs needs = needs_of(params);
    begin(account, &needs);
    add(account, params->e820_table,
        min_u64(params->e820_entries, E820_MAX_ENTRIES_ZEROPAGE));
    pa_t pa = params->hdr.setup_data;
    for (unsigned i = 0; pa && i < SETUP_NODES_MAX; i++) {
        struct setup_data node;
        const void *found = sender_read(from, pa, sizeof(node));
        if (!found)
            return;
        memcpy(&node, found, sizeof(node));
        read_extension(from, &node, pa + sizeof(node), account);
        pa = node.next;
    }
}

// ---- the copy

// Returns the CRC that the list had when it was sent.
static uint32_t read_second(const struct sender *from,
                            struct account *account) {
    struct handoff_account head = {0}; // a copy: it may lie anywhere
    pa_t pa = from->start_pa + ACCOUNT_AT;
    const void *found = sender_read(from, pa, sizeof(head));
    if (found)
        memcpy(&head, found, sizeof(head));
    begin(account, &head.needs);
    uint64_t count = min_u64(head.count, MEMORY_MAP_MAX);
    const void *entries =
        sender_read(from, pa + sizeof(head), count * sizeof(head.entry[0]));
    if (entries)
        add(account, entries, count);
    return head.crc;
}

// ---- both

static uint64_t equal_or_zero(uint64_t a, uint64_t b) {
    return a == b ? a : 0;
}

static void agree(const struct account *a, const struct account *b,
                  struct account *both) {
    both->needs = (struct account_needs){
        equal_or_zero(a->needs.bundle_pa, b->needs.bundle_pa),
        equal_or_zero(a->needs.bundle_bytes, b->needs.bundle_bytes),
        equal_or_zero(a->needs.rsdp_pa, b->needs.rsdp_pa)};
    memory_agree(&a->memory, &b->memory, &both->memory);
}

static void take(const struct account *account, struct boot_info *boot) {
    boot->memory = account->memory;
    boot->bundle_pa = account->needs.bundle_pa;
    boot->bundle_bytes = account->needs.bundle_bytes;
    boot->rsdp_pa = account->needs.rsdp_pa;
}

static status_t find(const struct sender *from, struct boot_info *boot) {
    static struct account first, second, both;
    read_first(from, &first);
    uint32_t crc = read_second(from, &second);
    const struct account *sound = first.crc == crc || first.crc == second.crc
                                      ? &first
                                  : second.crc == crc ? &second
                                                      : &both;
    if (sound == &both)
        agree(&first, &second, &both);
    take(sound, boot);
    if (first.crc == crc && second.crc == crc)
        return STATUS_OK;
    uint64_t bytes = memory_map_bytes_above(&boot->memory, MEMORY_USABLE, MIB);
    say("boot: memory is listed twice, with CRC %#x and %#x, which was %#x "
        "when sent: %lu KiB are beyond doubt",
        first.crc, second.crc, crc, bytes / KIB);
    if (bytes >= ENOUGH_BYTES)
        return STATUS_OK;
    return fail(STATUS_INVALID,
                "boot_params of a loader of type %#x: two lists of memory "
                "agree on %lu KiB of free memory, which is too little",
                from->params->hdr.type_of_loader, bytes / KIB);
}

// ---- the node

static status_t write(struct block_writer *to,
                      const struct handoff_content *content) {
    static union {
        struct handoff_account head;
        uint8_t room[sizeof(struct handoff_account) +
                     MEMORY_MAP_MAX * sizeof(struct boot_e820_entry)];
    } account;
    if (!content->memory)
        return STATUS_OK;
    struct handoff_account *head = &account.head;
    uint32_t bytes = content->entries * sizeof(head->entry[0]);
    head->count = content->entries;
    head->needs = (struct account_needs){
        content->bundle_pa, content->bundle_bytes, content->rsdp_pa};
    memcpy(head->entry, content->entry, bytes);
    head->crc = crc32(0, &head->needs, sizeof(head->needs) + bytes);
    return node_write(to, SETUP_ACCOUNT, head, sizeof(*head) + bytes);
}

ROW(nodes, 00_account) = {SETUP_ACCOUNT, NULL, write};

// What no other reader knows is taken for a Baton's block that is damaged.
ROW(unsealed, 90_damage) = {find};
