// The log: lines for people and lines for programs.
//
//     g0 [    0.012345] efi: 5 runtime regions         say()
//     @efi.mode gen=0 mode=fixed svam=called …         event()
//
// Event names and keys are an interface: docs/serial-log.md lists them all.

#pragma once

#include "lib/table.h"
#include "lib/types.h"

#define LOG_LINE_MAX 512 // bytes of a line, with its newline

// One line for people, printf-like, without a newline.
void say(const char *text, ...) __attribute__((format(printf, 1, 2)));

// One line for programs: `@name gen=N ` and then logfmt pairs.
void event(const char *name, const char *pairs, ...)
    __attribute__((format(printf, 2, 3)));

// Where the lines go: each line to every row, in the order of their ids, from
// any context but an NMI. A function that is NULL has nothing to do.
struct sink {
    // Before a line: logs what could not be logged when it happened.
    void (*before)(void);

    // One line, with its newline, of that generation.
    void (*write)(uint32_t generation, const char *line, size_t bytes);
};

TABLE(sinks, struct sink);

// The clock of the log, in microseconds; NULL: there is none yet.
extern uint64_t (*log_clock)(void);

// Has the sinks log what they could not log when it happened, as before a line.
void log_prepare(void);

// Once, before the first line: which generation writes. Until then it is 0.
void log_generation(uint32_t number);
