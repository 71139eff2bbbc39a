// The handoff that a Linux has preserved for the Baton after it: Baton's nodes,
// as a block of their own in a reserved page (kexec/linux/departure.c).

#include "boot/node.h"
#include "kexec/linux/linux.h"
#include "lib/options.h"
#include "lib/string.h"

ROW(options, preserved) = {
    .key = PRESERVED_WORD,
    .help = "where a Linux in between kept the handoff: a Baton adds it"};

// Linux drops our nodes but keeps the page with copies, since e820 says that it
// is reserved, and the word on the command line that says where it is.
static status_t find(const struct sender *from, struct boot_info *boot) {
    pa_t pa = 0;
    char text[32];
    if (!option_get(boot->command_line, PRESERVED_WORD, text, sizeof(text)) ||
        !sender_is_linux(from))
        return STATUS_OK;
    if (!option_parse_number(text, &pa))
        return fail(STATUS_INVALID,
                    "handoff: " PRESERVED_WORD "=%s is no address", text);
    const struct memory_range *range = memory_map_find(&boot->memory, pa);
    if (!range || range->kind != MEMORY_RESERVED || range->end - pa < PAGE_SIZE)
        return fail(STATUS_REFUSED,
                    "handoff: " PRESERVED_WORD "=%#lx is no reserved memory: "
                    "what was there was not preserved",
                    pa);
    boot->through_linux = true;
    TRY(handoff_check(from, pa, pa, boot));
    return nodes_read(from, pa, true, boot);
}

ROW(nodes, 80_preserved) = {.find = find};
