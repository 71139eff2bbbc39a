"""The checks of challenge C1: addresses that follow no rule, far apart, and a
next kernel that takes only those."""

from harness.layouts import REGION
from kit.outside import GIB, MIB, PAGE, Wrong, check

TIB = 1024 * GIB


class Opened:
    """A machine whose firmware has just been opened in mode table."""

    def __init__(self, w, seed: int):
        self.live = live = w.start(f"efi=table seed={seed} end=exit")
        live.run_to("proof_run")
        live.scratch = live.debugger.register("rsp") - 6 * PAGE & -16
        at = (live.debugger.word(live.symbol("firmware")) + live.fields(
            "efi/services.c", "efi_firmware")["regions"])
        size = 8 + REGION.size * live.debugger.word(at)
        self.data = live.debugger.read(at, size)
        self.rows = [list(row) for row in REGION.iter_unpack(self.data[8:])]

    def close(self) -> None:
        self.live.close()

    def places(self) -> list[int]:
        return [row[2] for row in self.rows]

    def adopt(self, places: list[int]) -> int:
        """What the next kernel says to regions at these addresses."""
        live = self.live
        rows = [[*row[:2], va, *row[3:]]
                for row, va in zip(self.rows, places)]
        live.debugger.write(live.scratch, self.data[:8] + b"".join(
            REGION.pack(*row) for row in rows))
        mode = live.symbol("row_modes_6_table")
        function = live.debugger.word(
            mode + live.fields("efi/modes/table.c", "efi_mode")["adopt"])
        return live.debugger.call(function, mode, live.scratch, 0) & 0xFFFFFFFF


def opened(w) -> Opened:
    return w.keep("opened", lambda: Opened(w, w.dice.randrange(1, 1 << 32)))


@check(5)
def boots(w):
    """The firmware is opened in mode table."""
    opened(w)


@check(25, needs="boots")
def spread(w):
    """What does not touch in memory is a TiB apart, at least."""
    rows = sorted(opened(w).rows, key=lambda row: row[1])
    for a, b in zip(rows, rows[1:]):
        touches = a[1] + a[3] * PAGE == b[1]
        low, high = sorted((a, b), key=lambda row: row[2])
        hole = high[2] - (low[2] + low[3] * PAGE)
        if hole != 0 if touches else hole < TIB:
            raise Wrong(
                f"the regions at {a[1]:#x} and {b[1]:#x} "
                + ("touch" if touches else "are a TiB apart"),
                f"they are at {a[2]:#x} and {b[2]:#x}", step=1)
    for row in rows:
        if (row[1] - row[2]) % (2 * MIB):
            raise Wrong(f"{row[1]:#x} at the same offset in 2 MiB",
                        f"it is at {row[2]:#x}", step=1)


@check(15, needs="boots", beside=True)
def random(w):
    """A seed gives the same addresses again, another one others."""
    first = w.dice.randrange(1, 1 << 32)
    found = []
    for seed in first, first, first ^ 1 << w.dice.randrange(1, 30):
        machine = Opened(w, seed)
        found.append(machine.places())
        machine.close()
    if found[0] != found[1] or found[1] == found[2]:
        raise Wrong("the same addresses by one seed=, others by another",
                    "the first region at "
                    + ", ".join(hex(places[0]) for places in found), step=1)


@check(15, needs="spread")
def strict(w):
    """The next kernel refuses addresses that it has for something else."""
    it = opened(w)
    good = it.places()
    base = it.live.debugger.word(it.live.symbol("direct_map_base"))
    kernel = it.live.symbol("text_start") & -(2 * MIB)
    n = w.dice.randrange(len(good))
    wrong = {"in the direct map": base + it.rows[n][1],
             "in the kernel's image": kernel,
             "in the lower half": it.rows[n][1],
             "where another region is": good[n - 1]}
    if it.adopt(good):
        raise Wrong("the addresses of place() are adopted", "they are not",
                    step=2)
    for words, va in wrong.items():
        if not it.adopt([va if i == n else place
                         for i, place in enumerate(good)]):
            raise Wrong(f"a region at {va:#x}, {words}, is refused",
                        "it is adopted", step=2)


@check(20, needs="random strict", beside=True)
def lives(w):
    """Three generations call the firmware there."""
    w.counts(w.run("efi=table generations=3 end=exit"), 3)
