"""Baton's outside world: what a test or a tool needs to boot it and watch.

Reading order, each file standing on the ones before it:

    paths    where things are
    events   what the kernel says: `@` lines of the serial log, as objects
    media    what it boots from: a small disk, an ISO
    qemu     the machine, as a command line (data in, data out)
    machine  the machine, running: its lines, its events, how it ended
    flash    what the firmware left in its flash file after power-off
    rsp      the GDB protocol: to stop a machine and damage it from outside
    chain    a run of several generations, and what each of them proved

The kernel is believed in nothing that can be seen from outside: how a machine
ended comes from QEMU, and a variable that was written is looked for in the
flash file.
"""
