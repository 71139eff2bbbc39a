"""The checks of challenge C4: the gate still does all it did, by the checks of
lab 5, and with fewer instructions than the tree's."""

from harness import paths
from kit import grade
from kit.outside import Wrong, check

lab5 = grade.load(paths.ROOT / "labs/05-gate/checks.py")
boots, enters, table, entry, args, home = (
    lab5.boots, lab5.enters, lab5.table, lab5.entry, lab5.args, lab5.home)
boots.points, args.points = 4, 12
TREE = 43  # instructions of the tree's gate: in, out, and what is around
MOST = 200  # after which it is lost


def steps_to(live, place: int) -> int:
    """Instructions up to this address, one by one."""
    for count in range(MOST):
        if live.debugger.register("rip") == place:
            return count
        live.debugger.command("s")
    raise Wrong(f"{place:#x} within {MOST} instructions", "it is elsewhere",
                look="display/i $pc")


@check(3, needs="home", beside=True)
def proof(w):
    """Two generations call the firmware."""
    w.counts(w.run("efi=physical generations=2 end=exit"), 2)


@check(3, needs="home", beside=True)
def sin(w):
    """Two generations call a firmware with a sin."""
    name = w.dice.choice(["opcode", "stack-lost", "rsp", "direction-flag",
                          "rbx", "interrupt-flag"])
    w.counts(w.run("efi=physical generations=2 end=exit", sin=name), 2)


@check(12, needs="proof sin", beside=True)
def fewer(w):
    """There and back in fewer instructions than the tree's."""
    live = w.start("efi=physical end=exit")
    w.kept["count"] = live
    live.run_to("gate_enter")
    debugger = live.debugger
    debugger.write(live.symbol("gate_around"),  # without the register guard
                   live.symbol("gate_plain").to_bytes(8, "little"))
    back = debugger.word(debugger.register("rsp"))
    record = debugger.word(live.symbol("gate_current"))
    fields = live.fields("efi/gate.c", "gate_call")
    flags = debugger.register("eflags")  # no tick shall be counted
    debugger.set_register("eflags", flags & ~(1 << 9))
    there = steps_to(live, debugger.word(record + fields["function"]))
    debugger.leave(0)
    home_again = steps_to(live, back)
    w.measure = there + home_again
    if w.measure >= TREE:
        raise Wrong(f"fewer than {TREE} instructions",
                    f"{w.measure}: {there} there, {home_again} back",
                    look="display/i $pc")
