// The monitor's command about the lineage.

#include "kernel/chain/lineage.h"
#include "kernel/monitor/monitor.h"

COMMAND(lineage, .name = "lineage",
        .help = "all generations: address, mode, run time") {
    const struct boot_info *boot = &monitored->boot;
    char line[LINEAGE_LINE];
    for (unsigned i = 0; i <= lineage_count(); i++) {
        lineage_format(boot, i, line, sizeof(line));
        print("  %s", line);
    }
    return STATUS_OK;
}
