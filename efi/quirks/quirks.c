// Deviations that are seen where they happen, and tolerated: what the code that
// asks does then is the remedy.

#include "efi/quirk.h"

ROW(quirks, crc_after_svam) = {
    .name = "crc-after-svam",
    .does = "a table's CRC is wrong after SetVirtualAddressMap",
    .remedy = "after that call the CRC is not checked",
    .source = "UEFI 2.10 section 4.2; U-Boot 2023.01, the system table"};

ROW(quirks, crc_never_filled) = {.name = "crc-never-filled",
                                 .does = "a table's CRC is 0",
                                 .remedy = "it is not checked",
                                 .source = "UEFI 2.10 section 4.2"};

ROW(quirks, pointer_lost) = {
    .name = "pointer-lost",
    .does = "FirmwareVendor or ConfigurationTable is invalid after "
            "SetVirtualAddressMap",
    .remedy = "it is not used; the next kernel gets its physical address",
    .source = "UEFI 2.10 section 8.4"};

ROW(quirks, promise_not_kept) = {
    .name = "promise-not-kept",
    .does = "a service is missing, and EFI_RT_PROPERTIES_TABLE announces it",
    .remedy = "it is treated as missing",
    .source = "UEFI 2.10 section 4.6; U-Boot 2023.01, ConvertPointer"};

ROW(quirks, promise_too_small) = {
    .name = "promise-too-small",
    .does = "a service works, and EFI_RT_PROPERTIES_TABLE does not announce it",
    .remedy = "no proof uses it",
    .source = "UEFI 2.10 section 4.6"};
