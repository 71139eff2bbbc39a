// The ring of the log: lines are read as written, oldest first; and no invalid
// ring makes a reader leave its memory.

#include "kernel/history/log_ring.h"

#include "tests/unit/unit.h"

#define ROOM 2048 // bytes

// On the heap, so that the address sanitizer checks both ends.
static struct log_ring *new_ring(void) {
    struct log_ring *ring = malloc(ROOM);
    assert_non_null(ring);
    memset(ring, 0xee, ROOM);
    log_ring_init(ring, ROOM);
    return ring;
}

static void put(struct log_ring *ring, uint32_t generation, const char *text) {
    log_ring_put(ring, generation, text, strlen(text));
}

static void assert_line(const struct log_line *line, uint32_t generation,
                        const char *text) {
    assert_true(log_line_is_whole(line));
    assert_int_equal(line->generation, generation);
    assert_int_equal(line->bytes, strlen(text));
    assert_memory_equal(line->text, text, strlen(text));
}

static void lines_come_back_in_order(void **state) {
    (void)state;
    struct log_ring *ring = new_ring();
    const struct log_line *line;
    uint64_t at = 0;
    assert_int_equal(log_ring_check(ring, ROOM), STATUS_OK);
    assert_null(log_ring_next(ring, &at));
    put(ring, 0, "one\n");
    put(ring, 0, "");
    put(ring, 7, "three\n");
    assert_int_equal(log_ring_check(ring, ROOM), STATUS_OK);
    assert_non_null(line = log_ring_next(ring, &at));
    assert_line(line, 0, "one\n");
    assert_non_null(line = log_ring_next(ring, &at));
    assert_line(line, 0, "");
    assert_non_null(line = log_ring_next(ring, &at));
    assert_line(line, 7, "three\n");
    assert_null(log_ring_next(ring, &at));
    put(ring, 8, "four");
    assert_non_null(line =
                        log_ring_next(ring, &at)); // the reader continues there
    assert_line(line, 8, "four");
    free(ring);
}

// The text of line n, of a length that makes lines end everywhere in the ring.
static const char *text_of(unsigned n, char *text) {
    memset(text, 'a' + n % 26, n % 97);
    text[n % 97] = '\0';
    return text;
}

static void new_lines_push_out_the_oldest(void **state) {
    (void)state;
    struct log_ring *ring = new_ring();
    const struct log_line *line;
    char text[LOG_LINE_MAX];
    for (unsigned n = 0; n < 5000; n++) {
        put(ring, n, text_of(n, text));
        assert_int_equal(log_ring_check(ring, ROOM), STATUS_OK);
        uint64_t at = 0;
        unsigned first = 0, count = 0;
        for (; (line = log_ring_next(ring, &at)); count++) {
            first = count ? first : line->generation;
            assert_line(line, first + count, text_of(first + count, text));
        }
        assert_int_equal(first + count, n + 1);
        // None was dropped unnecessarily.
        uint64_t used = ring->end - ring->start;
        uint64_t last_dropped = first ? 12 + (first - 1) % 97 : UINT32_MAX;
        assert_true(used + last_dropped > ring->bytes);
    }
    free(ring);
}

// So that not one byte of the ring is left, and then one line more.
static void lines_that_fill_the_ring_are_all_kept(void **state) {
    (void)state;
    struct log_ring *ring = new_ring();
    const struct log_line *line;
    const uint64_t head = offsetof(struct log_line, text), each = head + 20;
    char text[64] = {0};
    unsigned n = 0;
    uint64_t at = 0;
    memset(text, 'x', 40);
    for (; ring->bytes - ring->end >= 2 * each; n++)
        log_ring_put(ring, n, text, 20);
    log_ring_put(ring, n, text, ring->bytes - ring->end - head);
    assert_int_equal(ring->end, ring->bytes);
    assert_int_equal(log_ring_check(ring, ROOM), STATUS_OK);
    assert_non_null(line = log_ring_next(ring, &at));
    assert_int_equal(line->generation, 0);
    log_ring_put(ring, n + 1, text, 20); // as long as the oldest one
    at = 0;
    assert_non_null(line = log_ring_next(ring, &at));
    assert_int_equal(line->generation, 1);
    free(ring);
}

static void a_long_line_is_cut(void **state) {
    (void)state;
    struct log_ring *ring = new_ring();
    const struct log_line *line;
    char text[LOG_LINE_MAX + 2];
    memset(text, 'x', sizeof(text));
    uint64_t at = 0;
    log_ring_put(ring, 0, text, sizeof(text));
    assert_non_null(line = log_ring_next(ring, &at));
    assert_int_equal(line->bytes, LOG_LINE_MAX);
    assert_true(log_line_is_whole(line));
    free(ring);
}

