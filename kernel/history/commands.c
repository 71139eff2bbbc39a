// What was said before, by this kernel and by those before it.

#include "kernel/history/history.h"
#include "kernel/monitor/monitor.h"
#include "lib/string.h"

// Behind a bar: an event that is history is none that happens.
static void print_line(const struct log_line *line) {
    if (log_line_is_whole(line)) {
        char text[2 + LOG_LINE_MAX] = "| ";
        size_t bytes = line->bytes;
        bytes -= bytes && line->text[bytes - 1] == '\n';
        memcpy(text + 2, line->text, bytes);
        print_text(text, 2 + bytes);
    } else {
        print("| (a line of %u bytes that was damaged)", line->bytes);
    }
}

COMMAND(log, .name = "log", .arguments = "[GENERATION]",
        .help = "the log of all generations or of one") {
    uint64_t wanted = 0, at = 0;
    unsigned found = 0;
    const struct log_line *line;
    if (words->count)
        TRY(word_number(words->word[0], &wanted));
    while ((line = log_ring_next(history, &at))) {
        if (words->count && line->generation != wanted)
            continue;
        print_line(line);
        found++;
    }
    return found ? STATUS_OK
                 : fail(STATUS_NOT_FOUND, "generation %lu is not in the log",
                        wanted);
}
