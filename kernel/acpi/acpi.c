// RSDP → XSDT or RSDT → FADT → reset register: see the header. Nothing in these
// tables is aligned, and all of it is the firmware's word until checked.

#include "kernel/acpi/acpi.h"

#include "lib/status.h"
#include "lib/string.h"

#define TABLE_BYTES_MAX (64 * KIB)
#define RESET_SUPPORTED (1u << 10) // FADT flags, table 5.10

enum { SPACE_MEMORY = 0, SPACE_IO = 1 }; // §5.2.3.2

struct rsdp { // §5.2.5.3
    char signature[8];
    uint8_t checksum, oem[6], revision;
    uint32_t rsdt_pa, bytes; // from `bytes` on: since revision 2
    uint64_t xsdt_pa;
    uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

#define RSDP_FIRST_BYTES offsetof(struct rsdp, bytes)

struct table { // §5.2.6
    char signature[4];
    uint32_t bytes;
    uint8_t rest[28];
} __attribute__((packed));

struct fadt { // §5.2.9
    struct table header;
    uint8_t before[28];
    uint32_t control_port, others[2], timer_port;
    uint8_t between[32];
    uint32_t flags;
    uint8_t space, bits, first_bit, access; // the register, §5.2.3.2
    uint64_t address;
    uint8_t value;
} __attribute__((packed));

struct hpet { // IA-PC HPET specification 1.0a, §3.2.4
    struct table header;
    uint32_t block;
    uint8_t space, bits, first_bit, access;
    uint64_t address;
} __attribute__((packed));

static bool sums_to_zero(const uint8_t *at, uint64_t bytes) {
    uint8_t sum = 0;
    while (bytes-- > 0)
        sum += *at++;
    return sum == 0;
}

struct whole_table {
    const uint8_t *at;
    uint32_t bytes; // read once: a second look might find another number
};

static status_t read_table(pa_t pa, const char *signature, uint64_t bytes_min,
                           memory_reader read, struct whole_table *whole) {
    const struct table *table = read(pa, sizeof(*table));
    if (!table || memcmp(table->signature, signature, 4))
        return fail(STATUS_NOT_FOUND, "ACPI: no readable %s at %#lx", signature,
                    pa);
    uint32_t bytes = table->bytes;
    bool is_possible = bytes >= bytes_min && bytes <= TABLE_BYTES_MAX;
    *whole = (struct whole_table){is_possible ? read(pa, bytes) : NULL, bytes};
    if (!whole->at)
        return fail(STATUS_INVALID,
                    "ACPI: %s at %#lx has %u bytes; must be %lu to %lu, "
                    "all of them readable",
                    signature, pa, bytes, bytes_min, TABLE_BYTES_MAX);
    if (!sums_to_zero(whole->at, bytes))
        return fail(STATUS_INVALID, "ACPI: %s at %#lx: wrong checksum",
                    signature, pa);
    return STATUS_OK;
}

struct wanted {
    const char *signature;
    uint32_t bytes_min;
};

// The first such table of those that the root table lists, in entries of 4 or 8
// bytes.
static status_t find_in(pa_t root_pa, const char *signature,
                        unsigned entry_bytes, struct wanted wanted,
                        memory_reader read, struct whole_table *table) {
    struct whole_table root;
    TRY(read_table(root_pa, signature, sizeof(struct table), read, &root));
    for (uint32_t offset = sizeof(struct table);
         offset + entry_bytes <= root.bytes; offset += entry_bytes) {
        pa_t pa = 0;
        memcpy(&pa, root.at + offset, entry_bytes);
        status_t status =
            read_table(pa, wanted.signature, wanted.bytes_min, read, table);
        if (status != STATUS_NOT_FOUND)
            return status;
    }
    return fail(STATUS_NOT_FOUND, "ACPI: no readable %s in the %s at %#lx",
                wanted.signature, signature, root_pa);
}

static status_t find(pa_t pa, struct wanted wanted, memory_reader read,
                     struct whole_table *table) {
    const struct rsdp *rsdp = pa ? read(pa, RSDP_FIRST_BYTES) : NULL;
    if (!rsdp || memcmp(rsdp->signature, "RSD PTR ", 8))
        return fail(STATUS_NOT_FOUND, "ACPI: no readable RSDP at %#lx", pa);
    bool is_sound = sums_to_zero((const uint8_t *)rsdp, RSDP_FIRST_BYTES);
    bool has_xsdt = rsdp->revision >= 2;
    if (has_xsdt) {
        rsdp = read(pa, sizeof(*rsdp));
        is_sound &= rsdp && sums_to_zero((const uint8_t *)rsdp, sizeof(*rsdp));
    }
    if (!is_sound)
        return fail(STATUS_INVALID,
                    "ACPI: RSDP at %#lx: wrong checksum, or not all readable",
                    pa);
    return has_xsdt ? find_in(rsdp->xsdt_pa, "XSDT", 8, wanted, read, table)
                    : find_in(rsdp->rsdt_pa, "RSDT", 4, wanted, read, table);
}

static status_t find_fadt(pa_t rsdp_pa, memory_reader read,
                          const struct fadt **fadt) {
    struct whole_table found;
    TRY(find(rsdp_pa, (struct wanted){"FACP", sizeof(**fadt)}, read, &found));
    *fadt = (const struct fadt *)found.at;
    return STATUS_OK;
}

status_t acpi_find_reset(pa_t rsdp_pa, memory_reader read,
                         struct acpi_reset *reset) {
    const struct fadt *fadt;
    TRY(find_fadt(rsdp_pa, read, &fadt));
    if (!(fadt->flags & RESET_SUPPORTED))
        return fail(STATUS_NOT_FOUND, "ACPI: FADT flags %#x: no reset register",
                    fadt->flags);
    if (fadt->space > SPACE_IO || fadt->bits != 8 || fadt->first_bit != 0 ||
        fadt->address == 0 ||
        (fadt->space == SPACE_IO && fadt->address > UINT16_MAX))
        return fail(STATUS_UNSUPPORTED,
                    "ACPI: reset register of %u bits from bit %u at %#lx in "
                    "address space %u",
                    fadt->bits, fadt->first_bit, fadt->address, fadt->space);
    *reset = (struct acpi_reset){fadt->space == SPACE_MEMORY, fadt->address,
                                 fadt->value};
    return STATUS_OK;
}

static status_t check_port(const char *what, uint32_t at, uint16_t *port) {
    if (at == 0 || at > UINT16_MAX)
        return fail(STATUS_UNSUPPORTED,
                    "ACPI: the FADT has its %s at port %#x; must be 1 to %#x",
                    what, at, UINT16_MAX);
    *port = (uint16_t)at;
    return STATUS_OK;
}

// §4.8.3.3: where it is in an I/O port, as it is on every PC.
status_t acpi_find_timer(pa_t rsdp_pa, memory_reader read, uint16_t *port) {
    const struct fadt *fadt;
    TRY(find_fadt(rsdp_pa, read, &fadt));
    return check_port("timer", fadt->timer_port, port);
}

status_t acpi_find_control(pa_t rsdp_pa, memory_reader read, uint16_t *port) {
    const struct fadt *fadt;
    TRY(find_fadt(rsdp_pa, read, &fadt));
    return check_port("control register", fadt->control_port, port);
}

status_t acpi_find_hpet(pa_t rsdp_pa, memory_reader read, pa_t *hpet_pa) {
    struct whole_table found;
    TRY(find(rsdp_pa, (struct wanted){"HPET", sizeof(struct hpet)}, read,
             &found));
    const struct hpet *hpet = (const struct hpet *)found.at;
    if (hpet->space != SPACE_MEMORY || !is_aligned(hpet->address, KIB))
        return fail(STATUS_UNSUPPORTED,
                    "ACPI: HPET at %#lx in address space %u", hpet->address,
                    hpet->space);
    *hpet_pa = hpet->address;
    return STATUS_OK;
}
