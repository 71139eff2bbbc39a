"""Lab 1: what its hand-out lacks, and the errors that students make."""

from kit import seed
from kit.folder import Mutant, Tailored

TITLE = "Painting memory"
FILES = ["lib/memory_map.c", "efi/region.c"]
UNITS = ["test_memory_map"]
GONE = {"lib/memory_map.c": ["stretch", "cut"], "efi/region.c": ["kind_of"]}
EDITS = []
DAY0 = "put stride"
SHAPED = "kinds"
MAP, REGION = FILES

KIND_OF_TYPE = "d->type < EFI_MEMORY_TYPES ? kinds[d->type] : 0;"


def tailor(of: int) -> Tailored:
    """What a type of memory of the vendor's own means: UEFI 2.10 §7.2 leaves
    0x70000000 to 0x7fffffff to OEMs."""
    oem, kind = seed.oem_type(of), seed.oem_kind(of)
    says = (f"Your machine's vendor uses memory of the type **{oem:#x}**, and "
            f"says that it is to be treated as **`MEMORY_{kind.upper()}`**.")
    solved = (REGION, KIND_OF_TYPE, KIND_OF_TYPE.replace(
        " : 0;", f"\n                   : d->type == {oem:#x} ? "
        f"MEMORY_{kind.upper()} : 0;"))
    return Tailored(says, solved=[solved])


MUTANTS = [
    Mutant("a range of the same kind is not raised, it is repeated", MAP,
           "memory_map_put", "join(map, first > 0 ? first - 1 : 0);",
           "(void)join;", "put"),
    Mutant("joins only what comes behind", MAP, "memory_map_put",
           "join(map, first > 0 ? first - 1 : 0);", "join(map, first);",
           "put"),
    Mutant("the later paint wins", MAP, "memory_map_put",
           "if (map->range[i].kind < kind)", "", "put"),
    Mutant("the less restrictive kind wins", MAP, "memory_map_put",
           "map->range[i].kind < kind", "map->range[i].kind > kind || "
           "map->range[i].kind == MEMORY_HOLE", "put"),
    Mutant("nothing fills the gap between two ranges", MAP, "stretch",
           "if (last < end)", "if (last == start)", "boots"),
    Mutant("the second cut is a page too far", MAP, "memory_map_put",
           "size_t end = cut(map, start + bytes);",
           "size_t end = cut(map, start + bytes) + 0 * bytes;\n"
           "    if (end < map->count)\n        end++;", "boots"),
    Mutant("no bytes make a range", MAP, "memory_map_put",
           "if (bytes == 0)\n        return STATUS_OK;",
           "if (bytes == 0)\n        bytes = 1;", "limits"),
    Mutant("the size of a descriptor is what it is on this machine", REGION,
           "efi_map_merge", "TRY(efi_map_check(efi));",
           "TRY(efi_map_check(efi));\n    static struct boot_efi own;\n    own = *efi;\n"
           "    own.descriptor_bytes = 48;\n    efi = &own;",
           "stride"),
    Mutant("memory of unknown types is free", REGION, "kind_of",
           "if (kind == MEMORY_HOLE ||", "if (kind == MEMORY_HOLE)\n"
           "        return MEMORY_USABLE;\n    if (", "kinds"),
    Mutant("the RUNTIME attribute is not looked at", REGION, "kind_of",
           "bool runtime = d->attribute & EFI_MEMORY_RUNTIME;",
           "bool runtime = false;", "kinds"),
    Mutant("memory that cannot be cached is free", REGION, "kind_of",
           "(memory_is_free(kind) && !runtime && !is_plain)",
           "(memory_is_free(kind) && !runtime && !is_plain && !kind)",
           "kinds"),
    Mutant("boot services are free at once", REGION, "kind_of",
           "[EFI_BOOT_SERVICES_DATA] = MEMORY_BOOT_SERVICES",
           "[EFI_BOOT_SERVICES_DATA] = MEMORY_USABLE", "kinds"),
]
