"""The package with which tests and tools boot Baton and observe it.

Reading order, each file uses those before it:

    paths    where things are
    cli      common parts of tools: checked values, short error messages
    events   the kernel's events: `@` lines of the serial log, as objects
    media    boot media: a small disk, an ISO
    patience time limits on a busy host
    qemu     the machine, as a command line (data in, data out)
    process  QEMU as a process; its sockets
    qmp      commands to QEMU, and its events
    saved    machines saved before the kernel starts, to continue from
    rsp      the GDB protocol: to stop a machine and damage it from outside
    handoff  what one kernel hands to the next, in the machine's memory
    paging   page tables, as the processor reads them
    autopsy  the state of a crashed machine, read from its memory
    machine  the machine, running: its lines, its events, how it ended
    dossier  the report about a failed run
    flash    the variables in the flash file after power-off
    gdb      GDB itself, interactive or with a script
    terminal a tool in a terminal
    documents  the console output in README and docs
    chain    a run of several generations, and what each of them proved

Whatever can be observed from outside is not taken from the kernel: how a
machine ended comes from QEMU, and a variable that was written is read from
the flash file.
"""
