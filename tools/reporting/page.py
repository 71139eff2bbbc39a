"""report.json as a page: one file, without scripts, that works offline.

Every section is left out where the report has nothing for it, so a compact
report (tools/report --qr) becomes the same page, shorter.
"""

import html
from pathlib import Path

from harness import chain

STYLE = Path(__file__).with_name("style.css")
MARK = {"pass": "✓", "fail": "✗", "skip": "–", "none": "·", "refused": "refused"}
WORD = {"pass": "passed", "fail": "failed", "skip": "does not apply",
        "none": "was not run"}


def esc(value) -> str:
    return html.escape(str(value))


def table(head: list[str], rows: list[list], caption: str = "") -> str:
    """Cells are HTML already; a row that starts with a name has a heading."""
    top = "".join(f"<th scope=col>{esc(name)}</th>" for name in head)
    body = "\n".join("<tr>" + f"<th scope=row>{row[0]}</th>" + "".join(
        f"<td>{cell}</td>" for cell in row[1:]) + "</tr>" for row in rows)
    title = f"<caption>{esc(caption)}</caption>" if caption else ""
    return (f"<div class=wide><table>{title}<thead><tr>{top}</tr></thead>"
            f"<tbody>{body}</tbody></table></div>")


def mark(verdict: str) -> str:
    return (f"<span class='mark {esc(verdict)}' title='{WORD.get(verdict, '')}'>"
            f"{MARK.get(verdict, esc(verdict))}</span>")


def section(title: str, body: str, text: str = "") -> str:
    if not body:
        return ""
    name = title.lower().replace(" ", "-")
    note = f"<p class=note>{text}</p>" if text else ""
    return f"<section id='{esc(name)}'><h2>{esc(title)}</h2>{note}{body}</section>"


# ---- sections

def heading(document: dict) -> str:
    verdict, who = document["verdict"], document["firmware"]
    rows = [
        ("Firmware", who["vendor"]), ("SMBIOS", " ".join(filter(None, [
            who["smbios_vendor"], who["version"]]))), ("Date", who["date"]),
        ("UEFI", f"{who['uefi']}, {who['bits']}-bit" if who["bits"] else ""),
        *(("File", f"{one['path']}, {one['bytes']} bytes, SHA-256 "
           f"{one['sha256']}") for one in who["files"]),
        ("Machine", ", ".join(str(value) for key, value in
                              document["machine"].items() if value and
                              key in ("qemu", "machine", "args"))),
        ("Injected fault", document["machine"].get("fault")),
        ("Checked", f"{document['made']['at']}, by Baton "
         f"{document['made']['by']}"),
    ]
    facts = "".join(f"<dt>{esc(name)}</dt><dd>{esc(value)}</dd>"
                    for name, value in rows if value)
    return (f"<header class='verdict {esc(verdict['word'])}'><h1>Firmware "
            f"report</h1><p class=sentence>{esc(verdict['sentence'])}</p>"
            f"</header><dl class=who>{facts}</dl>")


SHOWN = 8


def finding(one: dict) -> str:
    seen = one["seen"]
    lines = "".join(f"<li>{esc(text)}</li>" for text in seen[:SHOWN])
    rest = "".join(f"<li>{esc(text)}</li>" for text in seen[SHOWN:])
    more = (f"<details><summary>{len(seen) - SHOWN} more</summary><ul>{rest}"
            "</ul></details>") if rest else ""
    return (f"<article class='finding {esc(one['severity'])}'>"
            f"<h3><span class=severity>{esc(one['severity'])}</span> "
            f"{esc(one['title'])}</h3><dl>"
            f"<dt>Seen</dt><dd><ul>{lines}</ul>{more}</dd>"
            f"<dt>Specified</dt><dd>{esc(one['says'])} "
            f"<span class=section>({esc(one['section'])})</span></dd>"
            f"<dt>Who suffers</dt><dd>{esc(one['suffers'])}</dd>"
            f"<dt>What to do</dt><dd>{esc(one['do'])}</dd></dl></article>")


def modes(document: dict) -> str:
    rows = []
    for one in document["modes"]:
        last = len(one["proofs"]) - 1
        for gen, proofs in enumerate(one["proofs"]):
            cells = [mark(proofs[check]) if check in proofs else ""
                     for check in chain.CHECKS]
            rows.append([esc(one["mode"]) if gen == 0 else "",
                         str(gen + one.get("first", 0)),
                         esc(one["svam"][gen]), *cells,
                         esc(one["end"]) if gen == last else ""])
    return rows and table(["mode", "gen", "SVAM", *chain.CHECKS, "end"], rows)



def vectors(document: dict) -> str:
    rows = [[esc(f"{one['service']} {one['what']}"),
             mark("skip" if one["skipped"] else "pass" if one["ok"] else
                  "fail"), esc(one["status"]), esc(one["note"]),
             esc(one["who"])] for one in document["vectors"]]
    if not rows:
        return ""
    count = sum("fail" in row[1] for row in rows)
    return (f"<details><summary>{len(rows)} calls, {count} with a result that "
            "is not the expected one</summary>" + table(
                ["call", "", "result", "expected", "source"], rows)
            + "</details>")


# Keys of the data, as people read them.
HEADS = {"svc": "service", "pa": "physical address", "attr": "attributes",
         "moved": "words that moved", "physical": "still physical"}
# UEFI 2.10 §7.2.3, by bit.
ATTRIBUTES = {0: "UC", 1: "WC", 2: "WT", 3: "WB", 4: "UCE", 12: "WP", 13: "RP",
              14: "XP", 15: "NV", 16: "MORE_RELIABLE", 17: "RO", 18: "SP",
              19: "CPU_CRYPTO", 63: "RUNTIME"}


