"""Lab 2: what its hand-out lacks, and the errors that students make."""

from kit import seed
from kit.folder import Mutant, Tailored

TITLE = "Frames"
FILES = ["mm/frame_pool.c"]
UNITS = []  # tests/unit has the rule of the tree, not the student's
GONE = {"mm/frame_pool.c": ["first_after", "remove_at"]}
EDITS = []
DAY0 = "take give"
SHAPED = "take"
POOL = FILES[0]

RULE = """// Takes `pages` frames in a row, starting at a multiple of `align` bytes, as
// low as possible but not below `floor`, and ending not above `ceiling`. 0:
// none.
"""
OTHER_RULE = """// Takes `pages` frames in a row, starting at a multiple of `align` bytes, not
// below `floor` and ending not above `ceiling`, in the %s extent that has
// room, the lowest of equal ones, and there as low as possible. 0: none.
"""
SIZE = {"best": "smallest", "worst": "largest"}


def tailor(of: int) -> Tailored:
    """How frame_pool_take_low() chooses among extents."""
    rule = seed.fit(of)
    says = f"Your rule for `frame_pool_take_low()` is **{rule} fit**"
    if rule == "first":
        return Tailored(says + ": the lowest place.")
    header = ("mm/frame_pool.h", RULE, OTHER_RULE % SIZE[rule])
    return Tailored(f"{says}: of the extents with room, the {SIZE[rule]}, and "
                    "of equal ones the lowest. The contract says it, too.",
                    [header], rule)


MUTANTS = [
    Mutant("takes the highest place instead of the lowest", POOL,
           "frame_pool_take_low", "for (size_t i = 0; i < pool->count; i++) {",
           "for (size_t i = pool->count; i-- > 0;) {", "take"),
    Mutant("takes low frames from the end of an extent", POOL,
           "frame_pool_take_low",
           "return cut(pool, i, start, start + bytes);",
           "return cut(pool, i, align_down(end - bytes, align),\n"
           "                       align_down(end - bytes, align) + bytes);",
           "take"),
    Mutant("takes high frames from the low end", POOL, "frame_pool_take_high",
           "return cut(pool, i, end - bytes, end);",
           "return cut(pool, i, start, start + bytes);", "take"),
    Mutant("does not ask whether a place is below the floor", POOL,
           "frame_pool_take_low", "max_u64(pool->extent[i].start, floor)",
           "max_u64(pool->extent[i].start, 0 * floor)", "take"),
    Mutant("the ceiling is a page too far", POOL, "frame_pool_take_low",
           "min_u64(pool->extent[i].end, ceiling)",
           "min_u64(pool->extent[i].end - PAGE_SIZE, ceiling) + PAGE_SIZE",
           "align"),
    Mutant("joins only what is below", POOL, "frame_pool_give",
           "bool joins_next = i < pool->count && next->start == end;",
           "bool joins_next = i < pool->count && next->start == 1;", "give"),
    Mutant("joins only what is above", POOL, "frame_pool_give",
           "bool joins_last = i > 0 && pool->extent[i - 1].end == pa;",
           "bool joins_last = i > 0 && pool->extent[i - 1].end == 1;", "give"),
    Mutant("takes back what is free", POOL, "frame_pool_give",
           "if (i < pool->count && next->start < end)",
           "if (i < pool->count && next->start < 1)", "twice"),
    Mutant("sees only frames that are free from their first byte on", POOL,
           "frame_pool_give", "next->start < end)", "next->start <= pa)",
           "twice"),
    Mutant("aligns past the end of the address space", POOL,
           "frame_pool_take_low", "lowest <= start && start < end",
           "start < end", "align"),
    Mutant("forgets to count when an extent splits", POOL, "cut",
           "        pool->extent[i].end = start;\n    else\n",
           "        return pool->extent[i].end = start;\n    else\n", "count"),
    Mutant("forgets to count what comes back", POOL, "frame_pool_give",
           "pool->free_pages += pages;", "pool->free_pages += 1;", "count"),
    Mutant("does not see that the list is full", POOL, "insert_at",
           "if (pool->count == FRAME_EXTENTS_MAX)",
           "if (pool->count == FRAME_EXTENTS_MAX + 1)", "full"),
    Mutant("hands out what it could not cut", POOL, "cut",
           "    else\n        return 0;\n", "", "full"),
]
