// Nodes, read and written by rows: see the header.

#include "boot/node.h"

#include "lib/string.h"

#define ALIGNMENT 16

// ---- writing

status_t block_put(struct block_writer *to, const void *data, uint64_t bytes,
                   pa_t *pa) {
    uint64_t start = align_up(to->used, ALIGNMENT);
    *pa = to->block_pa + start;
    if (start > to->room || bytes > to->room - start)
        return fail(STATUS_NO_MEMORY,
                    "handoff: %lu bytes more than %lu do not fit into %lu",
                    bytes, start, to->room);
    memcpy(to->block + start, data, bytes);
    to->used = start + bytes;
    return STATUS_OK;
}

_Static_assert(sizeof(struct setup_data) % ALIGNMENT == 0,
               "a payload follows right behind the head of its node");

status_t node_write(struct block_writer *to, uint32_t type, const void *payload,
                    uint32_t bytes) {
    struct setup_data head = {0, type, bytes};
    pa_t head_pa, payload_pa;
    TRY(block_put(to, &head, sizeof(head), &head_pa));
    TRY(block_put(to, payload, bytes, &payload_pa));
    memcpy(to->link, &head_pa, sizeof(head_pa));
    to->link = to->block + (head_pa - to->block_pa) +
               offsetof(struct setup_data, next);
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

const void *sender_read(const struct sender *from, pa_t pa, uint64_t bytes) {
    bool inside = pa >= from->start_pa && pa <= from->end_pa &&
                  bytes <= from->end_pa - pa;
    return inside ? from->read(pa, bytes) : NULL;
}

static status_t read_node(const struct sender *from,
                          const struct setup_data *node, pa_t payload_pa,
                          struct boot_info *boot) {
    FOR_EACH_ROW(nodes, row) {
        if (row->type != node->type || !row->read)
            continue;
        const void *payload = sender_read(from, payload_pa, node->len);
        if (!payload)
            return fail(STATUS_REFUSED,
                        "handoff: node of type %#x at %#lx has %u bytes, which "
                        "are not in memory",
                        node->type, payload_pa, node->len);
        return row->read(payload, node->len, boot);
    }
    return STATUS_OK;
}

status_t nodes_read(const struct sender *from, pa_t first_pa,
                    bool (*wanted)(uint32_t type), struct boot_info *boot) {
    pa_t pa = first_pa;
    for (unsigned i = 0; pa != 0; i++) {
        struct setup_data node; // a copy: a chain need not be aligned
        const void *found = sender_read(from, pa, sizeof(node));
        if (!found || i == SETUP_NODES_MAX)
            return fail(STATUS_REFUSED,
                        "handoff: setup_data at %#lx is not in memory, or the "
                        "chain goes on after %u nodes",
                        pa, i);
        memcpy(&node, found, sizeof(node));
        if (!wanted || wanted(node.type))
            TRY(read_node(from, &node, pa + sizeof(node), boot));
        pa = node.next;
    }
    return STATUS_OK;
}

void firmware_refuse(struct boot_info *boot, status_t status) {
    boot->handoff_status = status;
    str_copy(boot->handoff_why, sizeof(boot->handoff_why), why());
}

void handoff_drop(struct boot_info *boot, status_t status) {
    memset(&boot->efi, 0, sizeof(boot->efi));
    memset(&boot->efi_setup, 0, sizeof(boot->efi_setup));
    memset(&boot->handoff, 0, sizeof(boot->handoff));
    memset(&boot->screen, 0, sizeof(boot->screen));
    boot->has_efi_setup = boot->has_handoff = boot->through_linux = false;
    firmware_refuse(boot, status);
}
