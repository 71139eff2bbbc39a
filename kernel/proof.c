// The checks, in the order of the table at the end. EFI_SUCCESS alone proves
// little: a variable counts when the next kernel reads it, time when it moves,
// and SetVirtualAddressMap when it refuses to be called again.

#include "kernel/proof.h"

#include <stdarg.h>

#include "efi/call.h"
#include "efi/firmware.h"
#include "efi/gate.h"
#include "efi/protect/attributes.h"
#include "efi/quirk.h"
#include "efi/services.h"
#include "efi/services/rest.h"
#include "efi/services/variables.h"
#include "efi/space.h"
#include "efi/trace/touch.h"
#include "kernel/time.h"
#include "kernel/verdict.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/utf16.h"
#include "lib/x86.h"
#include "mm/space.h"

#define DETAIL_BYTES  256
#define WAIT_SECONDS  5
#define UNEVEN_ROUNDS 61

struct proof {
    const struct boot_info *boot;
    uint64_t *counter;
    const char *spared; // why nothing may be changed; NULL: it may
    char detail[DETAIL_BYTES];
};

const struct efi_guid baton_guid =
    EFI_GUID(7d1b2a9e, 5c43, 4f0e, 9a86, 62b0a7013e15);
static const struct efi_name counter_name = EFI_NAME(u"BatonGeneration");

// Says in the detail what was found, and returns the verdict.
static __attribute__((format(printf, 3, 4))) enum verdict
tell(struct proof *proof, enum verdict verdict, const char *text, ...) {
    size_t used = strlen(proof->detail);
    va_list arguments;
    va_start(arguments, text);
    used += vformat(proof->detail + used, DETAIL_BYTES - used, text, arguments);
    mark_cut(proof->detail, DETAIL_BYTES, used);
    va_end(arguments);
    return verdict;
}

// ---- time: two different answers, and interrupts that came in between

// Interrupts are on if something sends them (kernel/timer).
// With efi.touch=on nearly all of the loop is the taking of notes, about as
// long as a tick, and a tick may never come in the rest. Where every round
// takes the same time, as under icount, ticks could keep in step with it and
// miss the calls for ever: so the rounds differ.
static enum verdict check_time(struct proof *proof) {
    struct efi_time first, now;
    uint64_t wanted = read_rflags() & RFLAGS_IF && !efi_touch_wanted;
    uint64_t interrupts = gate_statistics.interrupts;
    efi_status_t status = efi_get_time(&first, NULL);
    uint64_t deadline = time_ran() + WAIT_SECONDS * 1000000UL;
    now = first;
    while (status == EFI_SUCCESS && time_ran() < deadline &&
           (now.second == first.second ||
            gate_statistics.interrupts < interrupts + wanted)) {
        for (uint64_t n = gate_statistics.calls % UNEVEN_ROUNDS; n > 0; n--)
            spin_hint();
        status = efi_get_time(&now, NULL);
    }

    interrupts = gate_statistics.interrupts - interrupts;
    bool moved = status == EFI_SUCCESS && efi_is_time(&first) &&
                 efi_is_time(&now) && now.second != first.second;
    return tell(
        proof, verdict_of(moved && interrupts >= wanted),
        "GetTime: %s: %04u-%02u-%02u %02u:%02u:%02u, then :%02u; %lu timer "
        "interrupts came during the calls",
        efi_status_name(status), first.year, first.month, first.day, first.hour,
        first.minute, first.second, now.second, interrupts);
}

// Ends a check whose other part would change the machine.
static enum verdict spare(struct proof *proof) {
    return tell(proof, SKIP, "; nothing written: %s", proof->spared);
}

// ---- variable: what the last kernel wrote is there; one more is written

static efi_status_t read_counter(uint32_t *value) {
    uint32_t attributes = 0;
    uint64_t bytes = sizeof(*value);
    *value = 0;
    efi_status_t status = efi_get_variable(&counter_name, &baton_guid,
                                           &attributes, value, &bytes);
    if (status == EFI_SUCCESS &&
        (bytes != sizeof(*value) || attributes != BATON_ATTRIBUTES))
        return efi_reject(EFI_GET_VARIABLE,
                          "BatonGeneration: %lu bytes, attributes %#x: nobody "
                          "counts so",
                          bytes, attributes);
    return status;
}

