// Deviations that are seen where they happen, and tolerated: what the code that
// asks does then is the remedy.

#include "efi/quirk.h"

ROW(quirks, crc_after_svam) = {
    .name = "crc-after-svam",
    .does = "a table's CRC is wrong after SetVirtualAddressMap",
    .remedy = "after that call the CRC is not asked for",
    .source = "UEFI 2.10 section 4.2; U-Boot 2023.01, the system table"};

ROW(quirks, crc_never_filled) = {.name = "crc-never-filled",
                                 .does = "a table's CRC is 0",
                                 .remedy = "it is not asked for",
                                 .source = "UEFI 2.10 section 4.2"};

ROW(quirks, pointer_lost) = {
    .name = "pointer-lost",
    .does = "FirmwareVendor or ConfigurationTable leads nowhere after "
            "SetVirtualAddressMap",
    .remedy =
        "it is not followed; the next kernel is told its physical address",
    .source = "UEFI 2.10 section 8.4"};

ROW(quirks, promise_not_kept) = {
    .name = "promise-not-kept",
    .does =
        "a service is not there, and EFI_RT_PROPERTIES_TABLE does not say so",
    .remedy = "it is taken for missing",
    .source = "UEFI 2.10 section 4.6; U-Boot 2023.01, ConvertPointer"};

ROW(quirks, promise_too_small) = {
    .name = "promise-too-small",
    .does = "a service is there, and EFI_RT_PROPERTIES_TABLE says it is not",
    .remedy = "no proof relies on it",
    .source = "UEFI 2.10 section 4.6"};
