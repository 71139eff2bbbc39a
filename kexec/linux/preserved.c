// The handoff that a Linux preserves for the Baton after it.
//
// Linux knows nothing of a handoff. But it keeps the memory that has one, since
// e820 marks it as reserved, and a word on the command line that has its
// address.

#include "boot/node.h"
#include "kexec/linux/linux.h"
#include "lib/options.h"

ROW(options, preserved) = {
    .key = PRESERVED_WORD,
    .help = "address of the handoff preserved by a Linux: added by Baton"};

static status_t check_page(const struct memory_map *memory, pa_t pa) {
    pa_t end;
    if (memory_map_kind_at(memory, pa, &end) == MEMORY_RESERVED &&
        end - pa >= PAGE_SIZE)
        return STATUS_OK;
    return fail(STATUS_REFUSED,
                "handoff: " PRESERVED_WORD
                "=%#lx is not reserved memory: it was not preserved",
                pa);
}

status_t linux_preserved(memory_reader read, struct boot_info *boot) {
    pa_t pa = 0;
    char text[32];
    if (!option_get(boot->command_line, PRESERVED_WORD, text, sizeof(text)))
        return STATUS_OK;
    if (!option_parse_number(text, &pa))
        return fail(STATUS_INVALID,
                    "handoff: " PRESERVED_WORD "=%s is no address", text);
    TRY(check_page(&boot->memory, pa));
    TRY(handoff_take(pa, read, boot));
    boot->through_linux = true;
    boot->generation = boot->handoff.generation;
    if (boot->efi.system_table_pa)
        boot->svam = BOOT_SVAM_BATON;
    return STATUS_OK;
}
