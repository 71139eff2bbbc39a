// Reads the command line: a table of the options that are one of a few words,
// and a function for each of the others.

#include "kernel/options.h"

#include "lib/format.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/random.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/layout.h"

#define LIVES_DEFAULT   3
#define LIVES_MAX       1000000
#define TIMEOUT_DEFAULT 120 // seconds, as Linux has it
#define TIMEOUT_MAX     86400
#define MODE_DEFAULT    "inherit"
#define MODE_BYTES      32 // of a name, with its NUL

static status_t find_mode(const char *name, struct options *options) {
    options->call_firmware = !str_equal(name, "off");
    options->mode = efi_mode_find(name);
    if (options->call_firmware && !options->mode)
        return fail(STATUS_INVALID, "efi=%s is no mode; known are: %s, off",
                    name, efi_mode_names());
    return STATUS_OK;
}

// The word of this generation; where the option is not there, `word` stays.
static status_t read_word(const char *line, const char *key, char *word,
                          size_t size) {
    uint64_t places;
    return option_get(line, key, NULL, 0)
               ? option_list(line, key, log_output.generation, LIVES_MAX, word,
                             size, &places)
               : STATUS_OK;
}

// Options that are one of a few words. The first one is the default.
static const struct choice {
    const char *key;
    size_t at;            // of an unsigned in struct options
    const char *words[6]; // by the value that each stands for there
} choices[] = {
    {"end",
     offsetof(struct options, end),
     {[END_MONITOR] = "monitor",
      [END_SHUTDOWN] = "shutdown",
      [END_EXIT] = "exit"}},
    {"efi.fault",
     offsetof(struct options, on_fault),
     {[FAULT_ABORT] = "abort", [FAULT_RETRY] = "retry", [FAULT_OFF] = "off"}},
    {"prove",
     offsetof(struct options, prove),
     {[PROVE_LOOK] = "look", [PROVE_WRITE] = "write"}},
    {"efi.diff", offsetof(struct options, diff), {"off", "on"}},
    {"efi.touch", offsetof(struct options, touch), {"off", "on"}},
    {"selftest", offsetof(struct options, selftest), {"off", "on"}},
    {"la57",
     offsetof(struct options, levels),
     {"auto", [4] = "off", [5] = "on"}},
};

static status_t choose(const char *line, const struct choice *choice,
                       struct options *options) {
    unsigned *value = (unsigned *)((uint8_t *)options + choice->at);
    char word[16], known[64] = "";
    str_copy(word, sizeof(word), choice->words[0]);
    TRY(read_word(line, choice->key, word, sizeof(word)));
    for (*value = 0; *value < ARRAY_SIZE(choice->words); ++*value) {
        const char *candidate = choice->words[*value];
        if (candidate && str_equal(candidate, word))
            return STATUS_OK;
        if (candidate)
            append(known, sizeof(known), "%s%s", *known ? ", " : "", candidate);
    }
    *value = 0;
    return fail(STATUS_INVALID, "%s=%s: known are %s", choice->key, word,
                known);
}

// lives= is a number, or it names for each generation its mode, or the kernel
// in the bundle that it is, where that is not Baton. And virtefi is how Takao
// Indoh's kernel of 2010 was told to leave physical mode. `mode` has
// MODE_BYTES, for the name of this generation's.
static status_t read_lives(const char *line, struct options *options,
                           char *mode) {
    char first[2] = "", next[32] = MODE_DEFAULT;
    status_t status;
    option_get(line, "lives", first, sizeof(first));
    if (first[0] >= 'a') {
        option_list(line, "lives", log_output.generation + 1, LIVES_MAX, next,
                    sizeof(next), &options->lives);
        status = option_list(line, "lives", log_output.generation, LIVES_MAX,
                             mode, MODE_BYTES, &options->lives);
    } else {
        option_get(line, "efi", mode, MODE_BYTES);
        status = option_number(line, "lives", 1, LIVES_MAX, LIVES_DEFAULT,
                               &options->lives);
    }
    if (str_equal(mode, "physical") && option_get(line, "virtefi", NULL, 0))
        str_copy(mode, MODE_BYTES, "fixed");
    if (!efi_mode_find(next) && !str_equal(next, "off"))
        str_copy(options->image, sizeof(options->image), next);
    return status;
}

static status_t check_levels(struct options *options) {
    if (options->levels != 5 || cpuid_has_la57())
        return STATUS_OK;
    options->levels = 0;
    return fail(STATUS_UNSUPPORTED, "la57=on: this CPU has no 5-level paging "
                                    "(CPUID 7, ECX bit 16)");
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

// Gathers the reasons: two mistakes on a line are told both.
static void note(char *reasons, size_t size, status_t status) {
    if (status)
        append(reasons, size, "%s%s", *reasons ? "; " : "", why());
}

status_t options_read(const char *line, struct options *options) {
    char wrong[256] = "", mode[MODE_BYTES] = MODE_DEFAULT;
    *options = (struct options){
        .lives = LIVES_DEFAULT, .timeout_s = TIMEOUT_DEFAULT, .image = "baton"};
    option_get(line, "crash", options->crash, sizeof(options->crash));
    option_get(line, "capture", options->capture, sizeof(options->capture));
    note(wrong, sizeof(wrong),
         option_number(line, "seed", 1, UINT64_MAX, read_tsc(),
                       &efi_table_seed));
    note(wrong, sizeof(wrong),
         option_number(line, "efi.timeout", 1, TIMEOUT_MAX, TIMEOUT_DEFAULT,
                       &options->timeout_s));
    for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
        note(wrong, sizeof(wrong), choose(line, &choices[i], options));
    note(wrong, sizeof(wrong), check_levels(options));
    note(wrong, sizeof(wrong), read_lives(line, options, mode));
    note(wrong, sizeof(wrong), find_mode(mode, options));
    note(wrong, sizeof(wrong), read_direct_base(line, options));
    return wrong[0] ? fail(STATUS_INVALID, "%s", wrong) : STATUS_OK;
}

// ---- words that nobody reads

// Keys that somebody reads besides those in the table of choices: this file,
// the monitor (run), the handoff (keepsake), and the first process of a Linux
// in the line (linux, generation).
static const char *const other_keys[] = {
    "efi",      "virtefi", "seed",       "lives", "direct_base",
    "crash",    "capture", "run",        "linux", "generation",
    "keepsake", "columns", "efi.timeout"};

static bool has_key(const char *word, const char *key) {
    size_t length = strlen(key);
    return str_starts_with(word, key) &&
           (word[length] == '=' || word[length] == '\0');
}

static bool is_known(const char *word) {
    for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
        if (has_key(word, choices[i].key))
            return true;
    for (size_t i = 0; i < ARRAY_SIZE(other_keys); i++)
        if (has_key(word, other_keys[i]))
            return true;
    return false;
}

size_t options_unknown(const char *line, char *text, size_t size) {
    char word[64];
    size_t count = 0;
    *text = '\0';
    while (option_next(&line, word, sizeof(word))) {
        if (is_known(word))
            continue;
        fail(STATUS_INVALID, "%s", word); // makes it fit to stand in a log line
        append(text, size, "%s%s", count++ ? " " : "", why());
    }
    return count;
}
