"""GDB printers for Baton's structures."""

import gdb
import gdb.printing

from . import firmware, machine, paging

# efi_guid_… in the kernel
GUIDS = "acpi", "smbios", "memory_attributes", "runtime_properties"


class Printer:
    """Shows one value."""

    def __init__(self, value: gdb.Value):
        self.value = value

    def field(self, name: str) -> int:
        return int(self.value[name]) & machine.MASK


class Guid(Printer):
    """In the notation of UEFI 2.10 appendix A, with the kernel's name for it."""

    def to_string(self) -> str:
        text = self._text(self.value)
        for name in GUIDS:
            known = gdb.lookup_global_symbol(f"efi_guid_{name}")
            if known and self._text(known.value()) == text:
                return f"{text} ({name})"
        return text

    @staticmethod
    def _text(guid: gdb.Value) -> str:
        a, b, c = (int(guid[name]) for name in "abc")
        d = bytes(int(guid["d"][i]) for i in range(8))
        return f"{a:08x}-{b:04x}-{c:04x}-{d[:2].hex()}-{d[2:].hex()}"


class Region(Printer):
    def to_string(self) -> str:
        r = firmware.Region.of(self.value)
        return (f"{r.type} pa {r.pa:#x} va {r.va:#x} "
                f"{machine.size_text(r.size)} "
                f"{firmware.attribute_text(r.attribute)}")


class MemoryRange(Printer):
    def to_string(self) -> str:
        start, end = self.field("start"), self.field("end")
        kind = machine.enum_name(self.value["kind"], "MEMORY_")
        return (f"{start:#x}..{end - 1:#x} {kind} "
                f"{machine.size_text(end - start)}")


class Listed(Printer):
    """A count and an array of which only `count` elements are valid."""

    count, array, noun = "count", "", ""

    def to_string(self) -> str:
        return f"{self.field(self.count)} {self.noun}"

    def children(self):
        elements = self.value[self.array]
        room = elements.type.range()[1] + 1
        for i in range(min(self.field(self.count), room)):
            yield f"[{i}]", elements[i]


class MemoryMap(Listed):
    array, noun = "range", "ranges"


class Regions(Listed):
    array, noun = "region", "runtime regions"


def hexadecimal(value: gdb.Value):
    """A number as hexadecimal text; anything else as GDB shows it."""
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_INT:
        return f"{int(value) & machine.MASK:#x}"
    return value


class GateCall(Printer):
    def to_string(self) -> str:
        return firmware.service_of(self.field("function"))

    def children(self):
        for part in self.value.type.fields():
            value = self.value[part.name]
            if value.type.code == gdb.TYPE_CODE_ARRAY:
                last = value.type.range()[1]
                yield part.name, ", ".join(
                    f"{int(value[i]):#x}" for i in range(last + 1))
            else:
                yield part.name, hexadecimal(value)


class TrapFrame(Printer):
    def to_string(self) -> str:
        vector, rip = self.field("vector"), self.field("rip")
        name = "timer" if vector == 32 else machine.table_of_names(
            "kernel/trap.c", "names", vector)
        place = machine.symbol_at(rip) or "?"
        return (f"{name} (vector {vector}, error {self.field('error'):#x}) "
                f"at {rip:#x} <{place}>")

    def children(self):
        for part in self.value.type.fields():
            yield part.name, hexadecimal(self.value[part.name])


class PageWalk(Printer):
    def to_string(self) -> str:
        lines = [f"{self.field('va'):#x}"]
        for i in range(self.field("count")):
            step = self.value["step"][i]
            lines.append("  " + str(paging.Entry(
                self.field("va"), int(step["level"]), int(step["index"]),
                int(step["entry"]))))
        lines.append(f"  pa {self.field('pa'):#x}" if self.value["mapped"]
                     else "  not mapped")
        return "\n".join(lines)


def svam_of(value: gdb.Value) -> str:
    return machine.enum_name(value["svam"], "SVAM_", "efi_svam")


class LineageEntry(Printer):
    def to_string(self) -> str:
        return (f"generation {self.field('generation')} at "
                f"{self.field('image_pa'):#x}, "
                f"efi={self.value['mode'].string()}, "
                f"SetVirtualAddressMap {svam_of(self.value)}")


class Attribute(Printer):
    def to_string(self) -> str:
        size = self.field("pages") * machine.PAGE
        return (f"pa {self.field('pa'):#x} {machine.size_text(size)} "
                f"{firmware.attribute_text(self.field('attributes'))}")


class Handoff(Printer):
    """Its fields, if there is one."""

    def to_string(self) -> str:
        if not self.field("magic"):
            return "no handoff: this is the first kernel"
        return (f"for generation {self.field('generation')}, "
                f"efi={self.value['mode'].string()}, SetVirtualAddressMap "
                f"{svam_of(self.value)}")

    def children(self):
        if not self.field("magic"):
            return
        for part in self.value.type.fields():
            yield part.name, hexadecimal(self.value[part.name])


PRINTERS = {
    "efi_guid": Guid,
    "efi_region": Region,
    "efi_regions": Regions,
    "memory_range": MemoryRange,
    "memory_map": MemoryMap,
    "gate_call": GateCall,
    "trap_frame": TrapFrame,
    "page_walk": PageWalk,
    "lineage_entry": LineageEntry,
    "handoff_attribute": Attribute,
    "handoff": Handoff,
}


def install() -> None:
    all_of_them = gdb.printing.RegexpCollectionPrettyPrinter("baton")
    for name, printer in PRINTERS.items():
        all_of_them.add_printer(name, f"^{name}$", printer)
    gdb.printing.register_pretty_printer(None, all_of_them, replace=True)
