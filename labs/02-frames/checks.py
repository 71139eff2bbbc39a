"""The checks of lab 2: a pool in scratch memory, held against a model.

The model is a sorted list of (start, end), as short as it can be; each call is
made on both, and the pools are compared extent by extent.
"""

import struct

from kit import seed
from kit.outside import GIB, MIB, PAGE, Wrong, check, name_of

MOST = 512  # FRAME_EXTENTS_MAX
REFUSED, NO_MEMORY = 2, 4
NO_CEILING = (1 << 64) - 1
GUARD = b"\xa5" * 64  # behind the pool: not to be written


class Pool:
    """A pool in the machine, and what it should be."""

    def __init__(self, live, extents: list[tuple[int, int]]):
        self.live, self.model = live, list(extents)
        fields = live.fields("mm/frame_pool.c", "frame_pool")
        self.at, self.list = live.scratch, fields["extent"]
        self.free, self.size = fields["free_pages"], self.list + 16 * MOST
        words = b"".join(struct.pack("<QQ", *extent) for extent in extents)
        pages = sum(end - start for start, end in extents) // PAGE
        head = bytearray(self.list)
        struct.pack_into("<Q", head, fields["count"], len(extents))
        struct.pack_into("<Q", head, self.free, pages)
        live.debugger.write(self.at, bytes(head) + words)
        live.debugger.write(self.at + self.size, GUARD)

    def read(self) -> list[tuple[int, int]]:
        count = self.live.debugger.word(self.at)
        if count > MOST:
            raise Wrong(f"{MOST} extents at most", f"count is {count}")
        data = self.live.debugger.read(self.at + self.list, 16 * count)
        return list(struct.iter_unpack("<QQ", data))

    def low(self, pages: int, align: int, floor: int, ceiling: int) -> int:
        return self.live.call("frame_pool_take_low", self.at, pages, align,
                              floor, ceiling)

    def high(self, pages: int, ceiling: int) -> int:
        return self.live.call("frame_pool_take_high", self.at, pages, ceiling)

    def give(self, pa: int, pages: int) -> int:
        return self.live.status("frame_pool_give", self.at, pa, pages)

    def must_be_model(self, after: str, step: int) -> None:
        found = self.read()
        if found == self.model:
            return
        raise Wrong(f"after {after}: {shown(self.model)}", shown(found),
                    [f"p *(struct frame_pool *){self.at:#x}"], step=step)

    # The model

    def remove(self, start: int, end: int) -> None:
        self.model = sorted(
            part for a, b in self.model for part in
            ([(a, b)] if b <= start or a >= end else [(a, start), (end, b)])
            if part[0] < part[1])

    def add(self, start: int, end: int) -> None:
        joined = []
        for a, b in sorted(self.model + [(start, end)]):
            if joined and joined[-1][1] == a:
                joined[-1] = joined[-1][0], b
            else:
                joined.append((a, b))
        self.model = joined

    def lowest(self, rule: str, pages: int, align: int, floor: int,
               ceiling: int) -> int:
        """Where frames are to be taken, by the student's rule; 0: nowhere."""
        places = []
        for a, b in self.model:
            start = -(-max(a, floor) // align) * align
            if start + pages * PAGE <= min(b, ceiling):
                places.append((start, b - a))
        order = {"first": lambda p: p[0], "best": lambda p: (p[1], p[0]),
                 "worst": lambda p: (-p[1], p[0])}[rule]
        return min(places, key=order)[0] if places else 0

    def highest(self, pages: int, ceiling: int) -> int:
        places = [min(b, ceiling) // PAGE * PAGE - pages * PAGE
                  for a, b in self.model]
        return max((at for at, (a, _) in zip(places, self.model) if at >= a),
                   default=0)


def shown(extents) -> str:
    few = ", ".join(f"{a:#x}…{b:#x}" for a, b in extents[:6])
    return f"{len(extents)} extents: {few}{', …' if len(extents) > 6 else ''}"


def some_extents(dice, count: int) -> list[tuple[int, int]]:
    """Sorted, apart from each other, of 1 to 3000 pages, below 4 GiB."""
    extents, at = [], MIB
    for _ in range(count):
        at += dice.randint(1, 2000) * PAGE
        end = at + dice.choice([1, 2, 7, 700, 3000]) * PAGE
        extents.append((at, end))
        at = end
    return extents


@check(5)
def boots(w):
    """The kernel comes to live()."""
    w.live


@check(15, needs="boots")
def take(w):
    """Frames are taken where they should be, and are gone from the pool."""
    dice, mine = w.dice, seed.fit(w.seed)
    for _ in range(3):
        pool = Pool(w.live, some_extents(dice, dice.randint(3, 9)))
        top = pool.model[-1][1]
        for turn in range(9):
            pages = dice.choice([1, 1, 2, 5, 100, 600, 2500])
            ceiling = dice.choice([NO_CEILING, top - PAGE, top // 2])
            if turn and dice.random() < 0.3:
                doing = f"frame_pool_take_high({pages} pages, {ceiling:#x})"
                want = pool.highest(pages, ceiling)
                found = pool.high(pages, ceiling)
            else:
                align = dice.choice([PAGE, PAGE, 4 * PAGE, MIB])
                floor = dice.choice([0, 0, 0, top // 3 // PAGE * PAGE])
                if turn == 0:  # a floor above all extents but the last
                    pages, align, ceiling = 1, PAGE, NO_CEILING
                    floor = pool.model[-1][0]
                doing = (f"frame_pool_take_low({pages} pages, align {align:#x},"
                         f" floor {floor:#x}, ceiling {ceiling:#x}), {mine} "
                         "fit")
                want = pool.lowest(mine, pages, align, floor, ceiling)
                found = pool.low(pages, align, floor, ceiling)
            if found != want:
                raise Wrong(f"{want:#x} from {doing}", f"{found:#x}",
                            [f"the pool was: {shown(pool.model)}"],
                            read="mm/frame_pool.h", step=1)
            if want:
                pool.remove(want, want + pages * PAGE)
            pool.must_be_model(doing, 1)


@check(15, needs="boots")
def give(w):
    """Frames come back: sorted, and joined to their neighbours."""
    dice = w.dice
    pool = Pool(w.live, some_extents(dice, 6))
    gaps = [(a[1], b[0]) for a, b in zip(pool.model, pool.model[1:])]
    pieces = [(0x1000, 1), (pool.model[-1][1] + 5 * PAGE, 3)]
    for start, end in gaps:  # the whole gap, or both its ends first
        pages = (end - start) // PAGE
        pieces += [(start, pages)] if pages < 4 or dice.random() < 0.4 else [
            (end - PAGE, 1), (start, 1), (start + PAGE, pages - 2)]
    for pa, pages in pieces:
        doing = f"frame_pool_give({pa:#x}, {pages} pages)"
        if status := pool.give(pa, pages):
            raise Wrong(f"STATUS_OK from {doing}",
                        f"{name_of(status)}: {w.live.why()}", step=2)
        pool.add(pa, pa + pages * PAGE)
        pool.must_be_model(doing, 2)


@check(10, needs="give")
def twice(w):
    """What is free cannot be given back, not even a part of it."""
    pool = Pool(w.live, [(16 * MIB, 17 * MIB), (20 * MIB, 24 * MIB)])
    inside = 20 * MIB + w.dice.randrange(1, 200) * PAGE
    for pa, pages in ((inside, 3), (20 * MIB, 1024), (20 * MIB - 2 * PAGE, 3),
                      (24 * MIB - PAGE, 2), (15 * MIB, 3000)):
        doing = f"frame_pool_give({pa:#x}, {pages} pages)"
        status = pool.give(pa, pages)
        if status != REFUSED:
            raise Wrong(f"STATUS_REFUSED from {doing}: {shown(pool.model)}",
                        name_of(status), read="mm/frame_pool.h", step=3)
        pool.must_be_model(f"{doing}, which was refused", 3)


@check(10, needs="take give")
def count(w):
    """`free_pages` is the sum of the extents, after every step."""
    dice = w.dice
    pool = Pool(w.live, [(16 * MIB, 48 * MIB)])
    taken = []
    for turn in range(12):
        if turn % 4 == 3:
            pa, pages = taken.pop(dice.randrange(len(taken)))
            pool.give(pa, pages)
            doing = f"frame_pool_give({pa:#x}, {pages} pages)"
        else:
            pages, floor = dice.randint(1, 40), dice.randint(20, 40) * MIB
            pa = pool.low(pages, PAGE, floor, NO_CEILING)
            taken.append((pa, pages))
            doing = f"frame_pool_take_low({pages} pages, floor {floor:#x})"
        free = w.live.debugger.word(pool.at + pool.free)
        real = sum(b - a for a, b in pool.read()) // PAGE
        if free != real:
            raise Wrong(f"free_pages is {real} after {doing}", f"it is {free}",
                        step=4)


@check(10, needs="take give")
def full(w):
    """A list that is full refuses, and nothing behind it is overwritten."""
    extents = [(MIB + i * 8 * PAGE, MIB + (i * 8 + 4) * PAGE)
               for i in range(MOST)]
    pool = Pool(w.live, extents)
    middle = extents[w.dice.randrange(MOST)][0] + PAGE
    tries = (("frame_pool_give() of a frame apart",
              pool.give(64 * MIB, 1), NO_MEMORY),
             ("frame_pool_take_low() from the middle of an extent",
              pool.low(1, PAGE, middle, middle + PAGE), 0))
    for doing, found, wanted in tries:
        if found != wanted:
            raise Wrong(f"{wanted} from {doing}, for {MOST} extents are "
                        "listed", f"{found:#x}", read="mm/frame_pool.h",
                        step=5)
    pool.must_be_model("two wishes that a full list cannot meet", 5)
    if w.live.debugger.read(pool.at + pool.size, len(GUARD)) != GUARD:
        raise Wrong("what lies behind the pool is as it was",
                    "it was overwritten", step=5)
    free = w.live.debugger.word(pool.at + pool.free)
    if free != 4 * MOST:
        raise Wrong(f"free_pages is {4 * MOST}, for nothing was taken",
                    f"it is {free}", step=5)


@check(5, needs="take")
def align(w):
    """Large alignments, the end of the address space, an exact ceiling."""
    top = (1 << 64) - PAGE
    low = (GIB - 3 * PAGE, GIB + 3 * PAGE)
    high = (top - 3 * PAGE, top)
    for pages, align, floor, ceiling, wanted in (
            (3, GIB, 0, NO_CEILING, GIB), (4, GIB, 0, NO_CEILING, 0),
            (3, PAGE, GIB, GIB + 3 * PAGE, GIB),
            (4, PAGE, GIB, GIB + 4 * PAGE, 0),
            (3, PAGE, GIB, GIB + 2 * PAGE, 0),
            (1, GIB, 2 * GIB, NO_CEILING, 0)):
        pool = Pool(w.live, [low, high])
        doing = (f"frame_pool_take_low({pages} pages, align {align:#x}, floor "
                 f"{floor:#x}, ceiling {ceiling:#x})")
        found = pool.low(pages, align, floor, ceiling)
        if found != wanted:
            raise Wrong(f"{wanted:#x} from {doing} of {shown([low, high])}",
                        f"{found:#x}", read="mm/frame_pool.h", step=1)
        if wanted:
            pool.remove(wanted, wanted + pages * PAGE)
        pool.must_be_model(doing, 1)


@check(10, needs="take give twice count full align", beside=True)
def lives(w):
    """After each kexec as many frames are free as after the one before."""
    live = w.start("efi=fixed generations=4 end=exit")
    at = live.symbol("pool") + live.fields("mm/frame_pool.c",
                                           "frame_pool")["free_pages"]
    free = []
    for _ in range(3):
        live.run_to("kexec_jump")
        free.append(live.debugger.word(at))
    live.close()
    if free[1] != free[2]:
        raise Wrong("generations 1 and 2 leave the same number of free frames",
                    ", ".join(map(str, free)), step=2)
