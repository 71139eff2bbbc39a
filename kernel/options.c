// Reads the command line: one row per word that an option may have.

#include "kernel/options.h"

#include "lib/options.h"
#include "lib/string.h"
#include "lib/x86.h"

#define LIVES_DEFAULT 3
#define LIVES_MAX     1000000
#define MODE_DEFAULT  "fixed"

static status_t read_mode(const char *line, struct options *options) {
    char name[32] = MODE_DEFAULT;
    option_get(line, "efi", name, sizeof(name));
    options->call_firmware = !str_equal(name, "off");
    options->mode = efi_mode_find(name);
    if (options->call_firmware && !options->mode)
        return fail(STATUS_INVALID, "efi=%s is no mode; known are: %s, off",
                    name, efi_mode_names());
    return STATUS_OK;
}

static status_t read_end(const char *line, struct options *options) {
    static const char *const words[] = {
        [END_SHUTDOWN] = "shutdown", [END_EXIT] = "exit", [END_HALT] = "halt"};
    char word[16] = "halt";
    option_get(line, "end", word, sizeof(word));
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (str_equal(words[i], word)) {
            options->end = i;
            return STATUS_OK;
        }
    }
    options->end = END_HALT;
    return fail(STATUS_INVALID, "end=%s: known are shutdown, exit, halt", word);
}

status_t options_read(const char *line, struct options *options) {
    char word[8] = "off";
    *options = (struct options){.lives = LIVES_DEFAULT};
    option_get(line, "crash", options->crash, sizeof(options->crash));
    option_get(line, "selftest", word, sizeof(word));
    options->selftest = str_equal(word, "on");
    status_t status = read_end(line, options);
    if (status == STATUS_OK)
        status = option_number(line, "lives", 1, LIVES_MAX, LIVES_DEFAULT,
                               &options->lives);
    if (status == STATUS_OK)
        status = option_number(line, "seed", 1, UINT64_MAX, read_tsc(),
                               &efi_table_seed);
    status_t mode_status = read_mode(line, options);
    return status ? status : mode_status;
}
