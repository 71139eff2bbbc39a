// Reads commands, from a script or from a person, finds and runs them.

#include "kernel/monitor/monitor.h"

#include <stdarg.h>

#include "efi/firmware.h"
#include "kernel/console/console.h"
#include "kernel/leave.h"
#include "kernel/monitor/line.h"
#include "kernel/monitor/words.h"
#include "kernel/options.h"
#include "kernel/reboot/reboot.h"
#include "kernel/report/symbols.h"
#include "kernel/shutdown/shutdown.h"
#include "kernel/time.h"
#include "kernel/timer/timer.h"
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

// Where nothing can be typed: so long it can be read that this is so.
#define LONELY_SECONDS 120

struct kernel *monitored;

static uint64_t columns = LINE_COLUMNS + 1;

ROW(options,
    columns) = {"columns", "width of the terminal at the prompt, if below 80",
                .number = &columns, .min = LINE_NARROW + 1, .max = LINE_BYTES};

ROW(options, run) = {.key = SCRIPT,
                     .help = "commands of the monitor to run at the end"};

// Only the firmware can switch off; a reset does not need it.
static void give_up_waiting(void) {
    if (firmware->ready)
        shutdown(monitored);
    reboot(monitored->boot.rsdp_pa);
}

// A word that no part of the kernel reads may be misspelt.
STAGE(SPACE, 50_monitor_words, "cmdline") {
    char words[192];
    size_t count =
        words_unknown(kernel->boot.command_line, words, sizeof(words));
    if (count == 0)
        return STATUS_OK;
    event("cmdline", "unknown=%zu words=\"%s\"", count, words);
    say("boot: unknown kernel command line words: %s", words);
    return STATUS_OK;
}

static const struct console *typist; // where the last byte was typed

static uint64_t give_up; // when to stop waiting, in microseconds; 0: never

static char wait_for_byte(void) {
    char byte;
    uint64_t quiet = time_microseconds() + QUIET_MICROSECONDS;
    uint64_t ticks = timer_ticks; // without a tick nothing ends a halt
    while (!(typist = console_read(&byte))) {
        log_prepare();
        if (give_up && time_microseconds() > give_up)
            give_up_waiting();
        if (time_microseconds() > quiet && timer_ticks != ticks)
            halt();
    }
    give_up = 0; // there is a user
    return byte;
}

static bool answers(const char *name) {
    FOR_EACH_ROW(consoles, console)
        if (str_equal(console->name, name))
            return console->answers();
    return false;
}

// On a PC with only a USB keyboard nothing can be typed, and it would not be
// clear why.
static void announce_input(void) {
    bool serial = answers("serial port"), keyboard = answers("keyboard");
    event("monitor.input", "serial=%u keyboard=%u", serial, keyboard);
    if (!keyboard)
        print("There is no keyboard. A USB keyboard needs a driver that this "
              "kernel does not have%s",
              serial ? ": type on the first serial port, 115200 8n1." : ",");
    if (keyboard || serial)
        return;
    print("and there is no serial port. This machine will be %s in %u seconds.",
          firmware->ready ? "switched off" : "reset", LONELY_SECONDS);
    give_up = time_microseconds() + LONELY_SECONDS * 1000000UL;
}

// ---- answers

// A terminal keeps lines that have scrolled away; a screen does not. So who
// typed the command on the keyboard gets its answer by half a screen at a time,
// which is what the screen scrolls by: so no line of it is gone before the
// stop.
static struct {
    unsigned columns;
    unsigned rows; // that can be seen at once; 0: no end
    size_t shown;  // since the last stop
    bool enough;   // the rest is not wanted
} page;

static void page_begin(const struct console *typed_on) {
    page.columns = page.rows = page.shown = page.enough = 0;
    if (typed_on && typed_on->size)
        typed_on->size(&page.columns, &page.rows);
    page.rows /= 2;
}

static void page_stop(void) {
    static const char question[] = "-- more: any key, q for the prompt --",
                      gone[] = "\r\x1b[K";
    console_write(question, sizeof(question) - 1);
    char key = wait_for_byte();
    page.enough = key == 'q' || key == ('c' & 0x1f);
    page.shown = 0;
    console_write(gone, sizeof(gone) - 1);
}

void print_text(const char *text, size_t bytes) {
    size_t rows = 1 + (page.columns && bytes ? (bytes - 1) / page.columns : 0);
    if (page.rows && !page.enough && page.shown + rows >= page.rows)
        page_stop();
    if (page.enough)
        return;
    page.shown += rows;
    console_write(text, bytes);
    console_write("\n", 1);
}

void print(const char *text, ...) {
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, text);
    size_t length = vformat(line, sizeof(line), text, arguments);
    va_end(arguments);
    mark_cut(line, sizeof(line), length);
    print_text(line, strlen(line));
}

