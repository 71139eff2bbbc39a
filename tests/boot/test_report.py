"""The report about a firmware: the runs, the findings, the page."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from harness import browser, chain, documents, paths, qemu

sys.path.insert(0, str(paths.ROOT / "tools"))

from harness.machine import End, Run  # noqa: E402
from reporting import compare, document, experiments  # noqa: E402
from reporting import facts, page, rules  # noqa: E402

TOOL = paths.ROOT / "tools/check-firmware"
FEW = "look,chain-fixed,chain-naive,vectors-first,touch,reset,timing"

pytestmark = pytest.mark.xdist_group("report")


def check(*words, **variables) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(TOOL), *map(str, words)], cwd=paths.ROOT, text=True,
        env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def report_of(folder: Path, *words, **variables) -> dict:
    done = check("--out", folder, *words, **variables)
    assert done.returncode == 0, done.stdout
    return json.loads((folder / "report.json").read_text())


@pytest.fixture(scope="module")
def own_files(tmp_path_factory):
    """A build of someone's own: Debian's, under another name, read-only."""
    folder = tmp_path_factory.mktemp("own")
    files = folder / "MY_CODE.fd", folder / "MY_VARS.fd"
    for mine, original in zip(files, (qemu.CODE, qemu.VARS)):
        shutil.copyfile(original, mine)
        mine.chmod(0o444)
    return files


@pytest.fixture(scope="module")
def good(tmp_path_factory, own_files):
    """The report about a good firmware, from a few runs; its folder."""
    folder = tmp_path_factory.mktemp("report")
    code, variables = own_files
    before = variables.read_bytes()
    done = check("--out", folder, "--only", FEW, CODE=str(code),
                 VARS=str(variables))
    assert done.returncode == 0, done.stdout
    assert variables.read_bytes() == before
    return folder


def load(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def verdicts(document: dict) -> dict[str, str]:
    return {one["id"]: one["verdict"] for one in document["checks"]}


# Other builds may have quirks: Ubuntu 24.04's has code that is not protected.
QUIRKS = set() if documents.firmware_is_shown() else {"quirk"}


def test_a_good_firmware(good, own_files):
    document = load(good)
    assert document["verdict"]["word"] == "minor"
    kinds = {one["kind"] for one in document["findings"]}
    assert kinds - QUIRKS == {"vector", "suite"}
    assert "EDK II" in document["firmware"]["vendor"]
    assert re.fullmatch(r"\d\d/\d\d/\d{4}", document["firmware"]["date"])
    assert [one["path"] for one in document["firmware"]["files"]] == [
        str(path) for path in own_files]
    known = verdicts(document)
    for gen in range(3):
        assert known[f"fixed.{gen}.variable"] == "pass"
    assert known["fixed.stored"] == known["fixed.off"] == "pass"
    assert known["reset.cold"] == known["touch.outside"] == "pass"
    assert known["reset.kept"] == "pass"
    assert known["naive.end"] == "pass"
    assert len(document["vectors"]) > 150 and len(document["regions"]) == 5
    assert document["instructions"]["GetTime"][0] > 100
    moved = sum(int(row["moved"]) for row in document["diff"])
    assert moved > 100  # code with absolute addresses moves more words
    assert sum(int(row["executed"]) for row in document["touch"]) > 10
    assert "BootOrder" in "".join(document["answers"]["efi vars"])


def test_every_key_is_documented(good):
    text = (paths.ROOT / "docs/report.md").read_text()
    known = set(re.findall(r"`([\w.-]+)`", text))
    document = load(good)
    document["against"] = compare.compare(document, document)
    # Names of checks, services and questions are values.
    for name in "answers", "instructions", "stacks":
        document[name] = {}
    for row in document["modes"]:
        row["proofs"] = []
    used = set(documents.keys(document))
    assert used - known == set()
    assert {one.kind for one in rules.RULES} <= known
    assert set(experiments.BY_ID) <= known


def test_the_report_for_a_ci_system(good):
    document = load(good)
    suite = xml.parse(good / "junit.xml").getroot()
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert set(cases) == set(verdicts(document))
    failed = {name for name, case in cases.items()
              if case.find("failure") is not None}
    assert failed == {name for name, verdict in verdicts(document).items()
                      if verdict == "fail"}
    assert suite.get("failures") == str(len(failed)) != "0"


# A fault of tests/firmware, and the kind of finding.
FAULTS = [
    ("read-boot-services", "fault"),
    ("hang", "fault"),
    ("rbx", "register"),
    ("month-13", "answer"),
    ("forgets", "variable"),
    ("circle-of-names", "enumerate"),
    ("more-than-all", "space"),
    ("idle-set-time", "services"),
    ("runtime-pointer", "adopted"),
    ("move-fails", "adopted"),
]
OFTEN = {"read-boot-services", "rbx", "forgets", "move-fails"}


@pytest.mark.parametrize("fault, kind", [
    pytest.param(*row, marks=[] if row[0] in OFTEN else pytest.mark.slow)
    for row in FAULTS])
def test_a_fault_is_a_finding(tmp_path, fault, kind):
    """And the other mode is still run."""
    document = report_of(tmp_path, "--fault", fault, "--only",
                         "chain-fixed,chain-physical")
    finding, = [one for one in document["findings"] if one["kind"] == kind]
    assert finding["seen"] and all(finding["seen"])
    assert "fixed." in " ".join(finding["checks"])
    assert document["verdict"]["word"] in ("fail", "minor")
    assert [one["mode"] for one in document["modes"]] == ["physical", "fixed"]
    if fault == "move-fails":  # a mode that does not move is not concerned
        assert verdicts(document)["physical.0.time"] == "pass"


@pytest.mark.parametrize("fault, words", [
    ("direct-resets", "reset by the firmware, after @"),
    ("direct-hangs", "it hung: no output for ")])
def test_a_mode_that_ends_the_machine_is_a_finding(tmp_path, fault, words):
    """In the page and for a CI system, with the place; the others are run."""
    document = report_of(tmp_path, "--fault", fault, "--only",
                         "chain-direct,chain-table,timing")
    known = verdicts(document)
    assert known["direct.end"] == "fail" and known["table.end"] == "pass"
    assert document["instructions"]
    finding, *more = document["findings"]
    assert (finding["kind"], finding["severity"]) == ("end", "critical")
    assert {one["kind"] for one in more} <= {"register", *QUIRKS}
    seen, = finding["seen"]
    assert f"efi=direct: {words}" in seen and "RuntimeServicesCode + 0x" in seen
    assert "through 1 of 2 ways" in document["verdict"]["sentence"]
    assert page.esc(seen) in (tmp_path / "index.html").read_text()
    row, = [one for one in document["modes"] if one["mode"] == "direct"]
    assert row["svam"] == ["called", "not reached", "not reached"]
    suite = xml.parse(tmp_path / "junit.xml").getroot()
    assert suite.find("testcase[@name='direct.end']/failure").text == seen
    for text in suite.findtext("system-out"), (tmp_path / "index.html"
                                               ).read_text():
        assert "check_time at kernel/proof.c" in text
        assert "@efi.mode gen=0 mode=direct" in text
    assert [one["id"] for one in document["runs"] if one["log"]] == \
        ["chain-direct"]


def test_a_firmware_that_does_not_boot(tmp_path):
    """One finding, which says what to look at; the page has no empty table."""
    run = Run(tmp_path, qemu.Config(), end=End("stalled", why="no output"))
    result = experiments.Result(experiments.BY_ID["look"], run)
    found = document.document({"look": result}, qemu.Config())
    finding, = found["findings"]
    assert finding["kind"] == "boot" and "smm=on" in finding["do"]
    assert finding["seen"] == ["look: it hung: no output"]
    assert found["verdict"]["word"] == "fail"
    text = page.render(found)
    assert "does not start a boot loader" in text and "<tbody></tbody>" not in text


@pytest.mark.slow
def test_a_firmware_that_hangs_at_once(tmp_path):
    """Debian's, but its first instruction jumps to itself."""
    code = Path(qemu.CODE).read_bytes()
    (tmp_path / "HANG_CODE.fd").write_bytes(code[:-16] + b"\xeb\xfe" + code[-14:])
    document = report_of(tmp_path, CODE=str(tmp_path / "HANG_CODE.fd"),
                         VARS=qemu.VARS)
    assert [one["kind"] for one in document["findings"]] == ["boot"]
    assert document["verdict"]["word"] == "fail"
    assert [one["id"] for one in document["runs"]] == ["look"]


