// What driver.c gives to the sins, and what they are.

#pragma once

#include "efi.h"

// Besides a service's number, which is then GetTime's: the Memory Attributes
// Table stays, though it knows nothing of this driver, as it is with stock EDK2
// and any driver that comes after EndOfDxe.
#define KEEPS_ATTRIBUTES 0x100

struct sin {
    const char *name;
    unsigned entry;        // of the runtime table, which `instead` goes into
    service instead;       // 0: nothing does
    void (*prepare)(void); // 0: nothing else is to be done
    void (*leave)(void);   // at the end of ExitBootServices, when GRUB has read
                           // what it breaks; 0: nothing is to be done
};

extern const struct sin sins[]; // the last one has no name

extern struct table *system, *runtime;

// The services as they were. Converted by SetVirtualAddressMap.
extern service original[RT_ENTRIES];

extern service true_get_memory_map;

extern const struct guid attributes_guid; // of the Memory Attributes Table

extern void (*when_moved)(void); // called during SetVirtualAddressMap; or 0

service boot(enum boot_entry entry);
void convert(void *pointer); // during SetVirtualAddressMap alone
void hook_memory_map(service instead);
void prepare_sins(void);
void allow_interrupts(void); // registers.asm
void await_interrupt(void);
