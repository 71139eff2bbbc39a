"""The results of `tools/bench`, as tables (Markdown) and as a plot (SVG)."""

from pathlib import Path

from harness.stopwatch import budget

COLOURS = ["#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377",
           "#bbbbbb", "#222255", "#225555", "#666633", "#663333", "#555555"]


def table(head: list, rows: list) -> str:
    """A Markdown table; all but the first column are numbers."""
    lines = ["| " + " | ".join(str(cell) for cell in head) + " |",
             "|---" + "|--:" * (len(head) - 1) + "|"]
    for row in rows:
        cells = [f"{c:,}" if isinstance(c, int) else str(c) for c in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def services_table(services: dict) -> str:
    modes = list(services)
    first = services[modes[0]]
    rows = [[name, firmware] + [services[mode].get(name, ("", "–"))[1]
                                for mode in modes]
            for name, (firmware, _) in first.items()]
    worst = ["most", ""] + [most(services[mode]) for mode in modes]
    return table(["service", "firmware", *modes], [*rows, worst])


def isolation_table(rows: dict) -> str:
    return table(["with efi.isolate=", "off", "table", "user"],
                 [[name, *counts] for name, counts in rows.items()])


def most(calls: dict) -> int:
    return max(gate for _, gate in calls.values())


def parts_table(parts: dict, what: str) -> str:
    sizes = list(parts)
    rows = [[name] + [parts[ram][what][i][1] for ram in sizes]
            for i, (name, _) in enumerate(parts[sizes[0]][what])]
    rows.append(["all"] + [total(parts[ram][what]) for ram in sizes])
    return table([what, *sizes], rows)


def total(laps: list) -> int:
    return sum(count for _, count in laps)


def jump_of(parts: dict) -> int:
    """Instructions from the jump to the next kernel's first line."""
    laps = next(iter(parts.values()))["kexec"]
    return total(laps[-4:])


def comparison(found: dict) -> str:
    linux = found["linux"]
    if not linux:
        return "Linux was not measured."
    firmware, gate = found["services"]["fixed"]["GetVariable"]
    seconds, ours = linux["seconds"], found["seconds"]
    faster = linux["seconds"] / found["seconds"]
    rows = [
        ["read a variable, instructions", firmware + gate, linux["read"]],
        ["(a system call that does nothing)", "–", linux["null"]],
        ["jump to the first line, seconds here", f"{ours:.4f}",
         f"{seconds:.3f}"],
        ["jump to the first line, instructions",
         jump_of(found["parts"]), "–"],
    ]
    return (table(["", "Baton", "Linux 6.1"], rows)
            + f"\n\nA kexec of Baton's is {faster:,.0f} times faster.")


def verdict(services: dict) -> str:
    lines = []
    for mode, calls in services.items():
        limit = budget(mode)
        word = "kept" if most(calls) <= limit else "MISSED"
        lines.append(f"{mode}: at most {most(calls)} of {limit}: {word}")
    return "\n".join(lines)


def write_report(found: dict, out: Path) -> str:
    """Writes bench.md and bench.svg; the text of the former."""
    text = "\n\n".join([
        "Instructions of the gate, by service and mode, and the firmware's "
        "own:", services_table(found["services"]),
        verdict(found["services"]),
        "The same in a cell, with the firmware's own instructions:",
        isolation_table(found["isolation"]),
        "A boot, from the first instruction in C, and the kexec after it, in "
        "instructions, by memory size:",
        parts_table(found["parts"], "boot"),
        parts_table(found["parts"], "kexec"),
        "A boot with 512 MiB, by the length of the memory map:",
        parts_table(found["holes"], "boot"),
        "Compared with Debian's Linux, in the same QEMU with 512 MiB:",
        comparison(found),
    ])
    (out / "bench.md").write_text(text + "\n")
    (out / "bench.svg").write_text(plot(found))
    return text


# The plot: bars for the gate, stacks for boot and kexec

WIDTH, HEIGHT, PANEL = 960, 900, 240


def plot(found: dict) -> str:
    parts = found["parts"]
    body = [gate_panel(found["services"], 40)]
    for i, what in enumerate(("boot", "kexec")):
        stacks = {name: laps[what] for name, laps in parts.items()}
        body.append(stack_panel(f"{what}: thousands of instructions",
                                stacks, 340 + i * 290))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{HEIGHT}" font-family="sans-serif" font-size="11">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n'
            + "\n".join(body) + "\n</svg>\n")


def bar(x, y, width, height, colour) -> str:
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" fill="{colour}"/>')


def label(x, y, text, more="") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{text}</text>'


def legend(names: list, top: float) -> list:
    lines = []
    for i, name in enumerate(names):
        y = top + 14 * i
        lines += [bar(760, y, 10, 10, COLOURS[i]), label(775, y + 9, name)]
    return lines


def gate_panel(services: dict, top: float) -> str:
    """A group of bars per service, a bar per mode; lines at the limits."""
    modes, names = list(services), list(next(iter(services.values())))
    room = 680 / len(names)
    wide = (room - 6) / len(modes)
    scale = PANEL / 330
    lines = [label(50, top - 14, "the gate: instructions around a call",
                   'font-weight="bold"')]
    for i, name in enumerate(names):
        x = 50 + i * room
        for j, mode in enumerate(modes):
            high = services[mode].get(name, (0, 0))[1] * scale
            lines.append(bar(x + j * wide, top + PANEL - high, wide, high,
                             COLOURS[j]))
        lines.append(label(x, top + PANEL + 12 + i % 2 * 12, name,
                           'font-size="9"'))
    for limit in {budget(mode) for mode in modes}:
        y = top + PANEL - limit * scale
        lines += [bar(50, y, 680, 1, "black"), label(20, y + 4, limit)]
    return "\n".join(lines + legend(modes, top))


def stack_panel(title: str, stacks: dict, top: float) -> str:
    """A bar per stack, its parts on top of each other."""
    largest = max(total(laps) for laps in stacks.values())
    scale, room = (PANEL - 20) / largest, 680 / len(stacks)
    lines = [label(50, top - 4, title, 'font-weight="bold"')]
    for i, (name, laps) in enumerate(stacks.items()):
        x, y = 50 + i * room, top + PANEL
        for j, (_, count) in enumerate(laps):
            y -= count * scale
            lines.append(bar(x, y, room - 30, count * scale, COLOURS[j]))
        lines += [label(x, y - 3, f"{total(laps) // 1000:,}")]
        lines += [label(x, top + PANEL + 12 * (1 + line), words)
                  for line, words in enumerate(name.split(", "))]
    names = [part for part, _ in next(iter(stacks.values()))]
    return "\n".join(lines + legend(names, top))
