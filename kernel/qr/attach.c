// The report at the end of a run, on a screen: verdicts as a table, and all of
// them, with the firmware's regions and what it did wrong, as a QR code that a
// photograph carries away. `tools/report --qr photo.png` reads it.
//
// The code contains lines of the log, of all generations that are still in it,
// compressed (kernel/qr/zlib.h) and as base45. If there are too many, the
// oldest are left out.

#include "efi/firmware.h"
#include "kernel/history/history.h"
#include "kernel/qr/base45.h"
#include "kernel/qr/qr.h"
#include "kernel/qr/zlib.h"
#include "kernel/screen/screen.h"
#include "kernel/screen/view.h"
#include "kernel/stage.h"
#include "lib/format.h"
#include "lib/string.h"

#define LINES_BYTES  (6 * KIB) // the time to compress grows as its square
#define PACKED_BYTES (QR_TEXT_MAX / 3 * 2)
#define DETAIL       " detail=\""
#define GENERATIONS  8 // columns of the table
#define CHECKS       16
#define WORD         16

// Lines that begin with one of these, or contain it.
static const char *const wanted[] = {
    "@boot ",       "@efi.region ",    "@efi.mode ",
    "@efi.quirk ",  "@proof ",         "@efi.fault ",
    "@efi.reject ", "@efi.violation ", "@panic ",
    "@refused ",    "@end ",           "@efi.touch.outside ",
    ", UEFI ",      "@smbios ",        ", command line: ",
};

static char lines[LINES_BYTES];
static size_t lines_bytes;
static struct qr code;

// ---- what the code contains

static const char *find(const char *line, size_t bytes, const char *text) {
    size_t length = strlen(text);
    for (size_t at = 0; at + length <= bytes; at++)
        if (memcmp(line + at, text, length) == 0)
            return line + at;
    return NULL;
}

static bool is_wanted(const char *line, size_t bytes) {
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        const char *at = find(line, bytes, wanted[i]);
        if (at && (at == line || wanted[i][0] != '@'))
            return true;
    }
    return false;
}

// The detail of a proof that did not fail is left out.
static size_t worth(const char *line, size_t bytes) {
    const char *detail = find(line, bytes, DETAIL);
    bool failed = find(line, bytes, "verdict=fail");
    return detail && !failed ? (size_t)(detail - line) : bytes;
}

// Behind the first newline from `at` on.
static size_t next_line(size_t at) {
    while (at < lines_bytes && lines[at] != '\n')
        at++;
    return at < lines_bytes ? at + 1 : lines_bytes;
}

static void add(const char *line, size_t bytes) {
    bytes -= bytes && line[bytes - 1] == '\n';
    bytes = worth(line, bytes);
    if (lines_bytes + bytes + 1 > sizeof(lines)) {
        size_t dropped = next_line(sizeof(lines) / 4);
        lines_bytes -= dropped;
        memmove(lines, lines + dropped, lines_bytes);
    }
    memcpy(lines + lines_bytes, line, bytes);
    lines_bytes += bytes;
    lines[lines_bytes++] = '\n';
}

static void collect(void) {
    uint64_t at = 0;
    const struct log_line *line;
    lines_bytes = 0;
    while ((line = log_ring_next(history, &at)))
        if (log_line_is_whole(line) && is_wanted(line->text, line->bytes))
            add(line->text, line->bytes);
}

static bool encode(void) {
    static uint8_t packed[PACKED_BYTES];
    static char text[BASE45_BYTES(PACKED_BYTES)];
    for (size_t start = 0; start < lines_bytes;
         start = next_line(start + (lines_bytes - start) / 8)) {
        size_t bytes =
            zlib_compress((const uint8_t *)lines + start, lines_bytes - start,
                          packed, sizeof(packed));
        if (bytes && qr_encode(text, base45(packed, bytes, text), &code))
            return true;
    }
    return false;
}

// ---- what a person reads

static void show(const char *text) {
    screen_write(text, strlen(text));
}

static void word_after(const char *line, size_t bytes, const char *key,
                       char word[WORD]) {
    const char *at = find(line, bytes, key);
    size_t used = 0;
    for (at = at ? at + strlen(key) : line + bytes;
         at<line + bytes && * at> ' ' && used < WORD - 1;)
        word[used++] = *at++;
    word[used] = '\0';
}

