// The serial line, polled. Without a UART its port reads as all ones, which
// looks like one that is always ready to send: the bytes are lost, and nothing
// hangs.

#include "kernel/serial.h"

#include "lib/log.h"
#include "lib/x86.h"

enum uart { DATA, INTERRUPTS, FIFO, LINE, MODEM, STATUS };

#define LINE_8N1          0x03
#define LINE_DIVISOR      0x80
#define FIFO_ON           0x07
#define MODEM_DTR_RTS     0x03
#define STATUS_SEND_EMPTY 0x20
#define SEND_POLLS        2000000 // 2 s, at 1 us for each

// A UART that has not sent a byte for seconds is stuck, for instance because
// the other end of the line holds it up. Then bytes are dropped, without a
// wait, until it is ready again.
static void write_byte(char byte) {
    static bool stuck;
    uint32_t polls = stuck ? 1 : SEND_POLLS;
    bool ready;
    while (!(ready = in8(SERIAL_PORT + STATUS) & STATUS_SEND_EMPTY) &&
           --polls > 0)
        spin_hint();
    stuck = !ready;
    if (ready)
        out8(SERIAL_PORT + DATA, byte);
}

void serial_init(void) {
    out8(SERIAL_PORT + INTERRUPTS, 0);
    out8(SERIAL_PORT + LINE, LINE_DIVISOR);
    out8(SERIAL_PORT + DATA, 1); // divisor 1: 115200 baud
    out8(SERIAL_PORT + INTERRUPTS, 0);
    out8(SERIAL_PORT + LINE, LINE_8N1);
    out8(SERIAL_PORT + FIFO, FIFO_ON);
    out8(SERIAL_PORT + MODEM, MODEM_DTR_RTS);
}

void serial_write(const char *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\n')
            write_byte('\r');
        write_byte(text[i]);
    }
}

static void write_line(uint32_t generation, const char *line, size_t bytes) {
    (void)generation;
    serial_write(line, bytes);
}

ROW(sinks, 10_serial) = {.write = write_line};
