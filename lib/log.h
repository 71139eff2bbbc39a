// The log: lines for people and lines for programs, over two sinks.
//
//     g0 [    0.012345] efi: 5 runtime regions         say()
//     @efi.mode gen=0 mode=fixed svam=called …         event()
//
// Event names and keys are an interface: docs/serial-log.md lists them all.

#pragma once

#include "lib/types.h"

#define LOG_LINE_MAX 512 // bytes of a line, with its newline

// One line for people, printf-like, without a newline.
void say(const char *text, ...) __attribute__((format(printf, 1, 2)));

// One line for programs: `@name gen=N ` and then logfmt pairs.
void event(const char *name, const char *pairs, ...)
    __attribute__((format(printf, 2, 3)));

// Several lines for people (the last one may lack its newline), each with the
// line head of say() and then `prefix`.
void say_lines(const char *prefix, const char *text);

struct log_output {
    void (*write)(const char *text, size_t bytes);
    // For the kernels after us.
    void (*keep)(uint32_t generation, const char *text, size_t bytes);
    uint64_t (*microseconds)(void);
    void (*before)(void); // each line: what could not be said when it happened
};

// Until this is filled, the log goes nowhere.
extern struct log_output log_output;

// Once, before the first line: which generation writes. Until then it is 0.
void log_generation(uint32_t number);
