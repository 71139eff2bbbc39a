// Services that the firmware says it does not support at runtime: no proof
// relies on them.

#include "efi/services/properties.h"

// The order of the bits, which is not that of the runtime table.
static const uint8_t property_bits[EFI_SERVICES] = {
    EFI_GET_TIME,
    EFI_SET_TIME,
    EFI_GET_WAKEUP_TIME,
    EFI_SET_WAKEUP_TIME,
    EFI_GET_VARIABLE,
    EFI_GET_NEXT_VARIABLE_NAME,
    EFI_SET_VARIABLE,
    EFI_SET_VIRTUAL_ADDRESS_MAP,
    EFI_CONVERT_POINTER,
    EFI_GET_NEXT_HIGH_MONOTONIC_COUNT,
    EFI_RESET_SYSTEM,
    EFI_UPDATE_CAPSULE,
    EFI_QUERY_CAPSULE_CAPABILITIES,
    EFI_QUERY_VARIABLE_INFO};

status_t efi_missing_services(pa_t pa, memory_reader read, uint32_t *missing) {
    *missing = 0;
    if (!pa)
        return STATUS_OK;
    const struct efi_rt_properties_table *table = read(pa, sizeof(*table));
    if (!table || !is_aligned(pa, 4))
        return fail(STATUS_INVALID, "%#lx is not aligned, readable memory", pa);
    if (table->version != EFI_RT_PROPERTIES_VERSION ||
        table->bytes < sizeof(*table))
        return fail(STATUS_INVALID,
                    "version %u of %u bytes at %#lx; supported is version %d, "
                    "of %zu or more",
                    table->version, table->bytes, pa, EFI_RT_PROPERTIES_VERSION,
                    sizeof(*table));
    for (unsigned bit = 0; bit < EFI_SERVICES; bit++)
        if (!(table->supported >> bit & 1))
            *missing |= 1u << property_bits[bit];
    return STATUS_OK;
}
