"""The multiboot2 information of GRUB, in a machine that is stopped before the
kernel reads it, so that a test can change it.
"""

import struct

from . import paths
from .layouts import DESCRIPTOR
from .rsp import symbol

MEMORY_MAP, EFI_MAP = 6, 17  # tags (Multiboot2 §3.6)
ENTRY = struct.Struct("<QQII")
BOOT_SERVICES_DATA, CONVENTIONAL, UNACCEPTED = 4, 7, 15


def tag(debugger, kind: int) -> tuple[int, int]:
    """The physical address and the length of its payload."""
    info_pa = debugger.register("rsi")
    size, = struct.unpack("<I", debugger.read(info_pa, 4))
    info = debugger.read(info_pa, size)
    at = 8
    while at < size:
        found, length = struct.unpack_from("<II", info, at)
        if found == kind:
            return info_pa + at + 8, length - 8
        at += (length + 7) & ~7
    raise KeyError(kind)


def rows(debugger, kind: int, form):
    """Address and fields of each row of a map; the row size comes first."""
    pa, size = tag(debugger, kind)
    data = debugger.read(pa, size)
    step, = struct.unpack_from("<I", data)
    return [(pa + at, list(form.unpack_from(data, at)))
            for at in range(8, size - step + 1, step)]


def first_memory(debugger) -> tuple[int, int]:
    """Runs to the kernel's first line; the addresses of information and image."""
    debugger.run_to(symbol(paths.SYMBOLS, "kernel_main"))
    debugger.physical()
    return debugger.register("rsi"), debugger.register("rdx")
