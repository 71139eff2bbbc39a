// Which part of a crash record a text is, and which are missing: no firmware,
// no state.

#include "kernel/pstore/parts.h"

#include "lib/format.h"
#include "lib/string.h"

size_t crash_part_line(char *text, size_t size, struct crash_part part) {
    return format(text, size,
                  PART_LINE_HEAD "%u" PART_LINE_OF "%u" PART_LINE_END,
                  part.number, part.of);
}

// Compared with the line as it would be written.
bool crash_part_read(const char *text, struct crash_part *part) {
    char line[PART_LINE_BYTES + 1];
    if (strnlen(text, PART_LINE_BYTES) < PART_LINE_BYTES)
        return false;
    part->number = digit_value(text[sizeof(PART_LINE_HEAD) - 1]);
    part->of = digit_value(text[sizeof(PART_LINE_HEAD PART_LINE_OF)]);
    if (part->number < 1 || part->number > part->of || part->of > PARTS_MAX)
        return false;
    crash_part_line(line, sizeof(line), *part);
    return str_starts_with(text, line);
}

bool crash_record_add(struct crash_record records[RECORDS_MAX],
                      const char *name, struct crash_part part) {
    struct crash_record *record = records;
    while (record < records + RECORDS_MAX && record->name[0] &&
           !str_equal(record->name, name))
        record++;
    if (record == records + RECORDS_MAX || strlen(name) >= RECORD_NAME)
        return false;
    str_copy(record->name, RECORD_NAME, name);
    if (record->of < part.of)
        record->of = part.of;
    record->found |= 1u << part.number;
    return true;
}

unsigned crash_record_missing(const struct crash_record *record, char *text,
                              size_t size) {
    unsigned missing = 0;
    text[0] = '\0';
    for (unsigned part = 1; part <= record->of; part++)
        if (!(record->found & 1u << part))
            append(text, size, missing++ ? " %u" : "%u", part);
    return missing;
}
