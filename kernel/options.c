// The options of a whole generation: how it calls the firmware, and what comes
// after it.

#include "kernel/options.h"

#include "lib/options.h"
#include "lib/string.h"

#define GENERATIONS_MAX 1000000

struct options options = {
    .call_firmware = true, .generations = 3, .next = "baton"};

static status_t read_mode(const char *name, uint32_t generation) {
    (void)generation;
    options.mode = efi_mode_find(name);
    options.call_firmware = options.mode || str_equal(name, "inherit");
    if (options.call_firmware || str_equal(name, "off"))
        return STATUS_OK;
    options.mode_refused = true;
    return fail(STATUS_INVALID, "efi=%s is none of: inherit, %s, off", name,
                efi_mode_names());
}

ROW(options, efi) = {"efi",
                     "how the firmware is called: a mode, inherit, or off",
                     .read = read_mode};

ROW(options, generations) = {"generations", "generations in all, 3 by default",
                             .number = &options.generations, .min = 1,
                             .max = GENERATIONS_MAX};

ROW(options, next) = {"next", "the next kernel in the bundle, baton by default",
                      .text = options.next, .size = sizeof(options.next)};

ROW(options, end) = {"end", "what the last generation does",
                     .words = "monitor shutdown exit", .choice = &options.end};

ROW(options, prove) = {"prove", "whether the proofs may change the machine",
                       .words = "look write", .choice = &options.prove};
