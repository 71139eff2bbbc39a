// Physical memory made of the input, piece by piece:
//
//   address (8 bytes) │ bytes (2) │ zeros after them (2) │ the bytes, and again
//
// A piece that begins where the last one ends is a part of it. So the dump of a
// real machine is a valid and short input, with its pointers unchanged. Pieces
// that overlap are dropped: each address has one byte.
// Reads return a copy: see tests/unit/copies.h.

#pragma once

#include "boot/boot_info.h"
#include "tests/fuzz/fuzz.h"

#define COPIES_MAX 32768 // an RSDT of 64 KiB has half as many entries
#include "tests/unit/copies.h"

#define PIECES_MAX 32

static struct {
    struct {
        pa_t pa;
        uint8_t *at;
        uint64_t bytes;
    } piece[PIECES_MAX];
    size_t pieces;
} memory;

static inline bool memory_overlaps(pa_t pa, uint64_t bytes) {
    for (size_t i = 0; i < memory.pieces; i++)
        if (pa - memory.piece[i].pa < memory.piece[i].bytes ||
            memory.piece[i].pa - pa < bytes)
            return true;
    return false;
}

static inline void memory_add(pa_t pa, struct input part, uint64_t zeros) {
    size_t i = memory.pieces;
    if (memory_overlaps(pa, part.left + zeros))
        return;
    if (i > 0 && pa == memory.piece[i - 1].pa + memory.piece[i - 1].bytes)
        i--;
    else if (i < PIECES_MAX)
        memory.piece[memory.pieces++].pa = pa;
    else
        return;
    uint64_t old = memory.piece[i].bytes, bytes = old + part.left + zeros;
    memory.piece[i].at = realloc(memory.piece[i].at, bytes + !bytes);
    memory.piece[i].bytes = bytes;
    memcpy(memory.piece[i].at + old, part.at, part.left);
    memset(memory.piece[i].at + old + part.left, 0, zeros);
}

static inline void memory_fill(struct input *in) {
    while (in->left > 0) {
        pa_t pa = take(in, 8);
        uint64_t bytes = take(in, 2), zeros = take(in, 2);
        memory_add(pa, take_part(in, bytes), zeros);
    }
}

// The bytes themselves, to be read or changed; NULL where they are not all.
static inline uint8_t *memory_at(pa_t pa, uint64_t bytes) {
    for (size_t i = 0; i < memory.pieces; i++) {
        uint64_t offset = pa - memory.piece[i].pa;
        if (offset <= memory.piece[i].bytes &&
            bytes <= memory.piece[i].bytes - offset)
            return memory.piece[i].at + offset;
    }
    return NULL;
}

// A memory_reader (boot/boot_info.h).
static inline const void *memory_read(pa_t pa, uint64_t bytes) {
    const uint8_t *from = memory_at(pa, bytes);
    return from ? copy_as_at(pa, from, bytes) : NULL;
}

static inline void memory_drop(void) {
    copies_free();
    while (memory.pieces > 0)
        free(memory.piece[--memory.pieces].at);
    memset(&memory, 0, sizeof(memory));
}
