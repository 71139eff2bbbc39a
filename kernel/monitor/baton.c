// The baton: who had it, what rules it is passed on by, and to whom.

#include "efi/firmware.h"
#include "kernel/leave.h"
#include "kernel/monitor/monitor.h"
#include "kexec/kexec.h"
#include "lib/string.h"
#include "mm/space.h"

COMMAND(mode, .name = "mode",
        .help = "the mapping modes, and the current one") {
    print("    mode        page table    SVAM  proposed by");
    FOR_EACH_ROW(modes, mode)
        print("  %c %-10s  %-12s  %-4s  %s",
              firmware->ready && firmware->mode == mode ? '*' : ' ', mode->name,
              mode->table == PAGE_TABLE_OWN ? "its own" : "the kernel's",
              mode->calls_svam ? "yes" : "no", mode->proposal);
    if (!firmware->ready)
        print("There is no mode: this generation does not call the firmware.");
    else if (firmware->svam == SVAM_NEVER)
        print("SetVirtualAddressMap was never called: the next kernel may take "
              "any mode (kexec baton efi=MODE).");
    else
        print("SetVirtualAddressMap: %s. The firmware is bound to this mode "
              "until the next reset.",
              efi_svam_name(firmware->svam));
    return STATUS_OK;
}

static const char *bundle_name(size_t n) {
    struct cpio bundle;
    struct cpio_file file;
    if (kexec_bundle(&monitored->boot, &bundle))
        return NULL;
    do
        if (cpio_next(&bundle, &file))
            return NULL;
    while (n-- > 0);
    return file.name;
}

COMMAND(bundle, .name = "bundle ls", .help = "the files in the bundle") {
    struct cpio_file file;
    struct kernel_image image;
    struct cpio bundle;
    status_t status;
    TRY(kexec_bundle(&monitored->boot, &bundle));
    while ((status = cpio_next(&bundle, &file)) == STATUS_OK) {
        bool kernel = image_parse(file.data, file.bytes, &image) == STATUS_OK;
        print("  %10zu  %s%s", file.bytes, file.name,
              kernel ? "  (a kernel)" : "");
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

// A command line that is one word in quotes has lost them.
COMMAND(kexec, .name = "kexec", .arguments = "IMAGE [LINE...]",
        .choice = bundle_name,
        .help = "pass the baton on, with this command line") {
    const char *line = words->count == 1        ? monitored->boot.command_line
                       : *words->rest[1] == '"' ? words->word[1]
                                                : words->rest[1];
    return leave_for(monitored, words->word[0], line);
}