def test_a_firmware_that_hangs_everywhere_takes_5_minutes_at_most():
    """With two processors, if every run reaches its limit, from a disk."""
    limits = {one.id: (1 + bool(one.then))
              * experiments.limits(one, experiments.BOOT)["limit"]
              for one in experiments.EXPERIMENTS}
    alone = experiments.BOOT + limits.pop("look")  # what comes before the rest
    assert alone + sum(limits.values()) / experiments.AT_ONCE <= 300


@pytest.mark.parametrize("problem, hung, verdict", [
    ("", False, "pass"), ("the machine has ended", False, "none"),
    ("it reached no breakpoint", True, "fail")])
def test_a_run_without_a_result_is_no_finding(tmp_path, problem, hung, verdict):
    """Unless it hangs."""
    run = Run(tmp_path, qemu.Config(), end=End("stopped"))
    run.add("@boot gen=0 via=multiboot2 by=grub")
    result = experiments.Result(experiments.BY_ID["timing"], run,
                                problem=problem, hung=hung)
    check, = facts.checks({"timing": result})
    assert (check.id, check.verdict) == ("timing.end", verdict)


def test_another_run_that_does_not_end_is_a_finding(tmp_path):
    run = Run(tmp_path, qemu.Config(), end=End("stalled", why="no output"))
    run.add("@boot gen=0 via=multiboot2 by=grub")
    for name, ends in facts.ENDS.items():
        result = experiments.Result(experiments.BY_ID[name], run)
        found = document.document({name: result}, qemu.Config())
        assert ("run", f"{name}: it hung: no output, after @boot of generation "
                "0") in {(one["kind"], *one["seen"]) for one in
                         found["findings"]}
        run.end, kept = End(ends[0]), run.end
        assert verdicts(document.document({name: result}, qemu.Config()))[
            f"{name}.end"] == "pass"
        run.end = kept