// Writes one more than was found, and reads it. Where reading fails, what is
// there is what was written, if it was.
static enum verdict count_on(struct proof *proof, uint32_t found) {
    uint32_t written = found + 1, read_back;
    efi_status_t write_status =
        efi_set_variable(&counter_name, &baton_guid, BATON_ATTRIBUTES, &written,
                         sizeof(written));
    efi_status_t read_status = read_counter(&read_back);
    bool is_known = read_status == EFI_SUCCESS || read_status == EFI_NOT_FOUND;
    *proof->counter = is_known ? read_back : write_status ? found : written;
    tell(proof, PASS, "; wrote %u: %s; reads %u", written,
         efi_status_name(write_status), read_back);
    if (read_status && read_status != EFI_NOT_FOUND)
        return tell(proof, FAIL, "; GetVariable: %s",
                    efi_status_name(read_status));
    if (read_status || write_status || read_back != written)
        return tell(proof, FAIL, "; SetVariable did not write it");
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
        return tell(proof, FAIL, "GetVariable: %s; nothing written",
                    efi_status_name(status));
    if (absent)
        tell(proof, PASS, "not there yet");
    else
        tell(proof, PASS, "%s %u",
             expects_one ? "the last kernel's" : "an earlier boot's", found);
    if (!proof->spared)
        return verdict_both(verdict_of(as_left), count_on(proof, found));
    *proof->counter = found;
    return verdict_both(verdict_of(as_left), spare(proof));
}

// ---- enumerate: every name once, each readable, ours among them if it exists

struct census {
    uint64_t bytes, unreadable;
    bool ours;
};

static void count_variable(const struct efi_variable *variable,
                           struct census *census) {
    static uint8_t data[EFI_DATA_BYTES];
    uint64_t bytes = sizeof(data);
    efi_status_t status = efi_get_variable(&variable->name, &variable->vendor,
                                           NULL, data, &bytes);
    census->bytes += status == EFI_SUCCESS ? bytes : 0;
    census->unreadable += status != EFI_SUCCESS;
    census->ours |= utf16_equal(variable->name.text, counter_name.text) &&
                    efi_guid_equal(&variable->vendor, &baton_guid);
}

static enum verdict check_enumerate(struct proof *proof) {
    struct efi_variables all = {0};
    struct census census = {0};
    status_t status;
    while ((status = efi_variables_next(&all)) == STATUS_OK)
        count_variable(&all.at, &census);
    bool ended = status == STATUS_NOT_FOUND;
    bool complete =
        ended && !census.unreadable && census.ours == (*proof->counter != 0);
    return tell(proof, verdict_of(complete),
                "%lu variables, %lu bytes, %lu unreadable; BatonGeneration is "
                "%s; GetNextVariableName ended with %s",
                all.count, census.bytes, census.unreadable,
                census.ours ? "among them"
                : ended     ? "not there"
                            : "not among these",
                why());
}

// ---- space: the store has room, and a write takes some of it

static const struct efi_name scratch_name = EFI_NAME(u"BatonScratch");

static efi_status_t room(uint64_t *maximum, uint64_t *free, uint64_t *largest) {
    return efi_query_variable_info(BATON_ATTRIBUTES, maximum, free, largest);
}

// Does a variable take room, and can it be deleted again?
static enum verdict takes_room(struct proof *proof, uint64_t before) {
    uint64_t maximum, after, largest, value = 0;
    efi_set_variable(&scratch_name, &baton_guid, BATON_ATTRIBUTES, &value,
                     sizeof(value));
    efi_status_t status = room(&maximum, &after, &largest);
    efi_status_t gone =
        efi_set_variable(&scratch_name, &baton_guid, 0, NULL, 0);
    return tell(proof, verdict_of(!status && !gone && after < before),
                ", %lu after a write", after);
}

static enum verdict check_space(struct proof *proof) {
    uint64_t maximum, free, largest;
    efi_status_t status = room(&maximum, &free, &largest);
    bool sound = free <= maximum && largest <= maximum;
    if (status != EFI_SUCCESS)
        return tell(proof, FAIL, "QueryVariableInfo: %s",
                    efi_status_name(status));
    tell(proof, PASS,
         "QueryVariableInfo: %s: largest variable %lu; %lu of %lu "
         "bytes free",
         efi_status_name(status), largest, free, maximum);
    return verdict_both(verdict_of(sound),
                        proof->spared ? spare(proof) : takes_room(proof, free));
}

