// The kernel's command line, as values. README.md lists the options.

#pragma once

#include "efi/firmware.h"
#include "lib/status.h"

enum end_action {
    END_MONITOR,  // ask whoever sits there (docs/monitor.md)
    END_SHUTDOWN, // the firmware's ResetSystem(EfiResetShutdown)
    END_EXIT,     // QEMU's isa-debug-exit
};

// prove=: may the proofs change the machine?
enum prove {
    PROVE_LOOK,  // no: nothing is written, no clock moved
    PROVE_WRITE, // variables are written, clock and alarm moved and put back
};

struct options {
    bool call_firmware;          // false: efi=off
    const struct efi_mode *mode; // NULL: efi= has no known value
    uint64_t lives;              // generations in all
    unsigned levels;             // of page tables: 4, 5, or 0 to leave them
    va_t direct_base;            // where the direct map begins
    enum efi_on_fault on_fault;
    uint64_t timeout_s; // of a firmware call
    char image[32];     // which kernel of the bundle is the next
    char capture[32];   // which kernel of the bundle follows a panic; "": none
    enum end_action end;
    enum prove prove;
    char crash[16]; // a kind of crash to provoke; "" for none
    unsigned selftest, diff,
        touch; // on or off: efi/trace/diff.h, efi/trace/touch.h
};

// Every option has a value afterwards. Where one was not understood, its value
// is the default; the reason names each of them and what is accepted.
status_t options_read(const char *line, struct options *options);

// How many words of the line nobody reads; the first of them, with blanks
// between, go to the `size` bytes at `text`, without quotes and control
// characters. They are handed on to the next kernel all the same.
size_t options_unknown(const char *line, char *text, size_t size);