static struct {
    char name[CHECKS][WORD];
    char verdict[CHECKS][GENERATIONS]; // p, f, s; 0: none
    unsigned checks;
    uint32_t first, last; // generations
} table;

static void note_proof(const char *line, size_t bytes, uint32_t generation) {
    char name[WORD], verdict[WORD];
    unsigned row = 0;
    word_after(line, bytes, "check=", name);
    word_after(line, bytes, "verdict=", verdict);
    while (row < table.checks && !str_equal(table.name[row], name))
        row++;
    if (row == CHECKS || generation < table.first)
        return;
    if (row == table.checks)
        memcpy(table.name[table.checks++], name, WORD);
    table.verdict[row][(generation - table.first) % GENERATIONS] = verdict[0];
}

static void fill_table(uint32_t generation) {
    uint64_t at = 0;
    const struct log_line *line;
    memset(&table, 0, sizeof(table));
    table.last = generation;
    table.first = generation < GENERATIONS ? 0 : generation - GENERATIONS + 1;
    while ((line = log_ring_next(history, &at)))
        if (log_line_is_whole(line) && line->text[0] == '@' &&
            find(line->text, line->bytes, "@proof ") == line->text)
            note_proof(line->text, line->bytes, line->generation);
}

static void show_row(unsigned row) {
    char text[64];
    format(text, sizeof(text), "  %-12s", table.name[row]);
    show(text);
    for (uint32_t gen = table.first; gen <= table.last; gen++) {
        char verdict = table.verdict[row][(gen - table.first) % GENERATIONS];
        show(verdict == 'p'   ? "\033[32mpass\033[0m "
             : verdict == 'f' ? "\033[31mFAIL\033[0m "
             : verdict == 's' ? "\033[33mskip\033[0m "
                              : "  .  ");
    }
    show("\n");
}

static void show_table(void) {
    char text[64];
    show("  generation  ");
    for (uint32_t gen = table.first; gen <= table.last; gen++) {
        format(text, sizeof(text), "%-5u", gen);
        show(text);
    }
    show("\n");
    for (unsigned row = 0; row < table.checks; row++)
        show_row(row);
}

static void show_verdict(const struct kernel *kernel) {
    char text[64];
    bool passed = kernel->outcome == OUTCOME_PASS;
    format(text, sizeof(text), "Verdict: \033[%um%s\033[0m, efi=%s\n",
           passed ? 32 : 31, outcome_name(kernel->outcome),
           firmware->mode ? firmware->mode->name : "off");
    show(text);
}

// The first lines about what went wrong, and who made the firmware.
static void show_lines(const char *containing, unsigned most,
                       const char *colour) {
    size_t length;
    for (size_t at = 0; at < lines_bytes && most > 0; at += length) {
        length = next_line(at) - at;
        if (!find(lines + at, length, containing))
            continue;
        show(colour);
        screen_write(lines + at, length);
        show("\033[0m");
        most--;
    }
}

STAGE(END, 40_qr_report, "screen") {
    if (screen_size().columns == 0 || !history)
        return STATUS_OK;
    collect();
    fill_table(kernel->boot.generation);
    bool drawn =
        encode() && screen_picture(code.module[0], sizeof(code.module[0]),
                                   code.modules, QR_QUIET);
    show("\nBaton's report about this machine's firmware\n\n");
    show_verdict(kernel);
    show_lines(", UEFI ", 1, "");
    show("\n");
    show_table();
    show("\n");
    view_map(&kernel->boot.memory);
    show("\n");
    show_lines("verdict=fail", 3, "\033[31m");
    show_lines("@efi.fault", 2, "\033[31m");
    show_lines("@efi.reject", 2, "\033[33m");
    show_lines("@efi.violation", 2, "\033[33m");
    show_lines("@refused", 3, "\033[33m");
    show(drawn ? "The code on the right is this report: photograph\nit, "
                 "then `tools/report --qr photo.png`.\n\n"
               : "\n");
    return STATUS_OK;
}
