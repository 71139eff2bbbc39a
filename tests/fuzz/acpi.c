// The path to ACPI's reset register, through arbitrary tables.

#include "kernel/acpi/acpi.h"

#include "tests/fuzz/memory.h"

static void fuzz(struct input in) {
    struct acpi_reset reset;
    pa_t rsdp_pa = take(&in, 8);
    memory_fill(&in);
    status_t status = acpi_find_reset(rsdp_pa, memory_read, &reset);
    check_why(status);
    if (status == STATUS_OK)
        assert_true(reset.address > 0 &&
                    (reset.is_memory || reset.address <= UINT16_MAX));
    memory_drop();
}
