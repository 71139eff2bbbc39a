// All consoles, and the first of them: the serial port.

#include "kernel/console/console.h"

#include "kernel/serial.h"
#include "lib/x86.h"

enum uart { DATA, STATUS = 5, SCRATCH = 7 };

#define STATUS_RECEIVED 0x01
#define STATUS_NO_UART  0xff

static bool serial_read(char *byte) {
    uint8_t status = in8(SERIAL_PORT + STATUS);
    if (!(status & STATUS_RECEIVED) || status == STATUS_NO_UART)
        return false;
    *byte = in8(SERIAL_PORT + DATA);
    return true;
}

// A 16550's scratch register keeps what is written; where there is no device,
// every port reads as all ones.
static bool has_uart(void) {
    out8(SERIAL_PORT + SCRATCH, 0x5a);
    return in8(SERIAL_PORT + SCRATCH) == 0x5a &&
           in8(SERIAL_PORT + STATUS) != STATUS_NO_UART;
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
