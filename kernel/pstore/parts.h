// The parts of a crash record: the first line of each says which of how many it
// is, so a reader finds out which are missing. They are written, and deleted
// after they were printed, from the oldest on: a power cut in between leaves
// only the oldest, or only the newest, part 1.

#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PARTS_MAX      8              // one digit
#define PART_LINE_HEAD "Panic#1 Part" // as pstore_dump() of Linux has it
#define PART_LINE_OF   " of "
#define PART_LINE_END  ", Baton's log\n"
#define PART_LINE_BYTES                                                        \
    (sizeof(PART_LINE_HEAD "8" PART_LINE_OF "8" PART_LINE_END) - 1)
#define RECORDS_MAX 8
#define RECORD_NAME 48

struct crash_part {
    unsigned number; // from 1, the newest
    unsigned of;     // as many
};

// The parts of a record that were found.
struct crash_record {
    char name[RECORD_NAME]; // "" if none was
    unsigned of;
    unsigned found; // bit n: part n
};

// Writes the first line of a part to the `size` bytes at `text`, with NUL.
// Returns its length.
size_t crash_part_line(char *text, size_t size, struct crash_part part);

// Reads it from the start of `text`, which ends with NUL. False: no Baton has
// written this part.
bool crash_part_read(const char *text, struct crash_part *part);

// Notes a part of the record with that name. False: it is not noted, because
// these are more than RECORDS_MAX records, or its name has more than
// RECORD_NAME - 1 bytes.
bool crash_record_add(struct crash_record records[RECORDS_MAX],
                      const char *name, struct crash_part part);

// Lists the missing parts as words, from 1 on, in the `size` bytes at `text`.
// Returns their number.
unsigned crash_record_missing(const struct crash_record *record, char *text,
                              size_t size);
