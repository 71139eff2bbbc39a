// Deviations, faults, and answers that cannot be: see the header.

#include "efi/guard/judge.h"

#include "efi/call.h"
#include "efi/firmware.h"
#include "efi/space.h"
#include "efi/trace/touch.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/x86.h"

#define MENDED_MAX 64 // pages; a firmware that wants more is lost

efi_status_t efi_last_answer[EFI_SERVICES] = {[0 ... EFI_SERVICES - 1] =
                                                  UINT64_MAX};

uint32_t efi_came_back;

unsigned efi_on_fault = FAULT_ABORT;

ROW(options, efi_fault) = {"efi.fault", "what is done when the firmware faults",
                           .words = "abort retry off", .choice = &efi_on_fault};

static uint64_t deviant_calls[EFI_SERVICES];

// Every one is counted, but those of one service are told once each.
static void report_deviations(enum efi_service service, uint64_t changed) {
    static uint64_t told[EFI_SERVICES];
    const char *name;
    for (unsigned i = 0; (name = gate_register_name(i)); i++)
        if (changed & ~told[service] & 1UL << i)
            event("efi.deviation", "svc=%s register=%s",
                  efi_service_name(service), name);
    told[service] |= changed;
    deviant_calls[service]++;
}

void efi_judge_sum(void) {
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        if (deviant_calls[i])
            say("efi: %s changed registers in %lu calls; all were put back",
                efi_service_name(i), deviant_calls[i]);
}

// ---- faults

static const char *access_of(const struct gate_fault *fault) {
    static const char *const words[] = {"read", "write", "execute", "execute"};
    if (!fault->is_page_fault)
        return "none";
    return words[(fault->error >> 1 & 1) | (fault->error >> 3 & 2)];
}

static enum efi_service service_of(const struct gate_call *call) {
    unsigned i = 0;
    while (i < EFI_SERVICES && firmware.service[i] != call->function)
        i++;
    return i;
}

// What is at the addresses of a fault, before anything is done about it.
struct fault_place {
    const char *at_va, *at_rip;
};

static struct fault_place place_of(const struct gate_fault *fault) {
    return (struct fault_place){
        fault->is_page_fault ? efi_space_class(fault->address_va) : "none",
        efi_space_class(fault->rip)};
}

static void report_fault(enum efi_service service,
                         const struct gate_fault *fault,
                         struct fault_place place, const char *action) {
    event("efi.fault",
          "svc=%s vector=%lu rip=%#lx va=%#lx access=%s class=%s action=%s "
          "in=%s",
          efi_service_name(service), fault->vector, fault->rip,
          fault->address_va, access_of(fault), place.at_va, action,
          place.at_rip);
}

static bool is_mended_enough(void) {
    static bool told;
    if (gate_statistics.mended < MENDED_MAX)
        return false;
    if (!told)
        say("efi: efi.fault=retry has granted %d pages, and grants no more: "
            "from here on a fault ends its call",
            MENDED_MAX);
    return told = true;
}

// Gives the firmware the right that it lacked; what was done, or NULL.
static const char *give_right(const struct gate_fault *fault) {
    bool fetch = fault->error & FAULT_FETCH;
    pa_t table_pa = gate_current->table_pa;
    if (efi_space_learn(table_pa, fault->address_va, fetch))
        return "learned";
    if (efi_on_fault != FAULT_RETRY || is_mended_enough() ||
        efi_space_grant(table_pa, fault->address_va, fetch))
        return NULL;
    gate_statistics.mended++;
    return "mapped";
}

// In the trap handler, in the midst of a call: the firmware goes on as if it
// had always had the right. Nothing else runs, so the tables may be changed.
static bool mend(const struct gate_fault *fault) {
    if (!fault->is_page_fault)
        return false;
    struct reason kept = why_keep();
    struct fault_place place = place_of(fault);
    const char *action = give_right(fault);
    why_restore(&kept);
    if (action)
        report_fault(service_of(gate_current), fault, place, action);
    return action;
}

static void report_end(enum efi_service service, const struct gate_call *call) {
    report_fault(service, &call->fault, place_of(&call->fault), "aborted");
    firmware.aborted++;
    if (efi_on_fault == FAULT_OFF) {
        say("efi: all services are off from here on");
        memset(firmware.service, 0, sizeof(firmware.service));
    }
}

void efi_judge_init(void) {
    gate_mend = mend;
}

// ---- answers

// What each service may answer (UEFI 2.10 ch. 8). Any may be unsupported at
// runtime (§8.1), or find its device broken.
#define ALWAYS                                                                 \
    (EFI_STATUS_SET(EFI_SUCCESS) | EFI_STATUS_SET(EFI_UNSUPPORTED) |           \
     EFI_STATUS_SET(EFI_DEVICE_ERROR) | EFI_STATUS_SET(EFI_INVALID_PARAMETER))
#define MISSING   EFI_STATUS_SET(EFI_NOT_FOUND)
#define SMALL     EFI_STATUS_SET(EFI_BUFFER_TOO_SMALL)
#define FULL      EFI_STATUS_SET(EFI_OUT_OF_RESOURCES)
#define SECURE    EFI_STATUS_SET(EFI_SECURITY_VIOLATION)
#define PROTECTED EFI_STATUS_SET(EFI_WRITE_PROTECTED)
#define UNMAPPED  EFI_STATUS_SET(EFI_NO_MAPPING)

static const uint32_t answers[EFI_SERVICES] = {
    [EFI_GET_TIME] = ALWAYS,
    [EFI_SET_TIME] = ALWAYS,
    [EFI_GET_WAKEUP_TIME] = ALWAYS,
    [EFI_SET_WAKEUP_TIME] = ALWAYS,
    [EFI_SET_VIRTUAL_ADDRESS_MAP] = ALWAYS | MISSING | UNMAPPED,
    [EFI_CONVERT_POINTER] = ALWAYS | MISSING,
    [EFI_GET_VARIABLE] = ALWAYS | MISSING | SMALL | SECURE,
    [EFI_GET_NEXT_VARIABLE_NAME] = ALWAYS | MISSING | SMALL,
    [EFI_SET_VARIABLE] = ALWAYS | MISSING | FULL | SECURE | PROTECTED,
    [EFI_GET_NEXT_HIGH_MONOTONIC_COUNT] = ALWAYS,
    [EFI_RESET_SYSTEM] = ALWAYS,
    [EFI_UPDATE_CAPSULE] = ALWAYS | FULL,
    [EFI_QUERY_CAPSULE_CAPABILITIES] = ALWAYS | FULL,
    [EFI_QUERY_VARIABLE_INFO] = ALWAYS,
};

efi_status_t efi_judge(enum efi_service service, struct gate_call *call) {
    static efi_status_t told[EFI_SERVICES];
    efi_status_t answer = call->status;
    if (call->outcome != GATE_FAULTED)
        efi_came_back |= 1u << service;
    if (call->outcome == GATE_CHANGED)
        report_deviations(service, gate_deviations());
    if (call->outcome == GATE_FAULTED) {
        report_end(service, call);
        answer = EFI_ABORTED;
    } else if (!efi_status_in(answer, answers[service])) {
        answer = efi_reject(service, "status %#lx, %s", answer,
                            efi_status_name(answer));
    }
    if (told[service] != ~answer)
        event("efi.call", "svc=%s status=%s", efi_service_name(service),
              efi_status_name(answer));
    told[service] = ~answer;
    if (efi_touch_wanted)
        efi_touch_note(service, call);
    else
        efi_last_answer[service] = answer;
    call->outcome = GATE_KEPT; // for the next call with this record
    return answer;
}
