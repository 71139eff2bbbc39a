"""The checks as JUnit's XML, which CI systems show."""

import re
import xml.etree.ElementTree as xml

from .facts import FAIL, NONE, SKIP

NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


def junit(document: dict) -> bytes:
    checks = document["checks"]
    counts = {"tests": len(checks),
              "failures": sum(one["verdict"] == FAIL for one in checks),
              "skipped": sum(one["verdict"] in (SKIP, NONE) for one in checks)}
    suite = xml.Element("testsuite", name="firmware", errors="0",
                        time=str(sum(run["seconds"] for run in
                                     document["runs"])),
                        **{key: str(value) for key, value in counts.items()})
    for check in checks:
        case = xml.SubElement(suite, "testcase", name=check["id"],
                              classname=f"firmware.{check['kind']}")
        seen = NOT_XML.sub("?", check["seen"])
        if check["verdict"] == FAIL:
            xml.SubElement(case, "failure", message=seen[:200]).text = seen
        elif check["verdict"] in (SKIP, NONE):
            xml.SubElement(case, "skipped", message=seen[:200])
    left = "\n".join(line for run in document["runs"]
                     if run["autopsy"] or run["log"]
                     for line in [f"{run['id']}: {run['end']}", *run["autopsy"],
                                  *run["log"]])
    xml.SubElement(suite, "system-out").text = NOT_XML.sub("?", left)
    return xml.tostring(suite, encoding="utf-8", xml_declaration=True)
