// Two bytes become three characters, the lowest digit first; a last byte two.

#include "kernel/qr/base45.h"

const char base45_characters[46] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

size_t base45(const uint8_t *in, size_t bytes, char *text) {
    size_t length = 0;
    for (size_t i = 0; i < bytes; i += 2) {
        bool is_pair = i + 1 < bytes;
        unsigned value = is_pair ? in[i] << 8 | in[i + 1] : in[i];
        for (unsigned digits = is_pair ? 3 : 2; digits > 0; digits--) {
            text[length++] = base45_characters[value % 45];
            value /= 45;
        }
    }
    text[length] = '\0';
    return length;
}