// ---- services: the rest of the fourteen, each with an answer that fits

#define YEARS 4 // by which the clock is moved: a leap year stays one

// A year may end while the clock is looked at.
static bool is_in(const struct efi_time *time, uint16_t year) {
    return time->year == year || time->year == year + 1;
}

// Moves the clock, reads it, and puts it back to where it would be by now.
static efi_status_t try_set_time(void) {
    struct efi_time was, moved, now;
    efi_status_t status = efi_get_time(&was, NULL);
    if (status != EFI_SUCCESS)
        return status;
    if (!efi_is_time(&was))
        return efi_reject(EFI_GET_TIME, "no time that could be put back");
    moved = was;
    moved.year += YEARS;
    status = efi_set_time(&moved);
    if (status != EFI_SUCCESS)
        return status;
    efi_get_time(&now, NULL);
    bool has_moved = is_in(&now, moved.year);
    struct efi_time back = has_moved ? now : was;
    back.year -= has_moved ? YEARS : 0;
    status = efi_set_time(&back);
    if (!has_moved)
        return efi_reject(EFI_SET_TIME, "the clock was set to %u and shows %u",
                          moved.year, now.year);
    efi_get_time(&now, NULL);
    if (status != EFI_SUCCESS || !is_in(&now, back.year))
        return efi_reject(EFI_SET_TIME,
                          "the clock was put back to %u and shows "
                          "%u",
                          back.year, now.year);
    return status;
}

struct alarm {
    bool enabled, pending;
    struct efi_time time;
};

static efi_status_t read_alarm(struct alarm *alarm) {
    return efi_get_wakeup_time(&alarm->enabled, &alarm->pending, &alarm->time);
}

static efi_status_t try_get_wakeup(void) {
    struct alarm alarm;
    return read_alarm(&alarm);
}

static bool is_at(const struct alarm *alarm, const struct efi_time *time) {
    return alarm->enabled && alarm->time.hour == time->hour &&
           alarm->time.minute == time->minute &&
           alarm->time.second == time->second;
}

// Sets the alarm to the end of today, for some clocks know no later day; reads
// it, and puts it back. Where it cannot be read, nothing would show.
static efi_status_t try_set_wakeup(void) {
    struct alarm was, now;
    struct efi_time time;
    efi_status_t status = read_alarm(&was);
    if (status == EFI_SUCCESS)
        status = efi_get_time(&time, NULL);
    if (status != EFI_SUCCESS)
        return status;
    time.hour = 23;
    time.minute = time.second = 59;
    status = efi_set_wakeup_time(true, &time);
    if (status != EFI_SUCCESS)
        return status;
    bool is_set = read_alarm(&now) == EFI_SUCCESS && is_at(&now, &time);
    status = efi_set_wakeup_time(was.enabled, was.enabled ? &was.time : NULL);
    if (!is_set)
        return efi_reject(EFI_SET_WAKEUP_TIME,
                          "set to 23:59:59, the alarm is %s, at %02u:%02u:%02u",
                          now.enabled ? "on" : "off", now.time.hour,
                          now.time.minute, now.time.second);
    if (status != EFI_SUCCESS || read_alarm(&now) != EFI_SUCCESS ||
        now.enabled != was.enabled)
        return efi_reject(EFI_SET_WAKEUP_TIME, "the alarm cannot be put back");
    return status;
}

// Descriptors of a version that there is not: a firmware that was never moved
// refuses them, one that was refuses any (UEFI 2.10 §8.4). It is not called
// where it lies in memory that was given back.
static efi_status_t try_move(void) {
    va_t entry = firmware.service[EFI_SET_VIRTUAL_ADDRESS_MAP];
    struct efi_memory_descriptor none = {0};
    if (!efi_region_of_pa(&firmware.regions, entry, 1))
        return EFI_UNSUPPORTED;
    return efi_set_virtual_address_map(&none, sizeof(none), sizeof(none),
                                       EFI_DESCRIPTOR_VERSION + 1);
}

static efi_status_t try_convert(void) {
    uint64_t address = 0;
    return efi_convert_pointer(0, &address);
}

