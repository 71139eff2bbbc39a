// Which memory is there, if the handoff may be damaged anywhere?
//
// A Baton's handoff has three witnesses: the list in boot_params, a copy of the
// list behind boot_params, and the CRC that the list had when it was sent. Any
// two of them that agree settle it, so damage in one place is harmless whatever
// its extent. If all three differ, memory counts only where both lists say the
// same of it; the rest is MEMORY_LOST. Linux sends one list and no CRC.

#include "boot/damage/account.h"

#include "boot/e820.h"
#include "lib/crc32.h"
#include "lib/log.h"
#include "lib/string.h"

// Less free memory than this above the first MiB cannot hold the page tables
// and stacks of a kernel.
#define ENOUGH_BYTES (4 * MIB)

static void begin(struct account *account, const struct handoff_needs *needs) {
    account->needs = *needs;
    account->crc = crc32(0, needs, sizeof(*needs));
    account->memory.count = 0;
}

// Adds entries that need not be aligned. INVALID: one passes 2^64; it is left
// out, the others are added.
static status_t add(struct account *account, const void *entries,
                    size_t count) {
    status_t status = STATUS_OK;
    struct boot_e820_entry entry;
    account->crc = crc32(account->crc, entries, count * sizeof(entry));
    for (size_t i = 0; i < count; i++) {
        memcpy(&entry, (const uint8_t *)entries + i * sizeof(entry),
               sizeof(entry));
        enum memory_kind kind =
            entry.type == E820_KEPT ? MEMORY_KEPT : e820_kind(entry.type);
        status_t added =
            memory_map_add(&account->memory, entry.addr, entry.size, kind);
        status = status ? status : added;
    }
    return status;
}

// ---- the list in boot_params, which goes on in SETUP_E820_EXT

static status_t read_extension(const struct sender *from, pa_t pa,
                               uint32_t bytes, void *account) {
    const void *entries = sender_read(from, pa, bytes);
    if (!entries)
        return fail(STATUS_INVALID,
                    "boot_params: %u bytes of e820 entries at %#lx are not in "
                    "memory",
                    bytes, pa);
    return add(account, entries, bytes / sizeof(struct boot_e820_entry));
}

static status_t read_first(const struct sender *from, struct account *account) {
    static const struct node_reader readers[] = {
        {SETUP_E820_EXT, read_extension}};
    const struct boot_params *params = from->params;
    struct handoff_needs needs = handoff_needs_of(params);
    begin(account, &needs);
    if (params->e820_entries > E820_MAX_ENTRIES_ZEROPAGE)
        return fail(STATUS_INVALID,
                    "boot_params: %u e820 entries; there is room for %u",
                    params->e820_entries, E820_MAX_ENTRIES_ZEROPAGE);
    TRY(add(account, params->e820_table, params->e820_entries));
    status_t status =
        sender_read_nodes(from, readers, ARRAY_SIZE(readers), account);
    return status == STATUS_REFUSED ? STATUS_OK : status; // told later
}

// ---- the copy

// Returns the CRC that the list had when it was sent.
static uint32_t read_second(const struct sender *from,
                            struct account *account) {
    struct handoff_account head = {0}; // a copy: it may lie anywhere
    pa_t pa = from->params_pa + HANDOFF_ACCOUNT_AT;
    const void *found = sender_read(from, pa, sizeof(head));
    if (found)
        memcpy(&head, found, sizeof(head));
    begin(account, &head.needs);
    uint64_t count = min_u64(head.count, MEMORY_MAP_MAX);
    const void *entries =
        sender_read(from, pa + sizeof(head), count * sizeof(head.entry[0]));
    if (entries)
        (void)add(account, entries, count);
    return head.crc;
}

// ---- both

static uint64_t equal_or_zero(uint64_t a, uint64_t b) {
    return a == b ? a : 0;
}

static void agree(const struct account *a, const struct account *b,
                  struct account *both) {
    both->needs = (struct handoff_needs){
        equal_or_zero(a->needs.command_line_pa, b->needs.command_line_pa),
        equal_or_zero(a->needs.bundle_pa, b->needs.bundle_pa),
        equal_or_zero(a->needs.bundle_bytes, b->needs.bundle_bytes),
        equal_or_zero(a->needs.rsdp_pa, b->needs.rsdp_pa)};
    memory_map_agree(&a->memory, &b->memory, &both->memory);
}

static uint64_t free_above_low_memory(const struct memory_map *memory) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < memory->count; i++)
        if (memory->range[i].kind == MEMORY_USABLE &&
            memory->range[i].end > MIB)
            bytes +=
                memory->range[i].end - max_u64(memory->range[i].start, MIB);
    return bytes;
}

status_t account_read(const struct sender *from, struct account *account) {
    static struct account first, second;
    status_t status = read_first(from, &first);
    *account = first;
    if (sender_is_linux(from))
        return status;
    uint32_t crc = read_second(from, &second);
    if (first.crc == crc && second.crc == crc)
        return STATUS_OK;
    if (second.crc == crc)
        *account = second;
    else if (first.crc != crc && first.crc != second.crc)
        agree(&first, &second, account);
    uint64_t bytes = free_above_low_memory(&account->memory);
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
