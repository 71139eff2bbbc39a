// Runs the rows of a stage: see the header.

#include "kernel/stage.h"

#include "lib/log.h"

static struct kernel *the_kernel;

void stages_begin(struct kernel *kernel) {
    the_kernel = kernel;
}

status_t tolerate(const char *what, status_t status) {
    if (status) {
        event("refused", "what=%s why=\"%s\"", what, why());
        say("%s: refused: %s", what, why());
    }
    return status;
}

static void run(const struct stage_row *row, enum stage when) {
    if (row->when == when)
        tolerate(row->what, row->run(the_kernel));
}

void stage_run(enum stage when) {
    FOR_EACH_ROW(stages, row)
        run(row, when);
}

void stage_run_panic(void) {
    static const struct stage_row *next = stages_start;
    while (next < stages_end)
        run(next++, STAGE_PANIC);
}
