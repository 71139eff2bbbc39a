// The 8042 keyboard controller, polled, and scan codes of set 1: a byte when a
// key goes down, the same with bit 7 set when it comes up again.
//
// A prefix, 0xe0, distinguishes the arrows from those of the numeric pad, right
// Ctrl from the left one and so on. They mean the same here, so it is skipped.

#include "kernel/screen/keyboard.h"

#include "lib/x86.h"

#define PORT_DATA       0x60
#define PORT_STATUS     0x64
#define STATUS_FULL     0x01 // a byte is there to be read,
#define STATUS_IS_MOUSE 0x20 // the mouse's
#define STATUS_BUSY     0x02 // it has not yet read what was written last
#define CODES_MAX       32   // taken in one go
#define NO_CONTROLLER   0xff
#define ECHO            0xee   // a command, and what a keyboard answers to it
#define ANSWERS         32     // bytes that may lie before it in the queue
#define ANSWER_POLLS    100000 // of a port: 1 us each

enum scan_code {
    CTRL = 0x1d,
    SHIFT_LEFT = 0x2a,
    SHIFT_RIGHT = 0x36,
    CAPS_LOCK = 0x3a,
    RELEASED = 0x80,
};

// The US layout, from scan code 0 up: the main block, row by row.
static const char plain[] = "\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl"
                            ";'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJK"
                              "L:\"~\0|ZXCVBNM<>?\0*\0 ";

// What terminals send for the keys from Home on.
#define FIRST_SEQUENCE 0x47
static const char *const sequences[] = {
    "\033[H", "\033[A", "",       "-", "\033[D", "",        "\033[C",
    "+",      "\033[F", "\033[B", "",  "",       "\033[3~",
};

static bool shift, ctrl, caps;
static const char *rest = ""; // of the last key's bytes
static char single[2];

// Bytes of a mouse are taken as well, or they would be in the way for ever.
static bool poll(uint8_t *code) {
    uint8_t status = in8(PORT_STATUS);
    if (status == NO_CONTROLLER || !(status & STATUS_FULL))
        return false;
    *code = in8(PORT_DATA);
    return !(status & STATUS_IS_MOUSE);
}

static void press(uint8_t code) {
    if (code < sizeof(plain) - 1) {
        char key = plain[code];
        bool letter = key >= 'a' && key <= 'z';
        if (shift != (caps && letter))
            key = shifted[code];
        single[0] = ctrl && letter ? plain[code] & 0x1f : key;
        rest = single;
    } else if (code >= FIRST_SEQUENCE &&
               code < FIRST_SEQUENCE + ARRAY_SIZE(sequences)) {
        rest = sequences[code - FIRST_SEQUENCE];
    }
}

static void take(uint8_t code) {
    bool down = !(code & RELEASED);
    uint8_t key = code & ~RELEASED;
    if (key == SHIFT_LEFT || key == SHIFT_RIGHT)
        shift = down;
    else if (key == CTRL)
        ctrl = down;
    else if (key == CAPS_LOCK)
        caps ^= down;
    else if (down)
        press(key);
}

// A controller holds some bytes at most; one that always has another is broken.
bool keyboard_read(char *byte) {
    uint8_t code;
    for (unsigned i = 0; i < CODES_MAX && !*rest && poll(&code); i++)
        take(code);
    if (!*rest)
        return false;
    *byte = *rest++;
    return true;
}

static bool wait_until(uint8_t mask, uint8_t value) {
    for (unsigned poll = 0; poll < ANSWER_POLLS; poll++)
        if ((in8(PORT_STATUS) & mask) == value)
            return true;
    return false;
}

// The controller alone proves nothing: many PCs have one without a socket.
bool keyboard_answers(void) {
    uint8_t code = 0;
    if (in8(PORT_STATUS) == NO_CONTROLLER || !wait_until(STATUS_BUSY, 0))
        return false;
    out8(PORT_DATA, ECHO);
    for (unsigned i = 0; i < ANSWERS && code != ECHO; i++) {
        if (!wait_until(STATUS_FULL, STATUS_FULL))
            return false;
        code = in8(PORT_DATA);
    }
    return code == ECHO;
}