static efi_status_t try_count(void) {
    uint32_t first, second;
    efi_status_t status = efi_get_next_high_monotonic_count(&first);
    if (status == EFI_SUCCESS)
        status = efi_get_next_high_monotonic_count(&second);
    if (status == EFI_SUCCESS && second <= first)
        return efi_reject(EFI_GET_NEXT_HIGH_MONOTONIC_COUNT, "%#x after %#x",
                          second, first);
    return status;
}

static efi_status_t try_update_capsule(void) {
    struct efi_capsule_header none = {.header_bytes = sizeof(none)};
    return efi_update_capsule(&none, 0);
}

static efi_status_t try_query_capsule(void) {
    struct efi_capsule_header none = {.header_bytes = sizeof(none),
                                      .image_bytes = sizeof(none)};
    uint64_t largest;
    enum efi_reset_type reset;
    return efi_query_capsule_capabilities(&none, 1, &largest, &reset);
}

// What each may answer here (UEFI 2.10 ch. 8), as a set of status codes. Any
// service may be unsupported at runtime, but then the firmware's properties
// table has to say so; where UNSUPPORTED stands here, it has a meaning of its
// own as well. What changes the machine, if only for a moment, is done only
// when asked for.
#define SUCCESS     EFI_STATUS_SET(EFI_SUCCESS)
#define INVALID     EFI_STATUS_SET(EFI_INVALID_PARAMETER)
#define UNSUPPORTED EFI_STATUS_SET(EFI_UNSUPPORTED)
#define NOT_FOUND   EFI_STATUS_SET(EFI_NOT_FOUND)

static const struct {
    enum efi_service service;
    efi_status_t (*try)(void);
    uint32_t accepted;
    bool changes;
} trials[] = {
    {EFI_SET_TIME, try_set_time, SUCCESS, true},
    {EFI_GET_WAKEUP_TIME, try_get_wakeup, SUCCESS | UNSUPPORTED, false},
    {EFI_SET_WAKEUP_TIME, try_set_wakeup, SUCCESS | UNSUPPORTED, true},
    {EFI_SET_VIRTUAL_ADDRESS_MAP, try_move, INVALID | UNSUPPORTED, true},
    {EFI_CONVERT_POINTER, try_convert, INVALID | NOT_FOUND, false},
    {EFI_GET_NEXT_HIGH_MONOTONIC_COUNT, try_count, SUCCESS, true},
    {EFI_UPDATE_CAPSULE, try_update_capsule, INVALID | UNSUPPORTED, true},
    {EFI_QUERY_CAPSULE_CAPABILITIES, try_query_capsule, SUCCESS | UNSUPPORTED,
     false},
};

// A service that the firmware says it has not has to answer EFI_UNSUPPORTED.
// Others should not, where that has no meaning of its own; some do.
static bool is_accepted(enum efi_service service, uint32_t accepted,
                        efi_status_t status) {
    bool is_missing = status == EFI_UNSUPPORTED;
    if (firmware_lacks(service) && !is_missing)
        efi_tolerates("promise-too-small"); // if so: no proof relies on it
    if (firmware_lacks(service))
        return is_missing;
    if (is_missing && !(accepted & UNSUPPORTED))
        return efi_tolerates("promise-not-kept");
    return efi_status_in(status, accepted);
}

static enum verdict check_services(struct proof *proof) {
    size_t tried = 0, unsupported = 0;
    for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
        enum efi_service service = trials[i].service;
        if (trials[i].changes && proof->spared)
            continue;
        efi_status_t status = trials[i].try();
        tried++;
        unsupported += status == EFI_UNSUPPORTED;
        if (!is_accepted(service, trials[i].accepted, status))
            tell(proof, FAIL, "%s: %s; ", efi_service_name(service),
                 efi_status_name(status));
    }
    if (proof->detail[0])
        return FAIL;
    tell(proof, PASS,
         "%zu more services answer as UEFI says, %zu with EFI_UNSUPPORTED",
         tried, unsupported);
    return proof->spared ? spare(proof) : PASS;
}

// ---- again: SetVirtualAddressMap must refuse a second time

