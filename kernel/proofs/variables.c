// Two more proofs about variables: the list of all of them, and the free space.

#include "efi/services/variables.h"
#include "efi/config/config.h"
#include "efi/services/rest.h"
#include "efi/services/utf16.h"
#include "kernel/proof.h"
#include "lib/status.h"

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
    census->ours |= utf16_equal(variable->name.text, proof_counter_name.text) &&
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
    return proof_detail(
        proof, verdict_of(complete),
        "%lu variables, %lu bytes, %lu unreadable; BatonGeneration is "
        "%s; GetNextVariableName ended with %s",
        all.count, census.bytes, census.unreadable,
        census.ours ? "among them"
        : ended     ? "not there"
                    : "not among these",
        why());
}

ROW(proofs, 30_enumerate) = {"enumerate", check_enumerate,
                             PROOF_NEEDS(EFI_GET_VARIABLE) |
                                 PROOF_NEEDS(EFI_GET_NEXT_VARIABLE_NAME)};

// ---- space: there is free space, and a write uses some of it

static const struct efi_name scratch_name = EFI_NAME(u"BatonScratch");

static efi_status_t query_space(uint64_t *maximum, uint64_t *free,
                                uint64_t *largest) {
    return efi_query_variable_info(BATON_ATTRIBUTES, maximum, free, largest);
}

// Does a write use space, and can the variable be deleted again?
static enum verdict try_write(struct proof *proof, uint64_t before) {
    uint64_t maximum, after, largest, value = 0;
    efi_set_variable(&scratch_name, &baton_guid, BATON_ATTRIBUTES, &value,
                     sizeof(value));
    efi_status_t status = query_space(&maximum, &after, &largest);
    efi_status_t gone =
        efi_set_variable(&scratch_name, &baton_guid, 0, NULL, 0);
    return proof_detail(proof, verdict_of(!status && !gone && after < before),
                        ", %lu after a write", after);
}

static enum verdict check_space(struct proof *proof) {
    uint64_t maximum, free, largest;
    efi_status_t status = query_space(&maximum, &free, &largest);
    bool sound = free <= maximum && largest <= maximum;
    if (status != EFI_SUCCESS)
        return proof_detail(proof, FAIL, "QueryVariableInfo: %s",
                            efi_status_name(status));
    proof_detail(proof, PASS,
                 "QueryVariableInfo: %s: largest variable %lu; %lu of %lu "
                 "bytes free",
                 efi_status_name(status), largest, free, maximum);
    return verdict_both(verdict_of(sound), proof->read_only
                                               ? proof_read_only(proof)
                                               : try_write(proof, free));
}

ROW(proofs, 40_space) = {"space", check_space,
                         PROOF_NEEDS(EFI_GET_VARIABLE) |
                             PROOF_NEEDS(EFI_SET_VARIABLE) |
                             PROOF_NEEDS(EFI_QUERY_VARIABLE_INFO)};
