// A QR code (ISO/IEC 18004) of text in the alphanumeric mode.

#pragma once

#include "lib/types.h"

#define QR_VERSION_MAX 25
#define QR_MODULES_MAX (17 + 4 * QR_VERSION_MAX)
#define QR_TEXT_MAX    1853 // characters, in version 25 with level L
#define QR_QUIET       4    // modules that have to stay light around it

struct qr {
    unsigned modules;                               // of a side
    uint8_t module[QR_MODULES_MAX][QR_MODULES_MAX]; // by row; bit 0: dark
};

// The smallest one that has room for the text (characters of base45 only), with
// error correction level L: 7 % may be unreadable. False: it is too long.
bool qr_encode(const char *text, size_t length, struct qr *qr);
