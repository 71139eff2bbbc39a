"""Structures and numbers of the kernel as they are in memory, to read or write
them from outside; graders of the labs do so, too."""

import struct

DESCRIPTOR = struct.Struct("<IIQQQQ")  # UEFI 2.10 §7.2.3
REGION = struct.Struct("<I4xQQQQQ")  # struct efi_region (efi/region.h)
RANGE = struct.Struct("<QQI4x")  # struct memory_range (lib/memory_map.h)

KINDS = """hole usable boot-services boot-kept acpi nvs kept reserved runtime
    mmio lost in-use""".split()  # enum memory_kind

SERVICES = """GetTime SetTime GetWakeupTime SetWakeupTime
    SetVirtualAddressMap ConvertPointer GetVariable GetNextVariableName
    SetVariable GetNextHighMonotonicCount ResetSystem UpdateCapsule
    QueryCapsuleCapabilities QueryVariableInfo""".split()  # enum efi_service
