// The checks that core has, and the loop over all of them: see the header.

#include "kernel/proof.h"

#include <stdarg.h>

#include "efi/firmware.h"
#include "kernel/time.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

#define WAIT_US 5000000

const struct efi_guid baton_guid = {
    0x7d1b2a9e,
    0x5c43,
    0x4f0e,
    {0x9a, 0x86, 0x62, 0xb0, 0xa7, 0x01, 0x3e, 0x15}};
const struct efi_name proof_counter_name = EFI_NAME(u"BatonGeneration");

uint32_t proof_lacking;

enum verdict proof_detail(struct proof *proof, enum verdict verdict,
                          const char *text, ...) {
    size_t used = strlen(proof->detail);
    va_list arguments;
    va_start(arguments, text);
    used += vformat(proof->detail + used, PROOF_DETAIL_BYTES - used, text,
                    arguments);
    mark_cut(proof->detail, PROOF_DETAIL_BYTES, used);
    va_end(arguments);
    return verdict;
}

enum verdict proof_read_only(struct proof *proof) {
    return proof_detail(proof, SKIP, "; nothing written: %s", proof->read_only);
}

// ---- time: two different answers

// The machine may stand still for seconds (in system management mode, or on a
// busy host): so the clock is read once more after the deadline.
static enum verdict check_time(struct proof *proof) {
    struct efi_time first, now;
    uint64_t deadline = time_microseconds() + WAIT_US;
    bool is_late = false;
    efi_status_t status = efi_get_time(&first);
    now = first;
    while (status == EFI_SUCCESS && now.second == first.second && !is_late) {
        is_late = time_microseconds() > deadline;
        status = efi_get_time(&now);
    }
    bool moved = status == EFI_SUCCESS && efi_is_time(&first) &&
                 efi_is_time(&now) && now.second != first.second;
    return proof_detail(
        proof, verdict_of(moved),
        "GetTime: %s: %04u-%02u-%02u %02u:%02u:%02u, then :%02u",
        efi_status_name(status), first.year, first.month, first.day, first.hour,
        first.minute, first.second, now.second);
}

ROW(proofs, 10_time) = {"time", check_time, PROOF_NEEDS(EFI_GET_TIME)};

// ---- variable: what the last kernel wrote is there; this one adds one

static efi_status_t read_counter(uint32_t *value) {
    uint32_t attributes = 0;
    uint64_t bytes = sizeof(*value);
    *value = 0;
    efi_status_t status = efi_get_variable(&proof_counter_name, &baton_guid,
                                           &attributes, value, &bytes);
    if (status == EFI_SUCCESS &&
        (bytes != sizeof(*value) || attributes != BATON_ATTRIBUTES))
        return efi_reject(EFI_GET_VARIABLE,
                          "BatonGeneration: %lu bytes, attributes %#x: no "
                          "Baton wrote that",
                          bytes, attributes);
    return status;
}

// Writes one more than was found, and reads it. If it cannot be read, the
// variable holds what was written, if that succeeded.
static enum verdict count_on(struct proof *proof, uint32_t found) {
    uint32_t written = found + 1, read_back;
    efi_status_t write_status =
        efi_set_variable(&proof_counter_name, &baton_guid, BATON_ATTRIBUTES,
                         &written, sizeof(written));
    efi_status_t read_status = read_counter(&read_back);
    bool is_known = read_status == EFI_SUCCESS || read_status == EFI_NOT_FOUND;
    *proof->counter = is_known ? read_back : write_status ? found : written;
    proof_detail(proof, PASS, "; wrote %u: %s; reads %u", written,
                 efi_status_name(write_status), read_back);
    if (read_status && read_status != EFI_NOT_FOUND)
        return proof_detail(proof, FAIL, "; GetVariable: %s",
                            efi_status_name(read_status));
    if (read_status || write_status || read_back != written)
        return proof_detail(proof, FAIL, "; SetVariable did not write it");
    return PASS;
}

static enum verdict check_variable(struct proof *proof) {
    uint32_t found;
    bool expects_one = proof->boot->has_handoff;
    efi_status_t status = read_counter(&found);
    bool absent = status == EFI_NOT_FOUND;
    bool counted = proof->boot->through_linux ? found >= *proof->counter
                                              : found == *proof->counter;
    bool as_left = !expects_one || counted;
    if (status != EFI_SUCCESS && !absent) // there may be a count: keep it
        return proof_detail(proof, FAIL, "GetVariable: %s; nothing written",
                            efi_status_name(status));
    if (absent)
        proof_detail(proof, PASS, "not there yet");
    else
        proof_detail(proof, PASS, "%s %u",
                     expects_one ? "the last kernel's" : "an earlier boot's",
                     found);
    if (!proof->read_only)
        return verdict_both(verdict_of(as_left), count_on(proof, found));
    *proof->counter = found;
    return verdict_both(verdict_of(as_left), proof_read_only(proof));
}

ROW(proofs, 20_variable) = {"variable", check_variable,
                            PROOF_NEEDS(EFI_GET_VARIABLE) |
                                PROOF_NEEDS(EFI_SET_VARIABLE)};

// ---- all of them

// EFI_RT_PROPERTIES_TABLE may lack something that the check needs.
static enum verdict run(const struct proof_row *row, struct proof *proof) {
    uint32_t lacking = row->needs & proof_lacking;
    if (!lacking)
        return row->run(proof);
    return proof_detail(proof, SKIP,
                        "the firmware announces that it has no %s at runtime",
                        efi_service_name(__builtin_ctz(lacking)));
}

static void report(const char *check, enum verdict verdict,
                   const char *detail) {
    static const char *const verdicts[] = {"fail", "skip", "pass"};
    event("proof", "mode=%s check=%s verdict=%s detail=\"%s\"",
          firmware->mode->name, check, verdicts[verdict], detail);
}

bool proof_run(const struct boot_info *boot, uint64_t *counter,
               const char *read_only) {
    bool all = true;
    FOR_EACH_ROW(proofs, row) {
        struct proof proof = {
            .boot = boot, .counter = counter, .read_only = read_only};
        enum verdict verdict = run(row, &proof);
        report(row->name, verdict, proof.detail);
        all &= verdict != FAIL;
    }
    return all;
}
