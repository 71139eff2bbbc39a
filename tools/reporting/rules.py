"""What a check that fails means: a row for each kind.

A finding is a row, and all checks of its kind that failed: severity, what the
specification says and where, who suffers, what to do.
"""

from dataclasses import dataclass

SEVERITIES = ("critical", "high", "medium", "low")
# critical: a kernel does not start, hangs, or is reset. high: a service cannot
# be used, or data is lost. medium: a result that UEFI forbids. low: the rest.


@dataclass(frozen=True)
class Rule:
    kind: str
    severity: str
    title: str
    says: str  # the specification
    section: str
    suffers: str
    do: str


RULES = (
    Rule("boot", "critical", "The firmware does not start a boot loader",
         "the firmware starts \\EFI\\BOOT\\BOOTX64.EFI of a disk, 32-bit "
         "firmware BOOTIA32.EFI",
         "UEFI 2.10 §3.5.1.1", "every operating system",
         "What it printed, and where it stood, is below. A build that requires SMM "
         "needs MACHINE=q35,smm=on and QEMU_ARGS='-global "
         "driver=cfi.pflash01,property=secure,value=on'."),
    Rule("end", "critical", "A chain of kernels did not come to its end",
         "a runtime service returns to its caller, in every mapping that "
         "SetVirtualAddressMap allows", "UEFI 2.10 §8.1, §2.3.4",
         "every kernel that maps the firmware in this mode: the machine hangs "
         "or is reset", "The instruction, the page walk and the call are below; "
         "qemu.cmd in the run's folder repeats it (gdb.sock there is QEMU's "
         "GDB stub)."),
    Rule("run", "critical", "The machine hangs or is reset in another run",
         "a runtime service returns to its caller", "UEFI 2.10 §8.1",
         "every kernel that calls what this run calls",
         "The instruction, the page walk and the call are below; qemu.cmd in "
         "the run's folder repeats it."),
    Rule("fault", "critical", "A service faults, or does not return",
         "runtime code uses only memory that is described as runtime memory, "
         "by converted pointers; a call returns", "UEFI 2.10 §7.2.1, §8.4",
         "Linux, Xen and the BSDs: at best they switch all services off after "
         "the first fault; a kernel without a handler panics",
         "Find the driver by the address (owner, access); a missing "
         "ConvertPointer, or a table in boot-services memory, is the usual "
         "cause."),
    Rule("adopted", "critical", "A kernel must refuse this firmware",
         "tables have signatures, sizes and CRCs; runtime regions do not "
         "overlap; SetVirtualAddressMap converts every pointer of the runtime "
         "table", "UEFI 2.10 §4.2, §4.3, §7.2, §8.4",
         "every kernel in this mode: it has no variables, clock or reset by "
         "firmware; without the check it would jump to a wrong address",
         "The reason names the field and its value."),
    Rule("linux", "critical", "A chain through Linux is broken",
         "what one kernel has mapped with SetVirtualAddressMap stays valid "
         "until reset", "UEFI 2.10 §8.4", "Linux with kexec, kdump",
         "Compare the addresses in serial.log of each generation."),
    Rule("stored", "critical", "Writes succeed, and nothing is stored",
         "a non-volatile variable is in persistent storage when SetVariable "
         "returns EFI_SUCCESS", "UEFI 2.10 §8.2.3",
         "boot entries, Secure Boot keys and crash records are lost, silently",
         "Is the flash writable? Does the driver read back what it wrote?"),
    Rule("time", "high", "The clock cannot be used",
         "GetTime returns the current time", "UEFI 2.10 §8.3.1",
         "kernels that have no other clock (rtc-efi)",
         "If there is no clock at runtime, announce it in "
         "EFI_RT_PROPERTIES_TABLE."),
    Rule("ticks", "medium", "No interrupt comes during calls",
         "a service may be interrupted: it does not need interrupts off, and "
         "leaves the timer alone", "UEFI 2.10 §8.1",
         "kernels lose ticks, and their watchdogs expire",
         "Which service switches interrupts off, or changes the local APIC?"),
    Rule("variable", "high", "Variables cannot be used",
         "SetVariable stores, GetVariable returns what was stored",
         "UEFI 2.10 §8.2.1, §8.2.3",
         "efivarfs, efibootmgr, systemd-boot, pstore, updates of Secure Boot",
         "The detail says which of the two failed. A store that is read-only "
         "at runtime has to be announced in EFI_RT_PROPERTIES_TABLE."),
    Rule("enumerate", "high", "The list of variables is not usable",
         "GetNextVariableName returns every variable once, then EFI_NOT_FOUND",
         "UEFI 2.10 §8.2.2",
         "efivarfs: the mount hangs, or shows names twice or not at all",
         "Check the end of the list, and sizes in bytes with the NUL."),
    Rule("space", "medium", "The free space is not reported",
         "QueryVariableInfo returns maximum, free space and largest variable",
         "UEFI 2.10 §8.2.4", "Linux: it refuses to write when it cannot see "
         "that there is space", "Compare the three numbers with the store."),
    Rule("services", "high", "A further service does not do what is specified",
         "each service returns a specified status, and has its effect; one "
         "that is announced as missing returns EFI_UNSUPPORTED",
         "UEFI 2.10 §8.1, §4.6.2", "users of the service that is named",
         "The detail names the service and its status."),
    Rule("again", "medium", "A second SetVirtualAddressMap is not refused",
         "after the first call it returns EFI_UNSUPPORTED", "UEFI 2.10 §8.4.1",
         "a kernel that is started by kexec and calls it: pointers are "
         "converted twice", "Keep a flag that the call was made."),
    Rule("mapping", "high", "The firmware's pages are not mapped as described",
         "runtime regions in the memory map are complete", "UEFI 2.10 §7.2.3",
         "every kernel in this mode", "Compare the memory map with the log."),
    Rule("wx", "medium", "Pages are writable and executable",
         "EFI_MEMORY_ATTRIBUTES_TABLE describes code as read-only, data as not "
         "executable", "UEFI 2.10 §4.6.3",
         "Linux and Windows (HVCI): runtime memory cannot be protected; an "
         "attacker who writes there runs code in the kernel",
         "Align sections to 4 KiB, and publish the table."),
    Rule("register", "medium", "A register of the caller is changed",
         "a service preserves the non-volatile registers and the state that "
         "the calling convention lists", "UEFI 2.10 §2.3.4.1, §2.3.4.2",
         "kernels without a gate like Baton's: silent corruption after the call",
         "Look at assembly in drivers; compile with /hotpatch off and the EFI "
         "ABI."),
    Rule("answer", "medium", "A result is impossible",
         "statuses, sizes and times are within the specified ranges",
         "UEFI 2.10 §8.2, §8.3, appendix D",
         "kernels that trust the result, such as a size larger than the buffer",
         "The detail has the value."),
    Rule("outside", "medium", "A service uses memory that is not its own",
         "runtime code uses only memory that is described as runtime memory",
         "UEFI 2.10 §7.2.1", "kernels that map runtime memory alone: a fault",
         "Find the pointer that was not converted, or the page's owner."),
    Rule("off", "medium", "EfiResetShutdown does not switch off",
         "EfiResetShutdown switches the machine off", "UEFI 2.10 §8.5.1",
         "machines without ACPI, and hardware-reduced ones: they stay on or "
         "start again", "Implement it, or announce that it is missing."),
    Rule("reset", "high", "A cold reset does not work",
         "ResetSystem does not return", "UEFI 2.10 §8.5.1",
         "kernels on hardware-reduced ACPI platforms, and kdump's reboot",
         "The detail has the status that was returned."),
    Rule("vector", "medium", "Results that UEFI does not allow",
         "the status for each invalid argument is specified", "UEFI 2.10 §8.2, "
         "§8.3, §8.5", "FWTS and SCT fail; software that relies on the status",
         "docs/conformance.md has each call, its source, and the results of "
         "other firmwares."),
    Rule("suite", "low", "Results that only other test suites do not allow",
         "not specified; FWTS, SCT or U-Boot's selftest expect it",
         "the row's source in docs/conformance.md", "certification",
         "Decide whether this suite matters to you."),
    Rule("vectors", "high", "The conformance vectors did not run to the end",
         "a service returns for any specified argument", "UEFI 2.10 §8.1",
         "every kernel", "See the run's serial.log after the last result."),
    Rule("vectors.same", "high", "Results depend on the mapping",
         "SetVirtualAddressMap does not change what a service returns",
         "UEFI 2.10 §8.4", "kernels after kexec",
         "Look for a pointer that is converted in one path only."),
    Rule("quirk", "medium", "A deviation that Baton works around",
         "see the source in brackets", "docs/firmwares.md, Quirks",
         "kernels that do not know this deviation",
         "docs/firmwares.md explains how it is detected."),
    Rule("variables", "low", "A variable of UEFI has other attributes",
         "table 3-1 lists attributes of globally defined variables",
         "UEFI 2.10 §3.3", "boot managers; SCT fails",
         "Correct the attributes where the variable is created."),
    Rule("free", "high", "The variable store is nearly full",
         "QueryVariableInfo reports the space that is left",
         "UEFI 2.10 §8.2.4", "Linux writes nothing when less than 5 KiB are "
         "left; some machines do not boot with a full store",
         "Enlarge the store, or reclaim the space of deleted variables."),
    Rule("tables.acpi", "high", "There is no ACPI table",
         "the RSDP is a configuration table", "UEFI 2.10 §4.6.1.1",
         "every x86 kernel: no interrupts, processors or power management",
         "Install the table with InstallConfigurationTable."),
    Rule("tables.smbios", "low", "There is no SMBIOS table",
         "SMBIOS is found through a configuration table", "UEFI 2.10 §4.6.1",
         "dmidecode, and kernels' lists of quirks by machine",
         "Install the table, and fill in type 0: it identifies this build."),
    Rule("tables.attributes", "low", "There is no Memory Attributes Table",
         "it is optional, and the only description of code and data in runtime "
         "regions", "UEFI 2.10 §4.6.3",
         "kernels that protect runtime memory; Fuchsia calls no service "
         "without it", "Publish EFI_MEMORY_ATTRIBUTES_TABLE."),
)
BY_KIND = {rule.kind: rule for rule in RULES}


def findings(checks) -> list[dict]:
    """Checks that failed, by kind, the most severe first."""
    found = []
    for rule in sorted(RULES, key=lambda one: SEVERITIES.index(one.severity)):
        failed = [check for check in checks
                  if check.kind == rule.kind and check.verdict == "fail"]
        if failed:
            found.append({
                "kind": rule.kind, "severity": rule.severity,
                "title": rule.title, "seen": [one.seen for one in failed],
                "checks": [one.id for one in failed], "says": rule.says,
                "section": rule.section, "suffers": rule.suffers,
                "do": rule.do})
    return found