status_t word_number(const char *word, uint64_t *number) {
    if (!option_parse_number(word, number))
        return fail(STATUS_INVALID,
                    "%s is not a number: decimal, or hexadecimal with 0x",
                    word);
    return STATUS_OK;
}

status_t word_address(const char *word, va_t *va) {
    char name[NAME_BYTES];
    uint64_t offset = 0;
    if (option_parse_number(word, va))
        return STATUS_OK;
    size_t length = 0;
    while (word[length] && word[length] != '+')
        length++;
    str_copy(name, min_u64(length + 1, sizeof(name)), word);
    bool plain = !word[length];
    if ((plain || option_parse_number(word + length + 1, &offset)) &&
        symbol_find(name, va)) {
        *va += offset;
        return STATUS_OK;
    }
    return fail(STATUS_INVALID,
                "%s is neither a number (decimal, or hexadecimal with 0x) nor "
                "a function of the kernel",
                word);
}

// ---- finding a command

static const char *arguments_of(const struct command *command) {
    return command->arguments ? command->arguments : "";
}

// With how many words of the line the name begins; *all: with all that it has.
static size_t count_common(const struct command *command,
                           const struct words *words, bool *all) {
    char name[NAME_BYTES];
    const char *part[WORDS_MAX];
    str_copy(name, sizeof(name), command->name);
    size_t count = words_split(name, part, WORDS_MAX), i = 0;
    while (i < count && i < words->count && str_equal(part[i], words->word[i]))
        i++;
    *all = i == count;
    return i;
}

static size_t words_in_common(const struct command *command,
                              const struct words *words) {
    bool all;
    return count_common(command, words, &all);
}

// How many words the name has, if the line begins with them; else 0.
static size_t named_by(const struct command *command,
                       const struct words *words) {
    bool all;
    size_t common = count_common(command, words, &all);
    return all ? common : 0;
}

// By what is written of its arguments: each is a word, one in brackets may be
// left out, and with dots there may be more of it.
static bool takes(const struct command *command, size_t count) {
    char text[NAME_BYTES];
    const char *part[WORDS_MAX];
    size_t least = 0;
    str_copy(text, sizeof(text), arguments_of(command));
    size_t length = strlen(text), most = words_split(text, part, WORDS_MAX);
    for (size_t i = 0; i < most; i++)
        least += part[i][0] != '[';
    bool more = length > 4 && str_equal(text + length - 4, "...]");
    return count >= least && (count <= most || more);
}

// How many of the words the name of some command begins with, at most.
static size_t known_words(const struct words *words) {
    size_t most = 0;
    FOR_EACH_ROW(commands, c)
        most = max_u64(most, words_in_common(c, words));
    return most;
}

// What other programs call by another name, or do not have.
static const struct {
    const char *word, *hint;
} hints[] = {
    {"exit", "use `poweroff`, `reboot`, or `kexec baton`"},
    {"quit", "use `poweroff`, `reboot`, or `kexec baton`"},
    {"shutdown", "`poweroff` switches off"},
    {"halt", "`poweroff` switches off"},
    {"reset", "`reboot` does that"},
    {"ls", "`bundle ls` lists the files of the bundle"},
    {"dmesg", "`log` shows the log"},
    {"?", "`help` lists the commands"},
};

static status_t fail_unknown(const char *word) {
    char known[160] = "";
    for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
        if (str_equal(hints[i].word, word))
            return fail(STATUS_NOT_FOUND, "%s is not a command; %s", word,
                        hints[i].hint);
    FOR_EACH_ROW(commands, c)
        if (str_starts_with(c->name, word))
            append(known, sizeof(known), "%s%s", *known ? ", " : "", c->name);
    return fail(STATUS_NOT_FOUND, "%s is not a command; %s%s", word,
                *known ? "similar: " : "`help` lists them all", known);
}

// The words so far are the beginning of names: what may come next?
static status_t fail_unfinished(const struct words *words, size_t count) {
    char begun[NAME_BYTES] = "", next[160] = "", last[NAME_BYTES] = "";
    for (size_t i = 0; i < count; i++)
        append(begun, sizeof(begun), "%s%s", i ? " " : "", words->word[i]);
    FOR_EACH_ROW(commands, c) {
        char name[NAME_BYTES];
        const char *part[WORDS_MAX];
        str_copy(name, sizeof(name), c->name);
        size_t parts = words_split(name, part, WORDS_MAX);
        if (words_in_common(c, words) < count || parts <= count ||
            str_equal(part[count], last))
            continue;
        append(next, sizeof(next), "%s%s", *next ? ", " : "", part[count]);
        str_copy(last, sizeof(last), part[count]);
    }
    return fail(STATUS_INVALID, "`%s` needs one of: %s", begun, next);
}

