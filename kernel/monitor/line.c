// The keys are the shell's. Each is one control byte and one small function
// (the table at the end); what a terminal sends for arrows and the like are
// only longer names of the same keys.

#include "kernel/monitor/line.h"

#include "lib/format.h"
#include "lib/string.h"

#define CONTROL(letter) ((letter)&0x1f)
#define BELL            "\a"
#define ESCAPE          '\x1b'
#define RUBOUT          '\x7f'

static void put(const struct line *line, const char *text) {
    line->write(text, strlen(text));
}

static size_t columns(const struct line *line) {
    return line->columns ? line->columns : LINE_COLUMNS;
}

// The piece of the line around the cursor, with the cursor back in its place.
static void show(const struct line *line) {
    size_t room = columns(line) - strlen(line->prompt);
    size_t first = line->cursor > room ? line->cursor - room : 0;
    size_t count = strnlen(line->text + first, room);
    size_t back = first + count - line->cursor;
    char motion[16];
    put(line, "\r");
    put(line, line->prompt);
    line->write(line->text + first, count);
    put(line, "\x1b[K");
    format(motion, sizeof(motion), "\x1b[%zuD", back);
    if (back > 0)
        put(line, motion);
}

static void insert(struct line *line, const char *text) {
    size_t bytes = strlen(text);
    char *at = line->text + line->cursor;
    if (strlen(line->text) + bytes >= LINE_BYTES) {
        put(line, BELL);
        return;
    }
    memmove(at + bytes, at, strlen(at) + 1);
    memcpy(at, text, bytes);
    line->cursor += bytes;
}

// Takes out what is between the cursor and `place`, on either side of it.
static void cut(struct line *line, size_t place) {
    size_t from = min_u64(line->cursor, place);
    const char *rest = line->text + max_u64(line->cursor, place);
    memmove(line->text + from, rest, strlen(rest) + 1);
    line->cursor = from;
}

// ---- history

static void remember(struct line *line) {
    if (!line->text[0] || str_equal(line->text, line->history[1]))
        return;
    memmove(line->history[2], line->history[1],
            (LINE_HISTORY - 2) * LINE_BYTES);
    memcpy(line->history[1], line->text, LINE_BYTES);
}

static void recall(struct line *line, size_t number) {
    if (line->shown == 0)
        memcpy(line->history[0], line->text, LINE_BYTES);
    line->shown = number;
    memcpy(line->text, line->history[number], LINE_BYTES);
    line->cursor = strlen(line->text);
}

static void older(struct line *line) {
    if (line->shown + 1 < LINE_HISTORY && line->history[line->shown + 1][0])
        recall(line, line->shown + 1);
}

static void newer(struct line *line) {
    if (line->shown > 0)
        recall(line, line->shown - 1);
}

// ---- completion

// The next offer, from *n on, that begins as the line does up to the cursor.
static bool next_offer(const struct line *line, size_t *n, char *text) {
    while (line->offer(line->text, (*n)++, text, LINE_BYTES))
        if (strncmp(text, line->text, line->cursor) == 0)
            return true;
    return false;
}

static void list_offers(const struct line *line) {
    char text[LINE_BYTES];
    put(line, "\n");
    for (size_t n = 0; next_offer(line, &n, text);) {
        put(line, text);
        put(line, "\n");
    }
}

// Types for the user what all offers have in common; where that is nothing,
// shows them.
static void complete(struct line *line) {
    char common[LINE_BYTES] = "", text[LINE_BYTES];
    size_t found = 0;
    for (size_t n = 0; next_offer(line, &n, text); found++) {
        if (found == 0)
            memcpy(common, text, LINE_BYTES);
        for (size_t i = 0; common[i]; i++)
            if (common[i] != text[i])
                common[i] = '\0';
    }
    if (found == 0)
        put(line, BELL);
    else if (common[line->cursor])
        insert(line, common + line->cursor);
    else if (found > 1)
        list_offers(line);
    if (found == 1)
        insert(line, " ");
}

// ---- keys

static size_t home(const struct line *line) {
    (void)line;
    return 0;
}

static size_t end(const struct line *line) {
    return strlen(line->text);
}

static size_t left(const struct line *line) {
    return line->cursor - (line->cursor > 0);
}

static size_t right(const struct line *line) {
    return line->cursor + (line->text[line->cursor] != '\0');
}

