// Reads commands, from a script or from a person, finds and runs them.

#include "kernel/monitor/monitor.h"

#include <stdarg.h>

#include "kernel/console.h"
#include "kernel/monitor/line.h"
#include "kernel/time.h"
#include "kexec/kexec.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/x86.h"

#define NAME_BYTES 64
#define SCRIPT     "run" // the option, and the file in the bundle

// A typing person or a script at the other end of the line sends no byte for
// that long, and the CPU may halt: until the next tick, in which 115 bytes
// could come, of which the UART keeps 16.
#define QUIET_MICROSECONDS 2000

extern const struct command commands_start[], commands_end[];

struct workbench workbench;

void print(const char *text, ...) {
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, text);
    size_t length = vformat(line, sizeof(line), text, arguments);
    va_end(arguments);
    console_write(line, min_u64(length, sizeof(line) - 1));
    console_write("\n", 1);
}

status_t word_number(const char *word, uint64_t *number) {
    if (!option_parse_number(word, number))
        return fail(STATUS_INVALID,
                    "%s is no number: decimal, or hexadecimal with 0x", word);
    return STATUS_OK;
}

// ---- finding a command

static const char *arguments_of(const struct command *command) {
    return command->arguments ? command->arguments : "";
}

// How many words the name has, if the line begins with them; else 0.
static size_t named_by(const struct command *command,
                       const struct words *words) {
    char name[NAME_BYTES];
    const char *part[WORDS_MAX];
    str_copy(name, sizeof(name), command->name);
    size_t count = option_words(name, part, WORDS_MAX);
    for (size_t i = 0; i < count; i++)
        if (i == words->count || !str_equal(part[i], words->word[i]))
            return 0;
    return count;
}

// By what is written of its arguments: each is a word, one in brackets may be
// left out, and with dots there may be more of it.
static bool takes(const struct command *command, size_t count) {
    char text[NAME_BYTES];
    const char *part[WORDS_MAX];
    size_t least = 0;
    str_copy(text, sizeof(text), arguments_of(command));
    size_t length = strlen(text), most = option_words(text, part, WORDS_MAX);
    for (size_t i = 0; i < most; i++)
        least += part[i][0] != '[';
    bool more = length > 4 && str_equal(text + length - 4, "...]");
    return count >= least && (count <= most || more);
}

// What begins with the same word, for who typed a half of a name.
static status_t fail_unknown(const char *word) {
    char known[160] = "";
    for (const struct command *c = commands_start; c < commands_end; c++)
        if (str_starts_with(c->name, word))
            append(known, sizeof(known), "%s%s", *known ? ", " : "", c->name);
    return fail(STATUS_NOT_FOUND, "%s is no command; %s%s", word,
                *known ? "like it: " : "`help` lists them all", known);
}

static status_t obey(const struct words *words) {
    const struct command *command = NULL;
    size_t length = 0;
    for (const struct command *c = commands_start; c < commands_end; c++) {
        size_t named = named_by(c, words);
        if (named > length) {
            length = named;
            command = c;
        }
    }
    if (!command)
        return fail_unknown(words->word[0]);
    struct words arguments = {words->count - length, words->word + length,
                              words->rest + length};
    if (!takes(command, arguments.count))
        return fail(STATUS_INVALID, "usage: %s %s", command->name,
                    arguments_of(command));
    return command->run(&arguments);
}

// ---- lines of commands

static void run_command(const char *line) {
    char copy[LINE_BYTES];
    const char *word[WORDS_MAX], *rest[WORDS_MAX];
    str_copy(copy, sizeof(copy), line);
    size_t count = option_words(copy, word, WORDS_MAX);
    for (size_t i = 0; i < count; i++)
        rest[i] = line + (word[i] - copy);
    if (count == 0)
        return;
    status_t status = obey(&(struct words){count, word, rest});
    if (status)
        print("%s", why());
    fail(status, "%s", line); // makes it fit to stand in double quotes
    event("monitor.command", "line=\"%s\" status=%s", why(),
          status_name(status));
}

// One after the other; none of them is run in part.
static void run_commands(const char *text, size_t bytes) {
    char line[LINE_BYTES];
    size_t used = 0;
    bool quoted = false, comment = false;
    for (size_t i = 0; i <= bytes; i++) {
        char c = i < bytes ? text[i] : '\n';
        bool ends = c == '\n' || (c == ';' && !quoted && !comment);
        comment = c != '\n' && (comment || (c == '#' && used == 0));
        quoted = c != '\n' && quoted ^ (c == '"');
        if (ends && used < sizeof(line)) {
            line[used] = '\0';
            run_command(line);
        } else if (ends) {
            print("a command of %zu characters is too long", used);
        }
        bool kept = !ends && !comment && (used > 0 || c != ' ');
        if (kept && used < sizeof(line))
            line[used] = (uint8_t)c < ' ' ? ' ' : c;
        used = ends ? 0 : used + kept;
    }
}

void monitor_script(void) {
    char text[COMMAND_LINE_MAX];
    struct cpio bundle;
    struct cpio_file file;
    if (option_get(workbench.boot->command_line, SCRIPT, text, sizeof(text)))
        run_commands(text, strlen(text));
    if (kexec_bundle(workbench.boot, &bundle) == STATUS_OK &&
        cpio_find(bundle.data, bundle.bytes, SCRIPT, &file) == STATUS_OK)
        run_commands((const char *)file.data, file.bytes);
}

// ---- the prompt

static char wait_for_byte(void) {
    char byte;
    uint64_t quiet = time_microseconds() + QUIET_MICROSECONDS;
    while (!console_read(&byte))
        if (time_microseconds() > quiet)
            halt();
    return byte;
}

// Names of commands; and for who has typed one, what may come behind it.
static bool offer(const char *typed, size_t n, char *text, size_t size) {
    for (const struct command *c = commands_start; c < commands_end; c++) {
        if (n-- == 0)
            return str_copy(text, size, c->name);
        if (!c->choice || !str_starts_with(typed, c->name) ||
            typed[strlen(c->name)] != ' ')
            continue;
        const char *word;
        for (size_t i = 0; (word = c->choice(i)); i++)
            if (n-- == 0)
                return format(text, size, "%s %s", c->name, word) < size;
    }
    return false;
}

void monitor_ask(void) {
    static struct line line;
    line.write = console_write;
    line.offer = offer;
    format(line.prompt, sizeof(line.prompt), "g%u> ", log_output.generation);
    print("The machine is yours. `help` lists the commands, Tab completes.");
    for (;;) {
        line_begin(&line);
        while (!line_take(&line, wait_for_byte())) {
        }
        run_commands(line.text, strlen(line.text));
    }
}

COMMAND(help, .name = "help", .help = "this list") {
    char usage[NAME_BYTES];
    for (const struct command *c = commands_start; c < commands_end; c++) {
        format(usage, sizeof(usage), "%s %s", c->name, arguments_of(c));
        print("  %-35s %s", usage, c->help);
    }
    return STATUS_OK;
}