// All forms of a command: of those too whose names go on.
static status_t fail_usage(const struct command *command) {
    char forms[224] = "";
    size_t length = strlen(command->name);
    FOR_EACH_ROW(commands, c)
        if (str_starts_with(c->name, command->name) &&
            (c->name[length] == ' ' || c->name[length] == '\0'))
            append(forms, sizeof(forms), "%s%s%s%s", *forms ? " | " : "",
                   c->name, c->arguments ? " " : "", arguments_of(c));
    return fail(STATUS_INVALID, "usage: %s", forms);
}

static status_t obey(const struct words *words) {
    const struct command *command = NULL;
    size_t length = 0, known = known_words(words);
    FOR_EACH_ROW(commands, c) {
        size_t named = named_by(c, words);
        if (named > length) {
            length = named;
            command = c;
        }
    }
    if (!command)
        return known ? fail_unfinished(words, known)
                     : fail_unknown(words->word[0]);
    struct words arguments = {words->count - length, words->word + length,
                              words->rest + length};
    if (!takes(command, arguments.count))
        return fail_usage(command);
    return command->run(&arguments);
}

// ---- lines of commands

// "ok", "invalid", …
static const char *status_name(status_t status) {
    static const char *const names[] = {"ok",        "invalid",   "refused",
                                        "not-found", "no-memory", "unsupported",
                                        "failed"};
    return status < ARRAY_SIZE(names) ? names[status] : "?";
}

static void run_command(const char *line) {
    char copy[LINE_BYTES];
    const char *word[WORDS_MAX], *rest[WORDS_MAX];
    str_copy(copy, sizeof(copy), line);
    size_t count = words_split(copy, word, WORDS_MAX);
    for (size_t i = 0; i < count; i++)
        rest[i] = line + (word[i] - copy);
    if (count == 0)
        return;
    status_t status = obey(&(struct words){count, word, rest});
    page.enough = false; // a reason is always printed
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

// Runs the commands of run="…" on the command line, then those of the bundle's
// file `run`: several on a line have ';' between them, '#' begins a comment.
// Each is an event, and an error does not end the script.
STAGE(END, 50_monitor_script, "monitor") {
    char text[COMMAND_LINE_MAX];
    struct cpio bundle;
    struct cpio_file file;
    monitored = kernel;
    if (option_get(monitored->boot.command_line, SCRIPT, text, sizeof(text)))
        run_commands(text, strlen(text));
    if (kexec_bundle(&monitored->boot, &bundle) == STATUS_OK &&
        cpio_find(bundle.data, bundle.bytes, SCRIPT, &file) == STATUS_OK)
        run_commands((const char *)file.data, file.bytes);
    return STATUS_OK;
}

// ---- the prompt

// Names of commands; and after a command, its possible arguments.
static bool offer(const char *typed, size_t n, char *text, size_t size) {
    FOR_EACH_ROW(commands, c) {
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

// Asks for commands, for ever.
static void ask(void) {
    static struct line line;
    line.write = console_write;
    line.offer = offer;
    line.columns = columns - 1;
    format(line.prompt, sizeof(line.prompt), "g%u> ",
           monitored->boot.generation);
    announce_input();
    print("Ready. `help` lists the commands, Tab completes.");
    for (;;) {
        line_begin(&line);
        while (!line_take(&line, wait_for_byte())) {
        }
        page_begin(typist);
        run_commands(line.text, strlen(line.text));
    }
}

STAGE(END, 60_monitor_ask, "monitor") {
    if (options.end == END_MONITOR)
        ask();
    return STATUS_OK;
}

COMMAND(options, .name = "options",
        .help = "options of the kernel's command line") {
    FOR_EACH_ROW(options, o)
        print("  %-12s %s%s%s%s", o->key, o->help, o->words ? " (" : "",
              o->words ? o->words : "", o->words ? ")" : "");
    return STATUS_OK;
}

static const char *name_at(size_t n) {
    return n < (size_t)(commands_end - commands_start) ? commands_start[n].name
                                                       : NULL;
}

COMMAND(help, .name = "help", .arguments = "[COMMAND...]", .choice = name_at,
        .help = "this list, or the commands with this name") {
    char usage[NAME_BYTES];
    bool found = false;
    FOR_EACH_ROW(commands, c) {
        if (words_in_common(c, words) < words->count)
            continue;
        found = true;
        format(usage, sizeof(usage), "%s %s", c->name, arguments_of(c));
        print("  %-35s %s", usage, c->help);
    }
    return found ? STATUS_OK : fail_unknown(words->rest[0]);
}