static void a_reader_that_was_overtaken_goes_on(void **state) {
    (void)state;
    struct log_ring *ring = new_ring();
    const struct log_line *line;
    uint64_t at = 0;
    put(ring, 0, "old");
    for (unsigned n = 1; n < 200; n++)
        put(ring, n, "new");
    assert_non_null(line = log_ring_next(ring, &at));
    assert_true(line->generation > 0);
    assert_true(log_line_is_whole(line));
    free(ring);
}

static void a_flipped_bit_is_seen_in_its_line_alone(void **state) {
    (void)state;
    for (unsigned bit = 0; bit < 8 * (12 + 6); bit++) {
        struct log_ring *ring = new_ring();
        const struct log_line *line;
        uint64_t at = 0;
        put(ring, 3, "before");
        put(ring, 3, "damage");
        put(ring, 3, "behind");
        ring->text[18 + bit / 8] ^= 1 << bit % 8;
        assert_non_null(line = log_ring_next(ring, &at));
        assert_line(line, 3, "before");
        if ((line = log_ring_next(ring, &at))) // unless its length is off
            assert_false(log_line_is_whole(line));
        if (bit < 64 || bit >= 96) {
            assert_non_null(line = log_ring_next(ring, &at));
            assert_line(line, 3, "behind");
        }
        free(ring);
    }
}

static void assert_refused(const struct log_ring *ring, const char *reason) {
    assert_int_equal(log_ring_check(ring, ROOM), STATUS_REFUSED);
    assert_contains(why(), reason);
}

static void invalid_rings_are_refused(void **state) {
    (void)state;
    struct log_ring *ring = new_ring(), good = *ring;
    put(ring, 1, "text");
    good.end = ring->end;

    ring->magic++;
    assert_refused(ring, "0x474f4c4e4f544143, 1492 bytes");
    *ring = good;
    ring->bytes--;
    assert_refused(ring, "1491 bytes, lines from 0 to 0x10");
    *ring = good;
    ring->end = ring->bytes + 1;
    assert_refused(ring, "from 0 to 0x5d5");
    *ring = good;
    ring->start = ring->end + 1;
    assert_refused(ring, "from 0x11 to 0x10");
    *ring = good;
    ring->start = ring->end = UINT64_MAX;
    assert_refused(ring, "from 0xffffffffffffffff");
    *ring = good;
    ring->end++;
    assert_refused(ring, "the line at 0x10 claims");
    *ring = good;
    ring->text[8]++;
    assert_refused(ring, "the line at 0 claims 5 bytes; 16 are left");
    ring->text[8]--;
    assert_int_equal(log_ring_check(ring, ROOM), STATUS_OK);
    free(ring);
}

// A ring that passes the check can be read and written without leaving it.
static void random_rings_are_safe(void **state) {
    (void)state;
    uint64_t random = 1;
    unsigned passed = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct log_ring *ring = new_ring();
        const struct log_line *line;
        for (unsigned n = 0; n < 60; n++)
            put(ring, n, "some words of a line");
        for (unsigned n = next_random(&random) % 4; n > 0; n--)
            ((uint8_t *)ring)[next_random(&random) % ROOM] ^=
                1 << next_random(&random) % 8;
        if (log_ring_check(ring, ROOM) == STATUS_OK) {
            passed++;
            for (uint64_t at = 0; (line = log_ring_next(ring, &at));)
                log_line_is_whole(line);
            for (unsigned n = 0; n < 100; n++)
                put(ring, n, "more words");
            assert_int_equal(log_ring_check(ring, ROOM), STATUS_OK);
        }
        free(ring);
    }
    assert_between(passed, 100, 19900);
}

// In a kernel that overwrites its ring, and then logs.
static void a_ring_that_was_written_over_takes_lines_again(void **state) {
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct log_ring *ring = new_ring();
        const struct log_line *line;
        uint64_t at = 0;
        for (unsigned n = 0; n < 100; n++)
            put(ring, n, "some words");
        if (kind == 0)
            ring->end += 1UL << 60;
        else if (kind == 1)
            ring->start = ring->end + 1;
        else
            memset(ring->text, 0xff, ROOM - sizeof(*ring));
        for (unsigned n = 0; n < 100; n++)
            put(ring, n, "other words");
        while ((line = log_ring_next(ring, &at)))
            assert_true(log_line_is_whole(line));
        assert_int_equal(at, ring->end);
        free(ring);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_back_in_order),
        cmocka_unit_test(new_lines_push_out_the_oldest),
        cmocka_unit_test(lines_that_fill_the_ring_are_all_kept),
        cmocka_unit_test(a_long_line_is_cut),
        cmocka_unit_test(a_reader_that_was_overtaken_goes_on),
        cmocka_unit_test(a_flipped_bit_is_seen_in_its_line_alone),
        cmocka_unit_test(invalid_rings_are_refused),
        cmocka_unit_test(random_rings_are_safe),
        cmocka_unit_test(a_ring_that_was_written_over_takes_lines_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
