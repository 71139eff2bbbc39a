// Which memory is there, if the handoff is damaged?
//
// A Baton's handoff has three witnesses: the list of memory, a copy of the list
// at a fixed place, and the CRC that the list had when it was sent. Any two of
// them that agree settle it, so damage in one of them is harmless whatever its
// extent. If all three differ, memory counts only where both lists agree; the
// rest is MEMORY_LOST.

#include "boot/damage/account.h"

#include "lib/crc32.h"
#include "lib/log.h"
#include "lib/string.h"

// Less free memory than this above the first MiB cannot hold the page tables
// and stacks of a kernel.
#define ENOUGH_BYTES (4 * MIB)

#define COPY_BYTES sizeof(struct handoff_memory)

struct account {
    uint32_t crc; // of the payload that it was read from
    struct handoff_needs needs;
    struct memory_map memory;
};

// What is impossible in a list is left out: two lists will not agree on it.
static void read_account(const void *payload, uint32_t bytes,
                         struct account *account) {
    memset(account, 0, sizeof(*account));
    account->crc = crc32(0, payload, bytes);
    (void)handoff_memory_read(payload, bytes, &account->needs,
                              &account->memory);
}

// The list itself: the chain of nodes is walked as far as it goes.
static void read_first(const uint8_t *block, struct account *account) {
    struct node_head head;
    uint64_t at = HANDOFF_SECOND_AT;
    memset(account, 0, sizeof(*account));
    for (; at + sizeof(head) <= HANDOFF_BLOCK_MAX;
         at += align_up(head.bytes, NODE_ALIGNMENT)) {
        memcpy(&head, block + at, sizeof(head));
        at += sizeof(head);
        if (head.type == NODE_MEMORY && head.bytes <= HANDOFF_BLOCK_MAX - at) {
            read_account(block + at, head.bytes, account);
            return;
        }
    }
}

// The copy. Returns the CRC that the list had when it was sent.
static uint32_t read_second(const uint8_t *block, struct account *account) {
    const uint8_t *at = block + HANDOFF_SECOND_AT + sizeof(struct node_head);
    uint32_t head[2];
    memcpy(head, at, sizeof(head));
    read_account(at + sizeof(head), min_u64(head[1], COPY_BYTES), account);
    return head[0];
}

// ---- both

static uint64_t equal_or_zero(uint64_t a, uint64_t b) {
    return a == b ? a : 0;
}

static void agree(const struct account *a, const struct account *b,
                  struct account *both) {
    both->needs = (struct handoff_needs){
        equal_or_zero(a->needs.rsdp_pa, b->needs.rsdp_pa),
        equal_or_zero(a->needs.bundle_pa, b->needs.bundle_pa),
        equal_or_zero(a->needs.bundle_bytes, b->needs.bundle_bytes)};
    memory_agree(&a->memory, &b->memory, &both->memory);
}

static void take(const struct account *account, struct boot_info *boot) {
    boot->memory = account->memory;
    boot->bundle_pa = account->needs.bundle_pa;
    boot->bundle_bytes = account->needs.bundle_bytes;
    boot->rsdp_pa = account->needs.rsdp_pa;
}

static void read_command_line(const uint8_t *block, struct boot_info *boot) {
    const char *line = (const char *)block + HANDOFF_COMMAND_LINE_AT;
    if (strnlen(line, COMMAND_LINE_MAX) < COMMAND_LINE_MAX)
        str_copy(boot->command_line, COMMAND_LINE_MAX, line);
}

static status_t find(pa_t pa, memory_reader read, struct boot_info *boot) {
    static struct account first, second, both;
    const uint8_t *block = read(pa, HANDOFF_BLOCK_MAX);
    if (!block)
        return STATUS_OK;
    read_command_line(block, boot);
    read_first(block, &first);
    uint32_t crc = read_second(block, &second);
    const struct account *sound = first.crc == crc || first.crc == second.crc
                                      ? &first
                                  : second.crc == crc ? &second
                                                      : &both;
    if (sound == &both)
        agree(&first, &second, &both);
    take(sound, boot);
    uint64_t bytes = memory_map_bytes(&boot->memory, MEMORY_USABLE, MIB);
    if (first.crc != crc || second.crc != crc)
        say("boot: memory is listed twice, with CRC %#x and %#x, which was %#x "
            "when sent: %lu KiB are beyond doubt",
            first.crc, second.crc, crc, bytes / KIB);
    if (bytes >= ENOUGH_BYTES)
        return STATUS_OK;
    return fail(STATUS_INVALID,
                "handoff: two lists of memory agree on %lu KiB of free memory, "
                "which is too little",
                bytes / KIB);
}

// ---- the node

static status_t write(struct block_writer *to,
                      const struct handoff_content *content) {
    static struct handoff_account account;
    if (!content->memory)
        return STATUS_OK;
    const void *memory = handoff_memory_of(content, &account.bytes);
    memcpy(&account.copy, memory, account.bytes);
    account.crc = crc32(0, memory, account.bytes);
    return node_write(to, NODE_ACCOUNT, &account,
                      offsetof(struct handoff_account, copy) + account.bytes);
}

ROW(nodes, 10_account) = {NODE_ACCOUNT, NULL, write};

// What no other reader knows is taken for a Baton's block that is damaged.
ROW(unsealed, 90_damage) = {find};
