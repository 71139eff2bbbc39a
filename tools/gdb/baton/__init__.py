"""Baton's commands for GDB. Reading order:

    machine   registers, memory by physical address, names in the kernel
    commands  the base class of a command, and its errors
    paging    pt, ptmap
    firmware  efi-regions, efi-mode, step-firmware, finish-firmware
    frames    backtraces through firmware, traps, and to where a stack begins
    kexec     break-kexec
    motion    backwards, reverse-continue
    travel    when, save-state, back-to
    printers  how `print` shows Baton's structures
"""
