// Reads the command line: one row per word that an option may have.

#include "kernel/options.h"

#include "efi/diff.h"
#include "efi/touch.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/random.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/layout.h"

#define LIVES_DEFAULT 3
#define LIVES_MAX     1000000
#define MODE_DEFAULT  "inherit"

static status_t find_mode(const char *name, struct options *options) {
    options->call_firmware = !str_equal(name, "off");
    options->mode = efi_mode_find(name);
    if (options->call_firmware && !options->mode)
        return fail(STATUS_INVALID, "efi=%s is no mode; known are: %s, off",
                    name, efi_mode_names());
    return STATUS_OK;
}

// Which of three words is `word`? If it is none, *choice stays.
static status_t choose(const char *key, const char *word,
                       const char *const words[3], unsigned *choice) {
    for (unsigned i = 0; i < 3; i++) {
        if (str_equal(words[i], word)) {
            *choice = i;
            return STATUS_OK;
        }
    }
    return fail(STATUS_INVALID, "%s=%s: known are %s, %s, %s", key, word,
                words[0], words[1], words[2]);
}

static status_t read_end(const char *line, struct options *options) {
    static const char *const words[] = {[END_SHUTDOWN] = "shutdown",
                                        [END_EXIT] = "exit",
                                        [END_MONITOR] = "monitor"};
    unsigned choice = END_MONITOR;
    char word[16] = "monitor";
    option_get(line, "end", word, sizeof(word));
    status_t status = choose("end", word, words, &choice);
    options->end = choice;
    return status;
}

static status_t read_fault(const char *line, struct options *options) {
    static const char *const words[] = {
        [FAULT_ABORT] = "abort", [FAULT_RETRY] = "retry", [FAULT_OFF] = "off"};
    unsigned choice = FAULT_ABORT;
    char word[16] = "abort";
    option_get(line, "efi.fault", word, sizeof(word));
    status_t status = choose("efi.fault", word, words, &choice);
    options->on_fault = choice;
    return status;
}

// lives= is a number, or it names for each generation its mode, or the kernel
// in the bundle that it is, where that is not Baton. And virtefi is how Takao
// Indoh's kernel of 2010 was told to leave physical mode.
static status_t read_lives(const char *line, struct options *options) {
    char first[2] = "", mode[32] = MODE_DEFAULT, next[32] = MODE_DEFAULT;
    status_t status;
    option_get(line, "lives", first, sizeof(first));
    if (first[0] >= 'a') {
        option_list(line, "lives", log_output.generation + 1, LIVES_MAX, next,
                    sizeof(next), &options->lives);
        status = option_list(line, "lives", log_output.generation, LIVES_MAX,
                             mode, sizeof(mode), &options->lives);
    } else {
        option_get(line, "efi", mode, sizeof(mode));
        status = option_number(line, "lives", 1, LIVES_MAX, LIVES_DEFAULT,
                               &options->lives);
    }
    if (str_equal(mode, "physical") && option_get(line, "virtefi", NULL, 0))
        str_copy(mode, sizeof(mode), "fixed");
    if (!efi_mode_find(next) && !str_equal(next, "off"))
        str_copy(options->image, sizeof(options->image), next);
    status_t mode_status = find_mode(mode, options);
    return status ? status : mode_status;
}

// The word of this generation, if the option is there.
static status_t read_word(const char *line, const char *key, char *word,
                          size_t size) {
    uint64_t places;
    return option_get(line, key, NULL, 0)
               ? option_list(line, key, log_output.generation, LIVES_MAX, word,
                             size, &places)
               : STATUS_OK;
}

// la57=off,on,off: the levels of each generation's page table.
static status_t read_levels(const char *line, struct options *options) {
    static const char *const words[] = {"auto", "off", "on"};
    static const unsigned levels[] = {0, 4, 5};
    unsigned choice = 0;
    char word[8] = "auto";
    TRY(read_word(line, "la57", word, sizeof(word)));
    TRY(choose("la57", word, words, &choice));
    if (levels[choice] == 5 && !cpuid_has_la57())
        return fail(STATUS_UNSUPPORTED, "la57=on: this CPU has no 5-level "
                                        "paging (CPUID 7, ECX bit 16)");
    options->levels = levels[choice];
    return STATUS_OK;
}

// The seed is the same in all generations, what comes out of it is not.
static va_t random_base(void) {
    uint64_t state = 2 * (efi_table_seed + log_output.generation) + 1;
    random_next(&state);
    uint64_t places = (DIRECT_MAP_LAST - DIRECT_MAP_BASE) / GIB;
    return DIRECT_MAP_BASE + random_next(&state) % places * GIB;
}

static status_t read_direct_base(const char *line, struct options *options) {
    char word[24] = "";
    va_t base = DIRECT_MAP_BASE;
    options->direct_base = base;
    TRY(read_word(line, "direct_base", word, sizeof(word)));
    if (str_equal(word, "random"))
        base = random_base();
    else if (word[0] && !option_parse_number(word, &base))
        base = 0;
    if (base < DIRECT_MAP_BASE || base > DIRECT_MAP_LAST ||
        !is_aligned(base, GIB))
        return fail(STATUS_INVALID,
                    "direct_base=%s: neither random nor a multiple of 1 GiB "
                    "from %#lx to %#lx",
                    word, DIRECT_MAP_BASE, DIRECT_MAP_LAST);
    options->direct_base = base;
    return STATUS_OK;
}

static status_t read_switch(const char *line, const char *name, bool *on) {
    char word[8] = "off";
    option_get(line, name, word, sizeof(word));
    *on = str_equal(word, "on");
    if (*on || str_equal(word, "off"))
        return STATUS_OK;
    return fail(STATUS_INVALID, "%s=%s: known are on, off", name, word);
}

static status_t read_switches(const char *line, struct options *options) {
    status_t selftest = read_switch(line, "selftest", &options->selftest);
    status_t diff = read_switch(line, "efi.diff", &efi_diff_wanted);
    status_t touch = read_switch(line, "efi.touch", &efi_touch_wanted);
    return touch ? touch : diff ? diff : selftest;
}

status_t options_read(const char *line, struct options *options) {
    static status_t (*const readers[])(const char *, struct options *) = {
        read_end,   read_fault,  read_switches,
        read_lives, read_levels, read_direct_base};
    *options = (struct options){.lives = LIVES_DEFAULT, .image = "baton"};
    option_get(line, "crash", options->crash, sizeof(options->crash));
    option_get(line, "capture", options->capture, sizeof(options->capture));
    status_t status =
        option_number(line, "seed", 1, UINT64_MAX, read_tsc(), &efi_table_seed);
    for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
        status_t one = readers[i](line, options);
        status = one ? one : status;
    }
    return status;
}
