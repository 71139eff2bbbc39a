// Reads the command line: one row per word that an option may have.

#include "kernel/options.h"

#include "lib/log.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/x86.h"

#define LIVES_DEFAULT 3
#define LIVES_MAX     1000000
#define MODE_DEFAULT  "fixed"

// lives= is a number, or it names the mode of each generation.
static status_t read_lives(const char *line, struct options *options,
                           char *mode, size_t size) {
    char first[2] = "";
    option_get(line, "lives", first, sizeof(first));
    if (first[0] >= 'a')
        return option_list(line, "lives", log_output.generation, LIVES_MAX,
                           mode, size, &options->lives);
    option_get(line, "efi", mode, size);
    return option_number(line, "lives", 1, LIVES_MAX, LIVES_DEFAULT,
                         &options->lives);
}

static status_t find_mode(const char *name, struct options *options) {
    options->call_firmware = !str_equal(name, "off");
    options->mode = efi_mode_find(name);
    if (options->call_firmware && !options->mode)
        return fail(STATUS_INVALID, "efi=%s is no mode; known are: %s, off",
                    name, efi_mode_names());
    return STATUS_OK;
}

static status_t read_end(const char *line, struct options *options) {
    static const char *const words[] = {[END_SHUTDOWN] = "shutdown",
                                        [END_EXIT] = "exit",
                                        [END_MONITOR] = "monitor"};
    char word[16] = "monitor";
    option_get(line, "end", word, sizeof(word));
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (str_equal(words[i], word)) {
            options->end = i;
            return STATUS_OK;
        }
    }
    options->end = END_MONITOR;
    return fail(STATUS_INVALID, "end=%s: known are shutdown, exit, monitor",
                word);
}

status_t options_read(const char *line, struct options *options) {
    char word[8] = "off", mode[32] = MODE_DEFAULT;
    *options = (struct options){.lives = LIVES_DEFAULT};
    option_get(line, "crash", options->crash, sizeof(options->crash));
    option_get(line, "selftest", word, sizeof(word));
    options->selftest = str_equal(word, "on");
    status_t status = read_end(line, options);
    if (status == STATUS_OK)
        status = read_lives(line, options, mode, sizeof(mode));
    if (status == STATUS_OK)
        status = option_number(line, "seed", 1, UINT64_MAX, read_tsc(),
                               &efi_table_seed);
    status_t mode_status = find_mode(mode, options);
    return status ? status : mode_status;
}
