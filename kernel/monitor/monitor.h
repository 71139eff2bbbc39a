// The monitor: commands to look at the machine with, at a prompt or from a
// script, for people and tests (docs/monitor.md). Nothing else needs it.
//
// A file adds a command with COMMAND(id, .name = "…", …) { … return status; };
// the linker collects them in the order of their ids. A name may have several
// words. What a command returns as an error, the monitor prints as why().

#pragma once

#include "efi/types.h"
#include "kernel/stage.h"
#include "lib/cpio.h"
#include "lib/status.h"
#include "lib/table.h"
#include "lib/types.h"

#define WORDS_MAX 16

// What was typed behind the name of a command.
struct words {
    size_t count;
    const char **word; // quotes removed
    const char **rest; // the line as typed, from each word on
};

struct command {
    const char *name;
    const char *arguments; // "NAME [GUID]"; how many there may be is seen here
    const char *help;      // a line
    // The n-th thing that the first argument may be, from 0; NULL past the last
    // one. No function: it cannot be guessed.
    const char *(*choice)(size_t n);
    status_t (*run)(const struct words *words);
};

TABLE(commands, struct command);

#define COMMAND(id, ...)                                                       \
    static status_t run_##id(const struct words *words);                       \
    ROW(commands, id) = {__VA_ARGS__, .run = run_##id};                        \
    static status_t run_##id(const struct words *words __attribute__((unused)))

// The kernel that commands look at; NULL before STAGE_END.
extern struct kernel *monitored;

// A line of a command's answer: no line head, and not in the log. Who typed the
// command on the keyboard gets it by half a screen at a time.
void print(const char *text, ...) __attribute__((format(printf, 1, 2)));

// The same, of text that is there already: one line, without its newline.
void print_text(const char *text, size_t bytes);

// For commands that call the firmware. UNSUPPORTED: it may not be called.
status_t need_firmware(void);

#define GUID_TEXT 37 // bytes, with the NUL

// "7d1b2a9e-5c43-4f0e-9a86-62b0a7013e15"
void guid_text(const struct efi_guid *guid, char text[GUID_TEXT]);

// A number in any form that an option may have. INVALID.
status_t word_number(const char *word, uint64_t *number);

// A virtual address: a number, or a function of the kernel, "panic" or
// "panic+0x10". INVALID.
status_t word_address(const char *word, va_t *va);
