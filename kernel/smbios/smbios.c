// The entry point leads to a table of structures: each has its length, and then
// its strings, each with a zero, and one more zero. A field of a structure is
// the number of a string, from 1.

#include "kernel/smbios/smbios.h"

#include "lib/string.h"

#define TABLE_BYTES_MAX (64 * KIB)
#define HEAD_BYTES      4 // type, length, handle
#define TYPE_BIOS       0 // §7.1
#define TYPE_END        127

enum { VENDOR_AT = 4, VERSION_AT = 5, DATE_AT = 8, BIOS_BYTES = 9 };

struct entry_32 { // §5.2.1
    char anchor[4];
    uint8_t rest[18];
    uint16_t table_bytes;
    uint32_t table_pa;
} __attribute__((packed));

struct entry_64 { // §5.2.2
    char anchor[5];
    uint8_t rest[7];
    uint32_t table_bytes;
    uint64_t table_pa;
} __attribute__((packed));

struct table {
    const uint8_t *at;
    uint64_t bytes;
};

static bool open(pa_t entry_pa, memory_reader read, struct table *table) {
    pa_t pa;
    const struct entry_64 *wide = read(entry_pa, sizeof(*wide));
    const struct entry_32 *narrow = read(entry_pa, sizeof(*narrow));
    if (wide && memcmp(wide->anchor, "_SM3_", sizeof(wide->anchor)) == 0) {
        table->bytes = wide->table_bytes;
        pa = wide->table_pa;
    } else if (narrow && memcmp(narrow->anchor, "_SM_", 4) == 0) {
        table->bytes = narrow->table_bytes;
        pa = narrow->table_pa;
    } else {
        return false;
    }
    table->bytes = min_u64(table->bytes, TABLE_BYTES_MAX);
    table->at = read(pa, table->bytes);
    return table->at;
}

// Behind the two zeros that end the strings which begin at `at`.
static uint64_t strings_end(const struct table *table, uint64_t at) {
    while (at + 1 < table->bytes && (table->at[at] || table->at[at + 1]))
        at++;
    return min_u64(at + 2, table->bytes);
}

// A text that fits between the quotes of an event.
static void copy_text(const struct table *table, uint64_t at, uint8_t number,
                      char *text, size_t size) {
    size_t used = 0;
    for (; number > 1 && at < table->bytes; at++)
        number -= !table->at[at];
    for (; number && at < table->bytes && table->at[at]; at++) {
        char c = table->at[at];
        if (used + 1 < size)
            text[used++] = c < ' ' || c > '~' || c == '"' ? '?' : c;
    }
    while (used && text[used - 1] == ' ')
        used--;
    text[used] = '\0';
}

status_t smbios_read(pa_t entry_pa, memory_reader read,
                     struct smbios_bios *bios) {
    struct table table;
    if (!open(entry_pa, read, &table))
        return fail(STATUS_INVALID,
                    "SMBIOS: no entry point is at %#lx, or its table cannot be "
                    "read",
                    entry_pa);
    for (uint64_t at = 0; at + HEAD_BYTES <= table.bytes;) {
        const uint8_t *head = table.at + at;
        uint64_t strings = at + head[1];
        if (head[0] == TYPE_END || head[1] < HEAD_BYTES ||
            strings > table.bytes)
            break;
        uint64_t end = strings_end(&table, strings);
        if (head[0] == TYPE_BIOS && head[1] >= BIOS_BYTES) {
            struct table own = {table.at, end};
            copy_text(&own, strings, head[VENDOR_AT], bios->vendor,
                      sizeof(bios->vendor));
            copy_text(&own, strings, head[VERSION_AT], bios->version,
                      sizeof(bios->version));
            copy_text(&own, strings, head[DATE_AT], bios->date,
                      sizeof(bios->date));
            return STATUS_OK;
        }
        at = end;
    }
    return fail(STATUS_NOT_FOUND, "SMBIOS: no structure of type 0 is at %#lx",
                entry_pa);
}
