"""Lab 6: what its hand-out lacks and has besides, and the usual errors."""

from kit import seed
from kit.folder import Mutant, Tailored

TITLE = "Called once: SetVirtualAddressMap and a rule of your own"
FILES = ["efi/modes/yours.c", "efi/region.c", "efi/virtual.c"]
UNITS = []
GONE = {}
EDITS = []
DAY0 = "write rule"
SHAPED = "rule"
YOURS, REGION, VIRTUAL = FILES


def tailor(of: int) -> Tailored:
    mine = seed.rule(of)
    where = ("downwards: the last region ends at" if mine["down"] else
             "upwards: the first region begins at")
    says = (f"Your regions go **{where} {mine['start']:#x} or as near as they "
            f"can**, holes are of **{mine['hole']:#x} bytes**, the modulus is "
            f"**{mine['modulo']:#x}**. These numbers are at the top of "
            "`efi/modes/yours.c`.")
    old = ["YOURS_DOWN   1", "YOURS_START  0x500000000000UL",
           "YOURS_HOLE   0x100000UL", "YOURS_MODULO 0x200000UL"]
    new = [f"YOURS_DOWN   {mine['down']}", f"YOURS_START  {mine['start']:#x}UL",
           f"YOURS_HOLE   {mine['hole']:#x}UL",
           f"YOURS_MODULO {mine['modulo']:#x}UL"]
    return Tailored(says, [(YOURS, a, b) for a, b in zip(old, new)],
                    "solution")


MUTANTS = [
    Mutant("the step between descriptors is that of the struct", REGION,
           "efi_regions_write", "map + r->listed * step",
           "map + r->listed * sizeof(d)", "write"),
    Mutant("the map says physical addresses again", REGION,
           "efi_regions_write", "with_va ? r->va : 0", "with_va ? r->pa : 0",
           "write"),
    Mutant("the order of the firmware's map is lost", REGION,
           "efi_regions_write", "map + r->listed * step", "map + i * step",
           "write"),
    Mutant("attributes are left out", REGION, "efi_regions_write",
           ".attribute = r->attribute", ".attribute = 0 * r->attribute",
           "write"),
    Mutant("the modulus is forgotten", YOURS, "efi_place_yours",
           "touches ? 0 : (highest - r->pa) % YOURS_MODULO", "0", "rule"),
    Mutant("neighbours are parted", YOURS, "efi_place_yours",
           "bool touches = n &&", "bool touches = false &&", "rule"),
    Mutant("the hole is forgotten", YOURS, "efi_place_yours",
           "n && !touches ? YOURS_HOLE : 0", "0", "rule"),
    Mutant("in the other direction", YOURS, "efi_place_yours",
           "size_t i = YOURS_DOWN ? regions->count - 1 - n : n;",
           "size_t i = YOURS_DOWN ? n : regions->count - 1 - n;", "rule"),
    Mutant("right for the five regions of this machine", YOURS,
           "efi_place_yours", "n < regions->count; n++", "n < 5; n++", "rule"),
    Mutant("the answer is not looked at", VIRTUAL, "efi_virtual_enter",
           "if (answer != EFI_SUCCESS)", "if (answer == EFI_ABORTED)",
           "answer"),
    Mutant("the map is handed over with a size that is too small", VIRTUAL,
           "efi_virtual_enter", "map, bytes, descriptor_bytes,",
           "map, bytes - descriptor_bytes, descriptor_bytes,", "adopt"),
]
