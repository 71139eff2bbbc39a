// Nodes, read and written by rows: see the header.

#include "boot/node.h"

#include "lib/string.h"

// ---- writing

status_t node_write(struct block_writer *to, uint32_t type, const void *payload,
                    uint32_t bytes) {
    struct node_head head = {type, bytes};
    uint64_t all = align_up(sizeof(head) + bytes, NODE_ALIGNMENT);
    if (all > to->size - to->used)
        return fail(STATUS_NO_MEMORY,
                    "handoff: %lu bytes more than %lu do not fit into %lu", all,
                    to->used, to->size);
    memcpy(to->block + to->used, &head, sizeof(head));
    memcpy(to->block + to->used + sizeof(head), payload, bytes);
    to->used += all;
    return STATUS_OK;
}

// ---- reading

status_t node_read_rows(const char *what, const void *payload, uint32_t bytes,
                        void *rows, size_t row_bytes, size_t max,
                        size_t *count) {
    if (bytes > max * row_bytes || bytes % row_bytes != 0)
        return fail(STATUS_REFUSED,
                    "handoff: %u bytes of %s; the limit is %zu, in rows of %zu",
                    bytes, what, max * row_bytes, row_bytes);
    memcpy(rows, payload, bytes);
    *count = bytes / row_bytes;
    return STATUS_OK;
}

static status_t read_node(const struct node_head *head, const void *payload,
                          struct boot_info *boot) {
    FOR_EACH_ROW(nodes, row)
        if (row->type == head->type && row->read)
            TRY(row->read(payload, head->bytes, boot));
    return STATUS_OK;
}

status_t nodes_read(const uint8_t *block, uint32_t block_bytes,
                    struct boot_info *boot) {
    struct node_head head;
    uint64_t at = sizeof(struct handoff);
    for (; at + sizeof(head) <= block_bytes;
         at += align_up(head.bytes, NODE_ALIGNMENT)) {
        memcpy(&head, block + at, sizeof(head));
        at += sizeof(head);
        if (head.bytes > block_bytes - at)
            return fail(STATUS_REFUSED,
                        "handoff: node of type %#x at offset %#lx has %u "
                        "bytes, and the block %u in all",
                        head.type, at, head.bytes, block_bytes);
        TRY(read_node(&head, block + at, boot));
    }
    return STATUS_OK;
}

void firmware_refuse(struct boot_info *boot, status_t status) {
    boot->handoff_status = status;
    str_copy(boot->handoff_why, sizeof(boot->handoff_why), why());
}

void handoff_drop(struct boot_info *boot, status_t status) {
    memset(&boot->efi, 0, sizeof(boot->efi));
    memset(&boot->handoff, 0, sizeof(boot->handoff));
    memset(&boot->screen, 0, sizeof(boot->screen));
    boot->has_handoff = boot->through_linux = false;
    firmware_refuse(boot, status);
}
