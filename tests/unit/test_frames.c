// The kernel's pool of frames, used for clean-up after a failure.

#include "mm/frames.h"

#include "mm/early.h"
#include "mm/space.h"
#include "tests/unit/said.h"
#include "tests/unit/unit.h"

va_t direct_map_base;

const void *early_read(pa_t pa, uint64_t bytes) {
    (void)pa, (void)bytes;
    return NULL;
}

// A page table asks for one frame at a time, and gets none without a panic.
static void an_empty_pool_has_no_frame(void **state) {
    (void)state;
    assert_int_equal(frame_alloc(), 0);
    assert_int_equal(kernel_frames.alloc(), 0);
    assert_int_equal(frames_alloc_high(1), 0);
    assert_int_equal(frames_pool()->free_pages, 0);
}

// A failure to free memory does not hide the original error.
static void the_first_reason_stays(void **state) {
    (void)state;
    static struct memory_map memory = {
        .count = 1, .range = {{4 * MIB, 5 * MIB, MEMORY_USABLE}}};
    frames_add(&memory, MEMORY_USABLE);
    fail(STATUS_REFUSED, "the first reason");
    frames_free(4 * MIB, 1); // it is free already
    assert_string_equal(why(), "the first reason");
    assert_non_null(strstr(said, "not taken back"));
    frames_free(16 * MIB, 1);
    assert_string_equal(why(), "the first reason");
}

// Missing memory is distinguished from memory that a full list cannot hold.
static void a_reason_names_the_limit(void **state) {
    (void)state;
    const pa_t start = 32 * MIB + PAGE_SIZE;
    pa_t pa;
    assert_int_equal(
        frames_take_between("a test", 999, MIB, FRAMES_RUNS_PA, 64 * MIB, &pa),
        STATUS_NO_MEMORY);
    assert_string_equal(
        why(), "a test: no 999 contiguous free frames below 0x4000000");
    assert_int_equal(frames_take("a test", 999, &pa), STATUS_NO_MEMORY);
    assert_string_equal(
        why(), "a test: no 999 contiguous free frames below 0x100000000");
    assert_int_equal(frames_take("a test", 1, &pa), STATUS_OK); // at 16 MiB
    while (frames_pool()->count < FRAME_EXTENTS_MAX)
        frames_free(start + frames_pool()->count * 4 * PAGE_SIZE, 3);
    assert_int_equal(frames_take_between("a test", 1, 2 * PAGE_SIZE,
                                         FRAMES_RUNS_PA, UINT64_MAX, &pa),
                     STATUS_NO_MEMORY);
    assert_contains(why(), "0x100000000 that the full list of extents can");
    assert_int_equal(frames_take("a test", 3, &pa), STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_pool_has_no_frame),
        cmocka_unit_test(the_first_reason_stays),
        cmocka_unit_test(a_reason_names_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
