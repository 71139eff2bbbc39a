// The serial line, polled. Without a UART its port reads as all ones, which
// looks like one that is always ready to send: what goes there is lost, and
// nothing hangs.

#include "kernel/console.h"

#include "lib/log.h"
#include "lib/x86.h"

#define COM1 0x3f8

enum uart { DATA, INTERRUPTS, FIFO, LINE, MODEM, STATUS, SCRATCH = 7 };

#define LINE_8N1          0x03
#define LINE_DIVISOR      0x80
#define FIFO_ON           0x07
#define MODEM_DTR_RTS     0x03
#define STATUS_RECEIVED   0x01
#define STATUS_SEND_EMPTY 0x20
#define SEND_POLLS        2000000 // 2 s, at 1 us for each
#define STATUS_NO_UART    0xff

// A UART that has not sent a byte for seconds is stuck, for instance because
// the other end of the line holds it up. Nobody waits for it then; what comes
// until it is ready again is lost.
static void write_byte(char byte) {
    static bool stuck;
    uint32_t polls = stuck ? 1 : SEND_POLLS;
    bool ready;
    while (!(ready = in8(COM1 + STATUS) & STATUS_SEND_EMPTY) && --polls > 0)
        spin_hint();
    stuck = !ready;
    if (ready)
        out8(COM1 + DATA, byte);
}

void console_init(void) {
    out8(COM1 + INTERRUPTS, 0);
    out8(COM1 + LINE, LINE_DIVISOR);
    out8(COM1 + DATA, 1); // divisor 1: 115200 baud
    out8(COM1 + INTERRUPTS, 0);
    out8(COM1 + LINE, LINE_8N1);
    out8(COM1 + FIFO, FIFO_ON);
    out8(COM1 + MODEM, MODEM_DTR_RTS);
}

static void serial_write(const char *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\n')
            write_byte('\r');
        write_byte(text[i]);
    }
}

static bool serial_read(char *byte) {
    uint8_t status = in8(COM1 + STATUS);
    if (!(status & STATUS_RECEIVED) || status == STATUS_NO_UART)
        return false;
    *byte = in8(COM1 + DATA);
    return true;
}

// A 16550's scratch register keeps what is written; where nothing is, every
// port reads as all ones.
static bool has_uart(void) {
    out8(COM1 + SCRATCH, 0x5a);
    return in8(COM1 + SCRATCH) == 0x5a && in8(COM1 + STATUS) != STATUS_NO_UART;
}

ROW(consoles, 10_serial) = {"serial port", serial_write, serial_read, has_uart,
                            NULL};

void console_write(const char *text, size_t bytes) {
    FOR_EACH_ROW(consoles, console)
        console->write(text, bytes);
}

const struct console *console_read(char *byte) {
    FOR_EACH_ROW(consoles, console)
        if (console->read(byte))
            return console;
    return NULL;
}

static void write_line(uint32_t generation, const char *line, size_t bytes) {
    (void)generation;
    console_write(line, bytes);
}

ROW(sinks, 10_console) = {.write = write_line};