@pytest.mark.slow
def test_a_firmware_that_forgets_at_a_reset(tmp_path):
    """It reports success and reads back, but its flash cannot be written."""
    result = experiments.perform(
        experiments.BY_ID["reset"],
        qemu.Config(firmware="lying", medium="saved"), tmp_path)
    assert result.problem == ""
    kept, = [check for check in facts.checks({"reset": result})
             if check.id == "reset.kept"]
    assert (kept.kind, kept.verdict) == ("stored", "fail")
    assert "not there in the next boot" in kept.seen


# ---- two reports

def test_what_became_worse(good, tmp_path):
    document = load(good)
    same = compare.compare(document, document)
    assert same["worse"] == same["better"] == same["slower"] == []
    worse = json.loads(json.dumps(document))
    broken = next(one for one in worse["checks"]
                  if one["id"] == "fixed.1.variable")
    broken["verdict"], broken["seen"] = "fail", "it is gone"
    worse["instructions"]["GetTime"][0] *= 2
    found = compare.compare(document, worse)
    assert [one["id"] for one in found["worse"]] == ["fixed.1.variable"]
    assert [one["service"] for one in found["slower"]] == ["GetTime"]
    back = compare.compare(worse, document)
    assert [one["id"] for one in back["better"]] == ["fixed.1.variable"]
    assert back["worse"] == []
    text = page.render({**worse, "against": found})
    assert "it is gone" in text and "1 worse, 0 better" in text


