"""The atlas: the address spaces of a run, read from outside the machine.

    image     what the debug information says of the kernel: symbols, structures
    space     page tables, walked; leaves merged into spans; two compared
    journal   who mapped what: each call that changes a page table
    phases    the moments at which the machine is stopped
    capture   a run, stopped at each of them, as data
    touch     which pages each service used
    page      the data and the page's sources as one HTML file
"""
