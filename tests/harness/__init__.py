"""Baton's outside world: what a test or a tool needs to boot it and watch.

Reading order, each file standing on the ones before it:

    paths    where things are
    cli      what tools have in common: checked values, plain errors
    events   what the kernel says: `@` lines of the serial log, as objects
    media    what it boots from: a small disk, an ISO
    patience when a program has to be taken for dead
    qemu     the machine, as a command line (data in, data out)
    process  QEMU as a process; its sockets
    qmp      asking QEMU, and being told
    saved    machines saved in front of the kernel, to go on from
    rsp      the GDB protocol: to stop a machine and damage it from outside
    paging   page tables, as the processor reads them
    autopsy  what a machine was doing when it died, read from its memory
    machine  the machine, running: its lines, its events, how it ended
    dossier  the page to read when a run has died
    flash    what the firmware left in its flash file after power-off
    gdb      GDB itself, as a person gets it or as a script
    terminal a tool that a person starts, in a terminal
    documents  what README and docs show of a console
    chain    a run of several generations, and what each of them proved

The kernel is believed in nothing that can be seen from outside: how a machine
ended comes from QEMU, and a variable that was written is looked for in the
flash file.
"""
