// GRUB's multiboot2 information, at the address that the input begins with.

#include "boot/boot_info.h"
#include "tests/fuzz/boot.h"
#include "tests/fuzz/memory.h"

static struct boot_info boot;

static void fuzz(struct input in) {
    pa_t info_pa = take(&in, 8);
    memory_fill(&in);
    status_t status = multiboot2_read(info_pa, memory_read, &boot);
    check_why(status);
    memory_drop();
    check_boot_info(&boot);
}
