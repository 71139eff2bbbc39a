// A command, which prints both counts.

#include "kernel/census/census.h"
#include "kernel/monitor/monitor.h"

COMMAND(census, .name = "census", .help = "firmware calls without success") {
    print("here %u, before %u", census_here, census_before);
    return STATUS_OK;
}
