// Tags of the multiboot2 information (Multiboot2 §3.6), and their readers.

#pragma once

#include "boot/boot_info.h"
#include "lib/table.h"

struct tag {
    uint32_t type;
    uint32_t bytes; // with this header, without the padding to 8
};

// A row of the table, which multiboot2_read() walks for each tag, before there
// are frames. The tag is at least `bytes_min` bytes long, and all of it is
// readable. INVALID: the information as a whole is refused.
struct tag_reader {
    uint32_t type;
    uint32_t bytes_min;
    status_t (*read)(const struct tag *tag, struct boot_info *boot);
};
TABLE(tags, struct tag_reader);
