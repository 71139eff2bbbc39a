// The monitor's command about the pages that services touched.

#include "efi/trace/touch.h"
#include "kernel/monitor/monitor.h"

COMMAND(efi_touch, .name = "efi touch",
        .help = "the pages that each service used (efi.touch=on)") {
    TRY(need_firmware());
    return efi_touch_report();
}
