// The line editor: the contents of the line, and of the terminal.

#include "kernel/monitor/line.h"

#include <stdio.h>

#include "tests/unit/unit.h"

#define ROW_BYTES 4096

// A terminal of one row, which supports only the sequences of line.h.
static struct {
    char row[ROW_BYTES + 1];
    size_t column;
    size_t rows, bells, cleared;
    char list[ROW_BYTES + 1]; // the last row before this one
} terminal;

static void clear_from(size_t column) {
    memset(terminal.row + column, ' ', ROW_BYTES - column);
}

// A sequence that begins after its ESC. Returns its length.
static size_t obey(const char *text) {
    char *final;
    size_t count = strtoul(text + 1, &final, 10);
    assert_int_equal(text[0], '[');
    if (*final == 'K') {
        clear_from(terminal.column);
    } else if (*final == 'D') {
        assert_true(count > 0 && count <= terminal.column);
        terminal.column -= count;
    } else if (*final == 'J') {
        clear_from(0);
        terminal.cleared++;
    } else {
        assert_int_equal(*final, 'H');
    }
    return final + 1 - text;
}

static void display(const char *text, size_t bytes) {
    char *copy = exact_copy(text, bytes);
    for (size_t i = 0; i < bytes; i++) {
        if (copy[i] == '\x1b') {
            i += obey(text + i + 1);
        } else if (copy[i] == '\n') {
            memcpy(terminal.list, terminal.row, sizeof(terminal.row));
            clear_from(0);
            terminal.column = 0;
            terminal.rows++;
        } else if (copy[i] == '\r') {
            terminal.column = 0;
        } else if (copy[i] == '\a') {
            terminal.bells++;
        } else {
            assert_between(copy[i], ' ', '~');
            assert_true(terminal.column < ROW_BYTES);
            terminal.row[terminal.column++] = copy[i];
        }
    }
    free(copy);
}

static bool offer(const char *typed, size_t n, char *text, size_t size) {
    static const char *const all[] = {"efi call", "efi vars", "efi vars read",
                                      "help",     "pt",       "reboot"};
    (void)typed;
    if (n >= ARRAY_SIZE(all))
        return false;
    snprintf(text, size, "%s", all[n]);
    return true;
}

static struct line *fresh(void) {
    static struct line line;
    memset(&line, 0, sizeof(line));
    memset(&terminal, 0, sizeof(terminal));
    line.write = display;
    line.offer = offer;
    strcpy(line.prompt, "g0> ");
    clear_from(0);
    line_begin(&line);
    return &line;
}

// The number of lines finished by these keys; a new one is begun after each.
static size_t type(struct line *line, const char *keys) {
    size_t finished = 0;
    for (; *keys; keys++) {
        if (!line_take(line, *keys))
            continue;
        finished++;
        if (keys[1])
            line_begin(line);
    }
    return finished;
}

static void assert_shown(const struct line *line) {
    size_t columns = line->columns ? line->columns : LINE_COLUMNS;
    size_t length = strlen(line->text), room = columns - 4;
    assert_true(line->cursor <= length);
    assert_memory_equal(terminal.row, "g0> ", 4);
    assert_true(terminal.column >= 4 && terminal.column <= columns);
    const char *first = line->text + line->cursor - (terminal.column - 4);
    size_t shown = strnlen(first, room);
    assert_true(first >= line->text);
    assert_memory_equal(terminal.row + 4, first, shown);
    for (size_t i = 4 + shown; i < ROW_BYTES; i++)
        assert_int_equal(terminal.row[i], ' ');
}

// Types `keys` into an empty line: then `left` is to the left of the cursor and
// `right` is to the right of it, and the terminal shows it.
static void becomes(const char *keys, const char *left, const char *right) {
    struct line *line = fresh();
    assert_int_equal(type(line, keys), 0);
    char text[LINE_BYTES];
    snprintf(text, sizeof(text), "%s%s", left, right);
    assert_string_equal(line->text, text);
    assert_int_equal(line->cursor, strlen(left));
    assert_shown(line);
}

