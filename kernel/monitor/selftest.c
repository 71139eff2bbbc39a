// Runs the collected tests, and has those that look at the machine as a whole.

#include "kernel/monitor/selftest.h"

#include "kernel/monitor/monitor.h"
#include "kernel/stage.h"
#include "lib/options.h"
#include "lib/x86.h"
#include "mm/frames.h"
#include "mm/space.h"
#include "mm/visit/visit.h"
#include "mm/vmap/vmap.h"

static bool selftest_run(void) {
    bool all = true;
    unsigned count = selftests_end - selftests_start;
    print("KTAP version 1\n1..%u", count);
    for (unsigned i = 0; i < count; i++) {
        bool good = selftests_start[i].run();
        all &= good;
        print("%sok %u %s", good ? "" : "not ", i + 1, selftests_start[i].name);
    }
    return all;
}

static unsigned wanted;

ROW(options, selftest) = {"selftest",
                          "run the kernel's self-tests first, in KTAP",
                          .words = "off on", .choice = &wanted};

STAGE(LIVE, 50_selftest, "selftest") {
    if (wanted && !selftest_run())
        kernel->outcome = OUTCOME_FAIL;
    return STATUS_OK;
}

COMMAND(selftest, .name = "selftest",
        .help = "the kernel's self-tests, in KTAP") {
    if (!selftest_run())
        return fail(STATUS_FAILED, "a self-test failed");
    return STATUS_OK;
}

static bool note_wx(const struct leaf *leaf, void *good) {
    *(bool *)good &= !leaf_is_wx(leaf);
    return true;
}

TEST(no_page_is_writable_and_executable) {
    bool good = true;
    page_table_each(&kernel_table, note_wx, &good);
    return good;
}

TEST(kernel_sections_have_their_rights) {
    struct page_walk text, rodata, data;
    page_table_walk(&kernel_table, (va_t)text_start, &text);
    page_table_walk(&kernel_table, (va_t)rodata_start, &rodata);
    page_table_walk(&kernel_table, (va_t)data_start, &data);
    return text.exec && !text.write && !rodata.exec && !rodata.write &&
           !data.exec && data.write;
}

TEST(image_is_not_in_the_direct_map) {
    pa_t pa;
    va_t alias = (va_t)pa_to_va(image_pa_of(text_start));
    return !page_table_translate(&kernel_table, alias, &pa);
}

TEST(page_below_the_stack_is_not_mapped) {
    va_t va = frame_pointer();
    pa_t pa;
    while (page_table_translate(&kernel_table, va, &pa))
        va -= PAGE_SIZE;
    return space_is_stack_guard(va);
}

TEST(write_protect_and_nx_are_on) {
    return (read_cr0() & CR0_WP) && (read_msr(MSR_EFER) & EFER_NXE);
}

TEST(smep_and_smap_are_on_where_the_cpu_has_them) {
    bool smep = cpuid_features() & CPUID_SMEP;
    bool smap = cpuid_features() & CPUID_SMAP;
    return smep == !!(read_cr4() & CR4_SMEP) &&
           smap == !!(read_cr4() & CR4_SMAP);
}

TEST(frames_come_back) {
    uint64_t before = frames_pool()->free_pages;
    pa_t one = frame_alloc(), run = 0;
    frames_take_between("a test", 16, 2 * MIB, 0, UINT64_MAX, &run);
    bool taken = frames_pool()->free_pages == before - 17;
    frames_free(one, 1);
    frames_free(run, 16);
    return taken && is_aligned(run, 2 * MIB) &&
           frames_pool()->free_pages == before;
}

TEST(private_table_shares_the_kernel) {
    struct page_table table;
    uint64_t before = frames_pool()->free_pages;
    pa_t here, there;
    if (space_clone(&table))
        return false;
    bool shared =
        page_table_translate(&kernel_table, (va_t)text_start, &here) &&
        page_table_translate(&table, (va_t)text_start, &there) && here == there;
    page_table_free(&table);
    return shared && frames_pool()->free_pages == before;
}
