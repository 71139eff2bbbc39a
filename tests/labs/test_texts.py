"""What the labs' texts show is what a student sees.

"What boots today" of each lab is compared with the log of its hand-out, the
failure in labs/README.md with the grader's, and the commands in "In GDB" are
typed on the reference's machine. Numbers may differ (harness/documents.py).
"""

import json
import os
import re
import subprocess

from harness import documents, paths
from harness.by_lab import OFTEN, of_labs
from kit import folder, report

# Per lab, the machines whose log its text shows: command line, sin.
MACHINES = {
    "1": [("efi=fixed generations=1 end=exit", "")],
    "2": [("efi=fixed generations=2 end=exit", "")],
    "3": [("efi=fixed generations=1 end=exit", "")],
    "4": [("efi=fixed generations=1 end=exit", ""),
          ("efi=fixed generations=1 end=exit crash=opcode", "")],
    "6": [("efi=fixed generations=1 end=exit", ""),
          ("efi=yours generations=1 end=exit", "")],
    "7": [("efi=fixed generations=3 end=exit", "")],
    "8": [("efi=physical generations=1 end=exit", "read-nowhere")],
}
# The log says so in every lab; the text, in quotes or in a block.
STEP = re.compile(r"`(lab \w+, step \d: [^`]*)`")

GDB = set("""backtrace bt continue efi-mode efi-regions finish finish-firmware
    hbreak pt ptmap print print/x set step-firmware stepi x/6gx""".split())
ALONE = set("""backtrace bt continue efi-mode efi-regions finish finish-firmware
    ptmap step-firmware stepi""".split())
TROUBLE = re.compile(r"No symbol|Python Exception|Undefined|Traceback|"
                     r"Function .* not defined|syntax error")


def section(readme: str, title: str) -> str:
    return readme.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def not_said(shown: list[str], log: list[str]) -> list[str]:
    """Passages that no line of a log contains; "…" at the end: and so on."""
    shapes = [documents.shape(line) for line in log]
    return [text for text in shown
            if not any(documents.shape(text.split(documents.CUT)[0]) in line
                       for line in shapes)]


def test_a_passage_is_found_in_a_line_whatever_its_numbers():
    log = ["g0 [    1.2] mm: 3 pages at 0x1000 not taken back"]
    assert not_said(["mm: 12 pages at 0x1f0 not …"], log) == []
    assert not_said(["mm: 12 pages at 0x1f0 are …"], log) != []


@of_labs(MACHINES, on_machines=True)
def test_what_boots_today(number, bench):
    it = bench(number)
    text = section((it.lab.folder / "README.md").read_text(),
                   "What boots today")
    shown = [line.strip() for line in text.splitlines()
             if line.startswith(documents.MARGIN)] + STEP.findall(text)
    assert shown
    it.put(it.lab.handout(it.seed))
    log = [line for machine in MACHINES[number] for line in it.boot(*machine)]
    assert not_said(shown, log) == [], log


@of_labs([OFTEN], on_machines=True)
def test_how_a_failure_is_read(number, bench):
    page = paths.ROOT / "labs/README.md"
    shown = next(block for block in documents.blocks(page)
                 if block[0].startswith("✗"))
    check = shown[0].split()[1]
    it = bench(number)
    it.put(it.lab.handout(it.seed))
    found = report.Result(**it.grade(check=check)[check])
    assert documents.missing(shown, report.line(found).splitlines()) == []


def sessions(text: str) -> list[tuple[str, list[str]]]:
    """The command lines and the commands in a section "In GDB": each
    `make debug` begins another machine."""
    found = [("efi=fixed", [])]
    for span in re.findall(r"`([^`]+)`", text):
        word = span.split()[0]
        if span.startswith("make debug"):
            found.append((words_of(span), []))
        elif word in GDB and (word in ALONE or span != word):
            found[-1][1].append(span)
    return [one for one in found if one[1]]


def words_of(command: str) -> str:
    """The kernel's command line of `make debug MODE=… WORDS="…"`."""
    given = dict(re.findall(r'(\w+)="?([^"]*?)"?(?= |$)', command))
    return (f"efi={given.get('MODE', 'fixed')} end=exit "
            f"generations={given.get('GENERATIONS', 3)} "
            f"{given.get('WORDS', '')}")


PLAY = """import json, sys; sys.path[:0] = ['tests']
from harness import gdb, paths, qemu
line, commands = json.load(sys.stdin)
print(json.dumps(gdb.session(paths.RUNS / 'gdb-lab',
    qemu.Config(line, paused=True), 'hbreak kernel_main', *commands)))"""


@of_labs([n for n in folder.numbers() if n in "12345678"], on_machines=True)
def test_commands_in_gdb(number, bench):
    """Each does something on the finished kernel."""
    it = bench(number)
    it.put(it.lab.reference(it.seed))
    text = section((it.lab.folder / "README.md").read_text(), "In GDB")
    for line, commands in sessions(text):
        done = subprocess.run(
            ["/usr/bin/python3", "-c", PLAY], cwd=it.folder, text=True,
            input=json.dumps([line, commands]), capture_output=True,
            env={**os.environ, "BATON_ROOT": str(it.folder)})
        assert done.returncode == 0, done.stderr
        answers = json.loads(done.stdout)[1:]
        wrong = [f"(gdb) {command}\n{answer}"
                 for command, answer in zip(commands, answers)
                 if TROUBLE.search(answer)]
        assert wrong == [], "\n".join(wrong)
