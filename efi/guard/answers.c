// Answers: a status that a service may not give is replaced, and each new one
// is reported.

#include "efi/call.h"
#include "efi/guard/guard.h"
#include "efi/observe.h"
#include "lib/log.h"

uint32_t efi_came_back;

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

static bool answers_after(struct gate_call *call) {
    static efi_status_t reported[EFI_SERVICES];
    enum efi_service service = call->service;
    if (call->outcome != GATE_FAULTED) {
        efi_came_back |= 1u << service;
        if (!efi_status_in(call->status, answers[service]))
            call->status = efi_reject(service, "status %#lx, %s", call->status,
                                      efi_status_name(call->status));
    }
    if (reported[service] != ~call->status)
        event("efi.call", "svc=%s status=%s", efi_service_name(service),
              efi_status_name(call->status));
    reported[service] = ~call->status;
    return false;
}

ROW(observers, 30_answers) = {.after = answers_after};