static size_t word_left(const struct line *line) {
    size_t to = line->cursor;
    while (to > 0 && line->text[to - 1] == ' ')
        to--;
    while (to > 0 && line->text[to - 1] != ' ')
        to--;
    return to;
}

static void clear(struct line *line) {
    put(line, "\x1b[H\x1b[2J");
}

static void cancel(struct line *line) {
    put(line, "^C\n");
    line_begin(line);
}

// A key moves the cursor, or cuts what it would move over, or does something
// else.
static const struct key {
    char byte;
    size_t (*move)(const struct line *line);
    size_t (*cut)(const struct line *line);
    void (*act)(struct line *line);
} keys[] = {
    {CONTROL('A'), .move = home},    {CONTROL('E'), .move = end},
    {CONTROL('B'), .move = left},    {CONTROL('F'), .move = right},
    {CONTROL('U'), .cut = home},     {CONTROL('K'), .cut = end},
    {CONTROL('H'), .cut = left},     {CONTROL('D'), .cut = right},
    {RUBOUT, .cut = left},           {CONTROL('W'), .cut = word_left},
    {CONTROL('P'), .act = older},    {CONTROL('N'), .act = newer},
    {CONTROL('I'), .act = complete}, {CONTROL('L'), .act = clear},
    {CONTROL('C'), .act = cancel},
};

static void press(struct line *line, const struct key *key) {
    if (key->move)
        line->cursor = key->move(line);
    if (key->cut)
        cut(line, key->cut(line));
    if (key->act)
        key->act(line);
    show(line);
}

// ---- escape sequences (ECMA-48 §5.4, §5.6; xterm's and the VT220's keys)

// ESC [ parameter final, or ESC O final, as the control byte of the same key.
// Other keys, with longer parameters or a second '[', have none.
static char key_of(char parameter, char final) {
    static const char names[][2] = {
        {'A', CONTROL('P')}, {'B', CONTROL('N')}, {'C', CONTROL('F')},
        {'D', CONTROL('B')}, {'H', CONTROL('A')}, {'F', CONTROL('E')},
        {'1', CONTROL('A')}, {'7', CONTROL('A')}, {'4', CONTROL('E')},
        {'8', CONTROL('E')}, {'3', CONTROL('D')},
    };
    char name = final == '~' || parameter == '[' ? parameter : final;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i][0] == name)
            return names[i][1];
    return '\0';
}

// What a byte means: a character, a control byte, or NUL while a sequence that
// it belongs to goes on or has no meaning here.
static char decode(struct line *line, char byte) {
    bool control = (uint8_t)byte < ' ';
    if (byte == ESCAPE) {
        line->state = ESCAPED;
        return '\0';
    }
    switch (line->state) {
    case TYPING:
        return byte;
    case ESCAPED:
        line->parameter = '\0';
        line->state = byte == '[' || byte == 'O'   ? IN_SEQUENCE
                      : byte == ']' || byte == 'P' ? IN_STRING
                                                   : TYPING;
        return control ? byte : '\0';
    case IN_SEQUENCE:
        if ((byte >= ' ' && byte < '@') || byte == '[') {
            line->parameter = line->parameter ? '?' : byte;
            return '\0';
        }
        line->state = TYPING;
        return control ? byte : key_of(line->parameter, byte);
    case IN_STRING:
        line->state = byte == '\a' ? TYPING : IN_STRING;
        return '\0';
    }
    return '\0';
}

// ---- a line

void line_begin(struct line *line) {
    line->text[0] = '\0';
    line->cursor = line->shown = 0;
    show(line);
}

// A character at the end of the line is all that has to be written then.
static void type(struct line *line, char byte) {
    bool at_end = !line->text[line->cursor] &&
                  strlen(line->prompt) + line->cursor < columns(line);
    insert(line, (char[]){byte, '\0'});
    if (at_end)
        line->write(&byte, 1);
    else
        show(line);
}

bool line_take(struct line *line, char byte) {
    byte = decode(line, byte);
    if (byte == '\r' || byte == '\n') {
        put(line, "\n");
        remember(line);
        return true;
    }
    if (byte >= ' ' && byte < RUBOUT)
        type(line, byte);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (keys[i].byte == byte)
            press(line, &keys[i]);
    return false;
}
