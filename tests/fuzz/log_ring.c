// The log of former kernels (kernel/history/log_ring.h): arbitrary bytes in its
// memory. An accepted ring can be read to its end, and written, and is accepted
// again.

#include "kernel/history/log_ring.h"

#include "lib/crc32.h"
#include "tests/fuzz/fuzz.h"

#define ROOM 4096

// Most generated inputs should look like a ring.
static struct log_ring *make(struct input *in) {
    struct log_ring *ring = malloc(ROOM);
    assert_non_null(ring);
    log_ring_init(ring, ROOM);
    if (take(in, 1) & 1)
        ring->magic = take(in, 8);
    if (take(in, 1) & 1)
        ring->bytes = take(in, 8);
    ring->start = take(in, 8);
    ring->end = ring->start + take(in, 2);
    size_t room = ROOM - sizeof(*ring);
    memset(ring->text, 0, room);
    memcpy(ring->text, in->at, min_u64(in->left, room));
    return ring;
}

static unsigned count_lines(const struct log_ring *ring) {
    const struct log_line *line;
    unsigned count = 0;
    for (uint64_t at = 0; (line = log_ring_next(ring, &at)); count++) {
        assert_true(line->bytes <= LOG_LINE_MAX);
        assert_true((uint8_t *)line + offsetof(struct log_line, text) +
                        line->bytes <=
                    (uint8_t *)ring + ROOM);
        uint32_t crc = crc32(0, (uint8_t *)line + 4, 8 + line->bytes);
        assert_int_equal(log_line_is_whole(line), crc == line->crc);
    }
    return count;
}

static void fuzz(struct input in) {
    struct log_ring *ring = make(&in);
    status_t status = log_ring_check(ring, ROOM);
    check_why(status);
    // A ring with an impossible fill count is accepted once only.
    if (status == STATUS_OK && ring->end < 1UL << 61) {
        unsigned before = count_lines(ring);
        log_ring_put(ring, 7, "a line", 6);
        assert_int_equal(log_ring_check(ring, ROOM), STATUS_OK);
        assert_true(count_lines(ring) <= before + 1);
        for (unsigned i = 0; i < 500; i++)
            log_ring_put(ring, i, "another line that is longer\n", i % 29);
        assert_int_equal(log_ring_check(ring, ROOM), STATUS_OK);
        assert_true(count_lines(ring) > 50);
    }
    free(ring);
}
