// What this kernel asks of ACPI: the registers by which the machine is reset or
// switched off, and two clocks. No firmware code runs for it: the tables name
// them.

#pragma once

#include "boot/boot_info.h"

struct acpi_reset {
    bool is_memory; // or an I/O port
    uint64_t address;
    uint8_t value; // what is to be written there, one byte
};

// The physical address of the RSDP. A kernel hands it on; GRUB passes the
// firmware's tables, which lead there. 0: there is none. Before
// SetVirtualAddressMap, which makes these addresses virtual.
pa_t acpi_find_rsdp(const struct boot_info *boot);

// Finds the reset register (ACPI 6.5 §4.8.3.6), by way of the RSDP at `rsdp_pa`
// (0: none is known) and the FADT. NOT_FOUND: a table is not there, or offers
// no such register; INVALID: a table is malformed; UNSUPPORTED: the register is
// in the configuration space of PCI, or unlike what the specification allows.
status_t acpi_find_reset(pa_t rsdp_pa, memory_reader read,
                         struct acpi_reset *reset);

// Finds the port of the ACPI PM timer, which counts at 3.579545 MHz; that of
// the PM1a control register, which switches off (§4.8.3.2.1); and the registers
// of the HPET. Errors as above.
status_t acpi_find_timer(pa_t rsdp_pa, memory_reader read, uint16_t *port);
status_t acpi_find_control(pa_t rsdp_pa, memory_reader read, uint16_t *port);
status_t acpi_find_hpet(pa_t rsdp_pa, memory_reader read, pa_t *hpet_pa);