def cell(name: str, row: dict) -> str:
    value = str(row.get(name, ""))
    if name != "attr":
        return esc(value)
    words = [word for bit, word in ATTRIBUTES.items()
             if int(value, 0) >> bit & 1]
    return f"{esc(value)} ({' '.join(words)})"


def of_rows(rows: list[dict], names: list[str]) -> str:
    return rows and table([HEADS.get(name, name) for name in names],
                          [[cell(name, row) for name in names]
                           for row in rows])


def instructions(document: dict) -> str:
    rows = [[esc(name), f"{firmware:,}", f"{gate:,}",
             f"{document['stacks'].get(name, ''):,}"
             if name in document["stacks"] else ""]
            for name, (firmware, gate) in document["instructions"].items()]
    return rows and table(["service", "firmware", "Baton's gate",
                           "bytes of stack"], rows)


def answers(document: dict) -> str:
    return "".join(f"<details><summary><code>{esc(line)}</code></summary><pre>"
                   f"{esc(chr(10).join(text))}</pre></details>"
                   for line, text in document["answers"].items())


def all_checks(document: dict) -> str:
    rows = [[esc(one["id"]), mark(one["verdict"]), esc(one["seen"])]
            for one in document["checks"]]
    return rows and (f"<details><summary>{len(rows)} check"
                     f"{'s' * (len(rows) > 1)}</summary>"
                     + table(["check", "", "seen"], rows) + "</details>")


def runs(document: dict) -> str:
    return document["runs"] and table(
        ["run", "what", "seconds", "how it ended", "command line", "files"],
        [[esc(one["id"]), esc(one["what"]), str(one["seconds"]),
          esc(one["end"]), f"<code>{esc(one['words'])}</code>",
          f"<code>{esc(one['home'])}</code>"] for one in document["runs"]])


def evidence(document: dict) -> str:
    """Open, because who has only this page cannot look into the folders."""
    return "".join(
        f"<details open><summary>{esc(one['id'])}: {esc(one['end'])}</summary>"
        + "".join(f"<pre>{esc(chr(10).join(one[part]))}</pre>"
                  for part in ("autopsy", "log") if one[part]) + "</details>"
        for one in document["runs"] if one["autopsy"] or one["log"])


def against(document: dict) -> str:
    found = document.get("against")
    if not found:
        return ""
    text = [f"<p>Compared with the report of {esc(found['made']['at'])}: "
            f"{len(found['worse'])} worse, {len(found['better'])} better.</p>"]
    for name in "worse", "better", "unknown":
        rows = [[esc(row["id"]), mark(row["before"]), mark(row["now"]),
                 esc(row["seen"])] for row in found[name]]
        if rows:
            text.append(table(["check", "before", "now", "seen"], rows,
                              name if name != "unknown" else "not comparable"))
    if found["slower"]:
        text.append(of_rows(found["slower"], ["service", "before", "now"]))
    return "".join(text)


def render(document: dict) -> str:
    body = "\n".join([
        heading(document),
        section("Compared", against(document)),
        section("Findings", "".join(map(finding, document["findings"]))
                or "<p>None.</p>"),
        section("Where they ended", evidence(document), "The state of each "
                "machine that did not come to its end, and the end of its "
                "log."),
        section("Modes", modes(document), "Three kernels, each started by the "
                "one before, in each mapping. ✓ proved, ✗ failed, – does not "
                "apply, · was not run. naive has to be refused from generation 1 on."),
        section("Conformance", vectors(document)),
        section("Runtime memory", of_rows(document["regions"], [
            "type", "pa", "pages", "attr"])),
        section("SetVirtualAddressMap", of_rows(document["diff"], [
            "type", "pa", "moved", "unaligned", "physical"]),
                "Words that the call converted, and words that still look like "
                "a physical address (docs/svam.md)."),
        section("Pages used", of_rows(document["touch"], [
            "svc", "type", "pa", "pages", "read", "executed", "written"])),
        section("Instructions", instructions(document), "Of the first call, "
                "counted: they do not depend on the host."),
        section("Tables and variables", answers(document)),
        section("All checks", all_checks(document)),
        section("Runs", runs(document)),
    ])
    return page("Firmware report", body)


def page(title: str, body: str) -> str:
    return (f"<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
            "<meta name=viewport content='width=device-width,initial-scale=1'>"
            f"\n<title>{esc(title)}</title>\n<style>\n{STYLE.read_text()}"
            f"</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n")


def overview(reports: list[tuple[str, dict | str]]) -> str:
    """Many firmwares: (name of the folder, report or the reason of none)."""
    rows = []
    for name, one in reports:
        if isinstance(one, str):
            rows.append([esc(name), mark("fail"), esc(one), "", "", ""])
            continue
        counts = {level: sum(row["severity"] == level for row in
                             one["findings"])
                  for level in ("critical", "high", "medium", "low")}
        rows.append([f"<a href='{esc(name)}/index.html'>{esc(name)}</a>",
                     f"<span class='word {esc(one['verdict']['word'])}'>"
                     f"{esc(one['verdict']['word'])}</span>",
                     esc(one["verdict"]["sentence"]),
                     esc(one["firmware"]["vendor"]),
                     esc(one["firmware"]["date"]),
                     ", ".join(f"{count} {level}" for level, count in
                               counts.items() if count)])
    body = "<h1>Firmware reports</h1>" + table(
        ["firmware", "", "verdict", "vendor", "date", "findings"], rows)
    return page("Firmware reports", body)