static enum verdict check_again(struct proof *proof) {
    if (firmware.svam == SVAM_NEVER)
        return tell(proof, SKIP, "never called, so it would not refuse");
    struct efi_memory_descriptor none = {0};
    efi_status_t status = efi_set_virtual_address_map(
        &none, sizeof(none), sizeof(none), EFI_DESCRIPTOR_VERSION);
    return tell(proof, verdict_of(status == EFI_UNSUPPORTED),
                "SetVirtualAddressMap, asked again at its physical address: %s",
                efi_status_name(status));
}

// ---- mapping and rights, by walking the page table

static enum verdict check_mapping(struct proof *proof) {
    if (efi_space_verify())
        return tell(proof, FAIL, "%s", why());
    return tell(proof, PASS, "%lu pages lead where they should",
                efi_regions_bytes(&firmware.regions) / PAGE_SIZE);
}

static enum verdict check_wx(struct proof *proof) {
    uint64_t pages = efi_protect_count_wx();
    if (memory_attributes.count == 0)
        return tell(proof, SKIP, "%s: %lu pages stay writable and executable",
                    memory_attributes.absence, pages);
    return tell(
        proof, verdict_of(pages == 0),
        "%lu pages are writable and executable at once; %zu rows of attributes",
        pages, memory_attributes.count);
}

// A call that changed registers was repaired; but on good firmware none does.
// And after hundreds of calls the page table is still the kernel's.
static enum verdict check_gate(struct proof *proof) {
    const struct gate_statistics *s = &gate_statistics;
    bool home = read_cr3() == kernel_table.root_pa;
    return tell(
        proof, verdict_of(home && !s->deviations && !s->faults && !s->mended),
        "%lu calls, %lu registers came back changed, %lu faults%s", s->calls,
        s->deviations, s->faults, home ? "" : "; CR3 is not the kernel's");
}

// What each needs; a service that the firmware never promised is not missed.
#define BIT(service) (1u << (service))
#define VARIABLES    (BIT(EFI_GET_VARIABLE) | BIT(EFI_SET_VARIABLE))
#define NAMES        (BIT(EFI_GET_VARIABLE) | BIT(EFI_GET_NEXT_VARIABLE_NAME))

static const struct {
    const char *name;
    enum verdict (*run)(struct proof *proof);
    uint32_t needs;
} checks[] = {
    {"time", check_time, BIT(EFI_GET_TIME)},
    {"variable", check_variable, VARIABLES},
    {"enumerate", check_enumerate, NAMES},
    {"space", check_space, VARIABLES | BIT(EFI_QUERY_VARIABLE_INFO)},
    {"services", check_services, 0},
    {"again", check_again, 0},
    {"mapping", check_mapping, 0},
    {"wx", check_wx, 0},
    {"gate", check_gate, 0},
};

// EFI_RT_PROPERTIES_TABLE may lack something that the check needs.
static enum verdict run(size_t check, struct proof *proof) {
    uint32_t lacking = checks[check].needs & firmware.missing_services;
    if (!lacking)
        return checks[check].run(proof);
    return tell(proof, SKIP,
                "the firmware announces that it has no %s at runtime",
                efi_service_name(__builtin_ctz(lacking)));
}

static void announce(const char *check, enum verdict verdict,
                     const char *detail) {
    static const char *const verdicts[] = {"fail", "skip", "pass"};
    event("proof", "mode=%s check=%s verdict=%s detail=\"%s\"",
          firmware.mode->name, check, verdicts[verdict], detail);
}

void proof_off(efi_status_t status) {
    char detail[DETAIL_BYTES];
    format(detail, sizeof(detail), "ResetSystem came back: %s",
           efi_status_name(status));
    announce("off", FAIL, detail);
}

bool proof_run(const struct boot_info *boot, uint64_t *counter,
               const char *spared) {
    bool all = true;
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        struct proof proof = {
            .boot = boot, .counter = counter, .spared = spared};
        enum verdict verdict = run(i, &proof);
        announce(checks[i].name, verdict, proof.detail);
        all &= verdict != FAIL;
    }
    event("efi.gate",
          "calls=%lu deviations=%lu faults=%lu interrupts=%lu mended=%lu",
          gate_statistics.calls, gate_statistics.deviations,
          gate_statistics.faults, gate_statistics.interrupts,
          gate_statistics.mended);
    return all;
}