static void keys(void **state) {
    (void)state;
    becomes("abc", "abc", "");
    becomes("abc\b", "ab", "");
    becomes("abc\x7f\x7f\x7f\x7f", "", "");
    becomes("abc\x01", "", "abc");
    becomes("abc\x01\x02x", "x", "abc");
    becomes("abc\x02\x02x", "ax", "bc");
    becomes("abc\x02\x02\x06\x06\x06x", "abcx", "");
    becomes("abc\x01\x06\x04", "a", "c");
    becomes("abc\x04", "abc", "");
    becomes("abc\x02\x02\x0b", "a", "");
    becomes("abc\x02\x15", "", "c");
    becomes("abc\x01x\x05y", "xabcy", "");
    becomes("one  two  \x17x", "one  x", "");
    becomes("one two\x17\x17\x17", "", "");
    becomes("one two\x02\x17", "one ", "o");
    becomes("abc\x02\x03", "", "");
    becomes("ab\x02\x0cx", "ax", "b");
}

static void terminals_have_other_names_for_keys(void **state) {
    (void)state;
    becomes("abc\x1b[D\x1b[Dx", "ax", "bc");
    becomes("abc\x1b[D\x1b[Cx", "abcx", "");
    becomes("abc\x1bODx", "abx", "c");
    becomes("abc\x1b[Hx", "x", "abc");
    becomes("abc\x1bOHx\x1bOFy", "xabcy", "");
    becomes("abc\x1b[1~x\x1b[4~y", "xabcy", "");
    becomes("abc\x1b[7~x\x1b[8~y", "xabcy", "");
    becomes("abc\x1b[H\x1b[3~", "", "bc");
    becomes("abc\x1b[1;5Dx", "abx", "c");
}

static void other_sequences_mean_nothing(void **state) {
    (void)state;
    becomes("a\x1b[15~b", "ab", "");           // F5
    becomes("a\x1b[[Ab", "ab", "");            // F1 of the Linux console
    becomes("a\x1bOPb", "ab", "");             // F1
    becomes("a\x1b[200~b\x1b[201~", "ab", ""); // a bracketed paste
    becomes("a\x1b"
            "xb",
            "ab", "");                 // Alt-x
    becomes("a\x1b\x1b[Db", "b", "a"); // ESC, then an arrow
    becomes("a\x1b[?1;2cb", "ab", ""); // the type of the terminal
    becomes("a\x1b]0;title\x07"
            "b",
            "ab", "");
    becomes("a\x1b]0;title\x1b\\b", "ab", "");
    becomes("a\x1bP1$r0m\x1b\\b", "ab", "");
    becomes("a\x1b[12\x15"
            "b",
            "b", "");                    // cut short by a key
    becomes("a\xc3\xa4\xffz", "az", ""); // not ASCII
    becomes("a\x0e\x1c\x1d", "a", "");
}

static void a_line_ends(void **state) {
    (void)state;
    struct line *line = fresh();
    assert_int_equal(type(line, "one\x01\r"), 1);
    assert_string_equal(line->text, "one");
    assert_int_equal(terminal.rows, 1);
    line_begin(line);
    assert_shown(line);
    assert_int_equal(type(line, "\n"), 1);
    assert_string_equal(line->text, "");
}

static void old_lines_come_back(void **state) {
    (void)state;
    becomes("\x10", "", "");
    struct line *line = fresh();
    assert_int_equal(type(line, "one\rtwo\r\rtwo\rthree\rdra\x1b[A"), 4 + 1);
    assert_string_equal(line->text, "three");
    type(line, "\x10");
    assert_string_equal(line->text, "two");
    type(line, "\x10\x10\x10");
    assert_string_equal(line->text, "one");
    type(line, "!\x1b[B");
    assert_string_equal(line->text, "two");
    type(line, "\x0e\x0e\x0e\x0e"
               "ft");
    assert_string_equal(line->text, "draft");
    assert_shown(line);
}

