// CRC-32, four bits at a time: the remainder of each of the 16 nibbles is all
// the table that it takes.

#include "lib/crc32.h"

// What a nibble leaves in the register after four steps of division.
static const uint32_t remainder[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
    0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
    0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
};

uint32_t crc32(uint32_t seed, const void *data, size_t bytes) {
    const uint8_t *in = data;
    uint32_t crc = ~seed;

    for (size_t i = 0; i < bytes; i++) {
        crc ^= in[i];
        crc = crc >> 4 ^ remainder[crc & 0xF];
        crc = crc >> 4 ^ remainder[crc & 0xF];
    }
    return ~crc;
}