def test_what_was_not_run_is_not_worse(good):
    document = load(good)
    less = json.loads(json.dumps(document))
    for one in less["checks"]:
        if one["id"] == "reset.cold":
            one["verdict"] = "none"
    less["checks"] = [one for one in less["checks"]
                      if one["id"] != "fixed.off"]
    found = compare.compare(document, less)
    assert found["worse"] == []
    assert {one["id"] for one in found["unknown"]} == {"reset.cold",
                                                      "fixed.off"}


def test_a_regression_is_the_exit_status(good, tmp_path):
    old = tmp_path / "old.json"
    old.write_text((good / "report.json").read_text())
    done = check("--out", tmp_path / "new", "--only", "chain-fixed",
                 "--against", old, "--fault", "forgets")
    assert done.returncode == 1, done.stdout
    assert "worse: fixed.0.variable: pass, now fail" in done.stdout
    assert load(tmp_path / "new")["against"]["worse"]


# ---- refusals

@pytest.fixture
def odd_files(tmp_path):
    (tmp_path / "text.fd").write_text("no firmware\n" * 100)
    (tmp_path / "zeros.fd").write_bytes(bytes(1 << 20))
    (tmp_path / "empty.fd").write_bytes(b"")
    with open(tmp_path / "large.fd", "wb") as file:
        file.truncate(9 << 20)
    (tmp_path / "empty").mkdir()
    (tmp_path / "old.json").write_text("{}")
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.mark.parametrize("words, message", [
    ("CODE=/nowhere VARS={vars}", "CODE=/nowhere: cannot read '/nowhere'"),
    ("CODE={code}", "CODE needs VARS"),
    ("VARS={vars}", "VARS needs CODE"),
    ("CODE={code} VARS={vars} BIOS={bios}", "which one?"),
    ("CODE={odd}/text.fd VARS={vars}", "1200 bytes are not a multiple of 4"),
    ("CODE={odd}/empty.fd VARS={vars}", "0 bytes are not a multiple"),
    ("CODE={odd}/zeros.fd VARS={vars}", "there is no jump in its last 16"),
    ("CODE={odd}/large.fd VARS={vars}", "9437184 bytes, more than 8 MiB"),
    ("CODE={vars} VARS={code}", "no jump"),
    ("CODE={code} VARS={code}", "not one of variables"),
    ("CODE={code} VARS={odd}/zeros.fd", "no firmware volume"),
    ("BIOS={odd}", "Is a directory"),
    ("BIOS={bios} MACHINE=q35,,", "is not a machine of QEMU"),
    ("BIOS={bios} MACHINE=toaster", "QEMU refuses this machine"),
    ("BIOS={bios} QEMU_ARGS='-no-such'", "QEMU refuses this machine"),
    ("BIOS={bios} QEMU_ARGS=\"'\"", "no closing quotation"),
    ("ALL=/nowhere", "'/nowhere' is no folder"),
    ("ALL={odd}/empty", "there is no firmware in it"),
    ("ALL={odd}/empty BIOS={bios}", "ALL is a folder of firmwares"),
    ("AGAINST={odd}/old.json", "is no report.json of this version"),
    ("--only=chain-fxied", "'chain-fxied' is none of linux"),
    ("--out={odd}/file/x", "Not a directory"),
])
def test_a_mistake_is_reported_in_one_line(odd_files, words, message):
    words = words.format(code=qemu.CODE, vars=qemu.VARS, bios=qemu.EMULATED,
                         odd=odd_files)
    done = subprocess.run(
        f"{'' if words.startswith('-') else words} {shlex.quote(str(TOOL))} "
        f"{words if words.startswith('-') else f'--out {odd_files}/out'}",
        shell=True, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert done.returncode not in (0, 130), done.stdout
    assert message in done.stdout and "Traceback" not in done.stdout


def test_run_takes_the_same_words(own_files):
    code, variables = own_files
    done = subprocess.run(
        [paths.ROOT / "tools/run", "--dry-run", "--machine=q35,smm=on",
         "--qemu-args=-smp 2"], text=True, capture_output=True,
        env={**os.environ, "CODE": str(code), "VARS": str(variables)})
    assert f"file={code}" in done.stdout and f"cp {variables}" in done.stdout
    assert "-machine q35,smm=on" in done.stdout and "-smp 2" in done.stdout


def test_make_passes_the_words_on():
    """Linux's bundle is made by a make that is not given CODE= or BIOS=."""
    done = subprocess.run(
        ["make", "check-firmware", f"BIOS={qemu.EMULATED}",
         "QEMU_ARGS=-no-such"], cwd=paths.ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert "is used only by" not in done.stdout, done.stdout
    assert done.returncode and "-no-such" in done.stdout


def test_an_interrupt_leaves_nothing(tmp_path):
    process = subprocess.Popen(
        [TOOL, "--out", tmp_path, "--only", "chain-fixed,vectors-last"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        # It is ignored by what a shell runs in the background, as `make test &`.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    text = process.stdout.read()
    assert process.wait() != 0 and "Traceback" not in text
    homes = paths.RUNS / "report"
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            assert not link.readlink().is_relative_to(homes)
        except OSError:
            pass


# ---- a folder of firmwares

def test_a_folder_of_firmwares(tmp_path, own_files):
    builds = tmp_path / "builds"
    builds.mkdir()
    for path in own_files:
        shutil.copy(path, builds)
    (builds / "MY_CODE.fd.args").write_text(
        "MACHINE=q35,hpet=off QEMU_ARGS='-smp 2'\n")
    (builds / "BAD.fd").write_bytes(bytes(65536))
    (builds / "OTHER_CODE.secboot.fd").write_bytes(own_files[0].read_bytes())
    done = check("--out", tmp_path / "out", "--only", "chain-fixed", "--all",
                 builds)
    assert done.returncode == 0, done.stdout
    machine = load(tmp_path / "out/MY_CODE")["machine"]
    assert (machine["machine"], machine["args"]) == ("q35,hpet=off", "-smp 2")
    findings = load(tmp_path / "out/MY_CODE")["findings"]
    assert {one["kind"] for one in findings} <= QUIRKS
    text = (tmp_path / "out/index.html").read_text()
    assert "MY_CODE/index.html" in text
    assert "there is no jump" in text and "CODE needs VARS" in text


# ---- rules, and the parts of the tool

def test_every_kind_of_check_has_a_rule(good):
    kinds = {one["kind"] for one in load(good)["checks"]}
    assert kinds <= set(rules.BY_KIND)
    for rule in rules.RULES:
        assert rule.severity in rules.SEVERITIES
        assert all([rule.title, rule.says, rule.section, rule.suffers,
                    rule.do])


def test_the_date_in_smbios():
    first = b"\x01\x05\x00\x00\x00" + b"a\0" + b"\0"
    bios = (b"\x00\x09\x00\x00\x01\x02\x00\x00\x03" + b"Maker\0" b"1.2\0"
            b"03/01/2013\0" + b"\0")
    assert experiments.type_0(first + bios) == {
        "vendor": "Maker", "version": "1.2", "date": "03/01/2013"}
    assert experiments.type_0(first) == {}
    assert experiments.type_0(b"\x00\x02") == {}
    assert experiments.type_0(b"\x00\x09\x00\x00\x07\x02\x00\x00\x03a\0\0") \
        == {}


# ---- the page

@pytest.fixture(scope="module")
def opened():
    if missing := browser.missing():
        pytest.skip(f"no browser: {', '.join(missing)} (tools/install-deps "
                    "browser)")
    with browser.browser() as found:
        yield found


@pytest.mark.parametrize("name, width, height, media", [
    ("wide", 1280, 1600, {}), ("dark", 1280, 1000, {"scheme": "dark"}),
    ("phone", 390, 844, {"touch": "yes"}),
    ("print", 800, 1100, {"print": "print"})])
def test_the_page_in_a_browser(opened, good, name, width, height, media):
    document = load(good)
    opened.view(width, height, **media)
    opened.open(good / "index.html")
    assert opened.errors() == []
    assert opened.ask("document.documentElement.scrollWidth") <= width
    assert opened.ask("document.querySelector('.sentence').textContent") == \
        document["verdict"]["sentence"]
    shown = opened.ask("[...document.querySelectorAll('.finding h3')].map("
                       "(one) => one.textContent)")
    assert shown == [f"{one['severity']} {one['title']}"
                     for one in document["findings"]]
    rows = opened.ask(
        "document.querySelectorAll('#all-checks tbody tr').length")
    assert rows == len(document["checks"])
    opened.picture(paths.BUILD / f"report-test/{name}.png")


def test_the_page_needs_nothing_else(good):
    text = (good / "index.html").read_text()
    assert not re.search(r"(src|href)=[\"']?(https?:|//)|<script|@import|url\(",
                         text)


def test_text_of_the_firmware_is_only_text(good):
    document = load(good)
    document["firmware"]["vendor"] = "<script>alert(1)</script>"
    assert "<script>" not in page.render(document)


@pytest.mark.slow
def test_the_whole_report(tmp_path):
    """All runs, in the time that a person waits: 5 minutes on an idle host."""
    document = report_of(tmp_path)
    known = verdicts(document)
    for mode in facts.MODES:
        assert known[f"{mode}.end"] == "pass"
    assert known["vectors.same"] == "pass"
    if paths.LINUX_BUNDLE.exists():
        assert known["linux.chain"] == "pass"
    assert {one["kind"] for one in document["findings"]} == {"vector", "suite"}


def narrow() -> dict[str, str]:
    """The options for a 32-bit build, which does not say that it is one."""
    return {"CODE": qemu.code_of("ia32"), "VARS": qemu.VARS_IA32}


def test_a_32_bit_firmware(tmp_path):
    document = report_of(tmp_path, "--only", "look,chain-fixed,chain-direct",
                         **narrow())
    known = verdicts(document)
    assert document["firmware"]["bits"] == 32
    assert known["fixed.2.variable"] == known["fixed.off"] == "pass"
    assert known["direct.end"] == "skip"
    assert "32-bit" in (tmp_path / "index.html").read_text()
    assert "through 1 of 1 ways" in document["verdict"]["sentence"]
    assert {one["kind"] for one in document["findings"]} <= QUIRKS


def test_a_fault_of_32_bit_firmware(tmp_path):
    """The driver for its width is the one that is loaded."""
    document = report_of(tmp_path, "--fault", "callee-pops", "--only",
                         "chain-fixed", **narrow())
    assert "register=rsp" in str(document["findings"])


@pytest.mark.slow
def test_the_whole_report_of_32_bit_firmware(tmp_path):
    document = report_of(tmp_path, **narrow())
    known = verdicts(document)
    beyond = chain.FIRMWARES["ia32"].beyond
    for mode in facts.MODES:
        assert known[f"{mode}.end"] == ("skip" if mode in beyond else "pass")
    assert known["vectors.same"] == "pass"
    if paths.LINUX_BUNDLE.exists():
        assert known["linux.chain"] == "pass"
    assert {one["kind"] for one in document["findings"]} == {"vector", "suite"}


@pytest.mark.slow
@pytest.mark.parametrize("bios", [qemu.EMULATED, qemu.U_BOOT])
def test_other_firmwares(tmp_path, bios):
    document = report_of(tmp_path, "--only", FEW, BIOS=bios)
    assert verdicts(document)["fixed.end"] == "pass"
    quirks = {one["id"] for one in document["checks"]
              if one["kind"] == "quirk"}
    assert bool(quirks) == (bios == qemu.U_BOOT)
