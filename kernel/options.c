// Reads the command line: one row per word that an option may have.

#include "kernel/options.h"

#include "lib/format.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/x86.h"

#define LIVES_DEFAULT 3
#define LIVES_MAX     1000000
#define MODE_DEFAULT  "fixed"
#define CHAIN_BYTES   512

static size_t length_to_comma(const char *text) {
    size_t length = 0;
    while (text[length] && text[length] != ',')
        length++;
    return length;
}

// lives=physical,physical,fixed: one word a generation. Counts them, and copies
// ours. False: `lives` is a number, or not there.
static bool read_chain(const char *line, uint64_t *lives, char *mode,
                       size_t size) {
    char list[CHAIN_BYTES] = "";
    option_get(line, "lives", list, sizeof(list));
    if (list[0] < 'a')
        return false;
    *lives = 0;
    for (const char *word = list; word; (*lives)++) {
        size_t length = length_to_comma(word);
        if (*lives == log_output.generation)
            format(mode, size, "%.*s", (int)length, word);
        word = word[length] ? word + length + 1 : NULL;
    }
    return true;
}

static status_t read_lives(const char *line, struct options *options,
                           char *mode, size_t size) {
    if (read_chain(line, &options->lives, mode, size))
        return STATUS_OK;
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
