// The handoff that a Linux preserves for the Baton after it.
//
// Linux drops Baton's nodes. But it keeps a page with copies of them, since
// e820 marks it as reserved, and a word on the command line that has its
// address.

#include "kexec/handoff.h"
#include "kexec/linux/linux.h"
#include "lib/options.h"

ROW(options, preserved) = {
    .key = PRESERVED_WORD,
    .help = "address of the handoff preserved by a Linux: added by Baton"};

status_t linux_preserve(const struct handoff_content *content, void *page,
                        pa_t page_pa) {
    struct handoff *sealed;
    uint64_t first_pa;
    struct block_writer to = {page, page_pa, PAGE_SIZE, 0, &first_pa};
    TRY(handoff_write_nodes(&to, content, &sealed));
    to.used = PAGE_SIZE;
    handoff_seal(&to, sealed);
    return STATUS_OK;
}

static status_t check_page(const struct memory_map *memory, pa_t pa) {
    const struct memory_range *range = memory_map_find(memory, pa);
    if (range && range->kind == MEMORY_RESERVED && range->end - pa >= PAGE_SIZE)
        return STATUS_OK;
    return fail(STATUS_REFUSED,
                "handoff: " PRESERVED_WORD
                "=%#lx is not reserved memory: it was not preserved",
                pa);
}

status_t linux_preserved(const struct sender *from, struct boot_info *boot) {
    pa_t pa = 0;
    char text[32];
    if (!option_get(boot->command_line, PRESERVED_WORD, text, sizeof(text)))
        return STATUS_OK;
    if (!option_parse_number(text, &pa))
        return fail(STATUS_INVALID,
                    "handoff: " PRESERVED_WORD "=%s is no address", text);
    TRY(check_page(&boot->memory, pa));
    struct sender page = {from->read, from->params, pa, pa + PAGE_SIZE};
    TRY(handoff_check(&page, sizeof(struct setup_data), boot));
    TRY(nodes_read(&page, pa, NULL, boot));
    boot->through_linux = true;
    boot->generation = boot->handoff.generation;
    return STATUS_OK;
}
