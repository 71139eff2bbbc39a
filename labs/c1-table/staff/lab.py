"""Challenge C1: nothing is cut."""

from kit.folder import Mutant, Tailored

TITLE = "Challenge: the firmware anywhere"
FILES = ["efi/modes/table.c"]
UNITS = []
GONE = {}
EDITS = []
DAY0 = "spread"


def tailor(_of: int) -> Tailored:
    return Tailored("", solution="solution")


def wrong(error: str, function: str, old: str, new: str, caught: str
          ) -> Mutant:
    return Mutant(error, FILES[0], function, old, new, caught)


MUTANTS = [
    wrong("only random, not a TiB apart", "place", "below - least - more",
          "below - more % GIB", "spread"),
    wrong("what touches is parted", "place", "bool touches = ",
          "bool touches = false && ", "spread"),
    wrong("the offset in 2 MiB is lost", "place",
          "(region->pa & (LARGE_PAGE - 1))", "0 * region->pa", "spread"),
    wrong("not random", "place", "uint64_t more = random_next(&state) %",
          "uint64_t more = state * 0 %", "random"),
    wrong("random by something else than seed=", "place",
          "uint64_t state = random_seed | 1;",
          "uint64_t state = (uint64_t)regions / 8 | 1;", "random"),
    wrong("it takes what is in the direct map", "adopt", "DIRECT_MAP_END,",
          "DIRECT_MAP_BASE,", "strict"),
    wrong("it takes what is in the kernel", "adopt", "EFI_WINDOW_END))",
          "UINT64_MAX))", "strict"),
    wrong("regions may overlap", "adopt",
          "return efi_regions_check_va(regions);", "return STATUS_OK;",
          "strict"),
    wrong("it refuses all", "adopt", "if (!region_is_within",
          "if (region_is_within", "strict"),
]