static void the_oldest_lines_are_forgotten(void **state) {
    (void)state;
    struct line *line = fresh();
    char text[16];
    for (unsigned i = 0; i < 3 * LINE_HISTORY; i++) {
        snprintf(text, sizeof(text), "%u\r", i);
        type(line, text);
        line_begin(line);
    }
    for (unsigned i = 0; i < 3 * LINE_HISTORY; i++)
        type(line, "\x10");
    snprintf(text, sizeof(text), "%u", 3 * LINE_HISTORY - (LINE_HISTORY - 1));
    assert_string_equal(line->text, text);
}

static void completion(void **state) {
    (void)state;
    becomes("h\t", "help ", "");
    becomes("e\t", "efi ", "");
    becomes("efi v\t", "efi vars", "");
    becomes("efi vars r\t", "efi vars read ", "");
    becomes("rex\x02\tx", "reboot x", "x");
    becomes("zz\t", "zz", "");
    assert_int_equal(terminal.bells, 1);
    becomes("efi vars\t", "efi vars", "");
    assert_int_equal(terminal.bells, 0);
    assert_int_equal(terminal.rows, 3);
    assert_memory_equal(terminal.list, "efi vars read  ", 15);
}

static void no_line_is_too_long(void **state) {
    (void)state;
    struct line *line = fresh();
    for (unsigned i = 0; i < 2 * LINE_BYTES; i++)
        line_take(line, 'a' + i % 26);
    assert_int_equal(strlen(line->text), LINE_BYTES - 1);
    assert_int_equal(terminal.bells, LINE_BYTES + 1);
    assert_shown(line);
    type(line, "\x01\t\x1b[C");
    assert_shown(line);
    type(line, "\x15h\t\x05");
    assert_shown(line);
}

// What follows the text in memory is the cursor.
static void the_last_byte_that_fits(void **state) {
    (void)state;
    struct line *line = fresh();
    for (unsigned i = 0; i < LINE_BYTES - 2; i++)
        line_take(line, 'a');
    type(line, "\x01\x1b[C\x1b[Cx");
    assert_int_equal(strlen(line->text), LINE_BYTES - 1);
    assert_int_equal(line->cursor, 3);
    assert_shown(line);
}

// Random bytes, mostly keys: the terminal always shows the line, and the
// sanitizers check each step.
static void type_anything(size_t columns) {
    static const char likely[] = "\x01\x02\x04\x05\x06\b\t\x0b\x0c\x0e\x10\x15"
                                 "\x17\x1b[ABCD~13;O]\a\refi vars";
    uint64_t seed = 2013;
    struct line *line = fresh();
    line->columns = columns;
    for (unsigned i = 0; i < 50000; i++) {
        uint32_t random = next_random(&seed);
        char byte = random % 8 ? likely[random / 8 % (sizeof(likely) - 1)]
                               : (char)(random >> 8);
        if (line_take(line, byte))
            line_begin(line);
        assert_shown(line);
    }
}

static void anything_may_be_typed(void **state) {
    (void)state;
    type_anything(0);
}

// The row is never longer than the terminal, which would wrap it.
static void a_narrow_terminal(void **state) {
    (void)state;
    struct line *line = fresh();
    line->columns = 30;
    type(line, "one two three four five six seven eight");
    assert_shown(line);
    type(line, "\x01xyz");
    assert_shown(line);
    assert_string_equal(line->text,
                        "xyzone two three four five six seven eight");
    type_anything(30);
    type_anything(LINE_NARROW);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),
        cmocka_unit_test(terminals_have_other_names_for_keys),
        cmocka_unit_test(other_sequences_mean_nothing),
        cmocka_unit_test(a_line_ends),
        cmocka_unit_test(old_lines_come_back),
        cmocka_unit_test(the_oldest_lines_are_forgotten),
        cmocka_unit_test(completion),
        cmocka_unit_test(no_line_is_too_long),
        cmocka_unit_test(the_last_byte_that_fits),
        cmocka_unit_test(anything_may_be_typed),
        cmocka_unit_test(a_narrow_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
