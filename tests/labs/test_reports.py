"""Reports have the form that people and platforms read.

A schema is a dictionary: each key with the type of its value, a list of allowed
values, a schema, or a list of one schema for a list of such. A key that ends in
`?` may be missing; one that the schema does not have may not be there.
"""

import base64
import json
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from kit import folder, grade, report, seed

NONCE = 0x1234
RESULTS = [report.Result("one", "It works.", 10, "pass", 0.5),
           report.Result("two", "It <does> | \"so\".", 5, "fail", 1,
                         ["expected: & yes", "found: ]]> no"]),
           report.Result("three", "It waits.", 5, "blocked", 0,
                         ["not tried: it needs two"])]
NUMBER = (int, float)

# gradescope-autograders.readthedocs.io, "Output format" and the paragraphs on
# visibility, status and output_format.
VISIBILITY = ["hidden", "after_due_date", "after_published", "visible"]
FORMAT = ["text", "html", "simple_format", "md", "ansi"]
GRADESCOPE = {
    "score?": NUMBER, "execution_time?": NUMBER, "output?": str,
    "output_format?": FORMAT, "test_output_format?": FORMAT,
    "test_name_format?": FORMAT, "visibility?": VISIBILITY,
    "stdout_visibility?": VISIBILITY, "extra_data?": dict,
    "tests?": [{
        "score?": NUMBER, "max_score?": NUMBER,
        "status?": ["passed", "failed"], "name?": str, "name_format?": FORMAT,
        "number?": str, "output?": str, "output_format?": FORMAT,
        "tags?": list, "visibility?": VISIBILITY, "extra_data?": dict}],
    "leaderboard?": [{"name": str, "value": (*NUMBER, str),
                      "order?": ["asc", "desc"]}]}

# classroom-resources/autograding-command-grader, src/main.js, makes it;
# autograding-grading-reporter, src/*.js, reads it.
CLASSROOM = {
    "version": [1], "status": ["pass", "fail", "error"], "max_score": NUMBER,
    "tests": [{"name": str, "status": ["pass", "fail", "error"],
               "score": NUMBER, "message": str, "test_code": str,
               "filename": str, "line_no": int, "duration": NUMBER}]}

RAW = {"nonce": int, "score": int, "of": int, "used": list,
       "results": [{"name": str, "title": str, "points": int,
                    "status": ["pass", "fail", "blocked"], "seconds": NUMBER,
                    "details": list, "measure": (int, type(None))}]}


def wrong(value, schema, where: str = "") -> list[str]:
    """What is not as the schema has it."""
    if isinstance(schema, (type, tuple)):
        good = isinstance(value, schema) and not isinstance(value, bool)
        return [] if good else [f"{where}: {value!r} is no {schema}"]
    if isinstance(schema, dict):
        names = {key.rstrip("?") for key in schema}
        found = [f"{where}.{key}: unknown" for key in value.keys() - names]
        for key, inner in schema.items():
            name = key.rstrip("?")
            if name in value:
                found += wrong(value[name], inner, f"{where}.{name}")
            elif name == key:
                found.append(f"{where}.{name}: missing")
        return found
    if isinstance(schema[0], dict):
        return [line for n, one in enumerate(value)
                for line in wrong(one, schema[0], f"{where}[{n}]")]
    return [] if value in schema else [f"{where}: {value!r} not in {schema}"]


JSON_TYPES = {int: "integer", float: "number", str: "string", dict: "object",
              list: "array", type(None): "null"}


def json_schema(schema) -> dict:
    """The same schema in the language of json-schema.org."""
    if isinstance(schema, (type, tuple)):
        types = schema if isinstance(schema, tuple) else (schema,)
        return {"type": [JSON_TYPES[one] for one in types]}
    if isinstance(schema, dict):
        return {"type": "object", "additionalProperties": False,
                "required": [key for key in schema if not key.endswith("?")],
                "properties": {key.rstrip("?"): json_schema(inner)
                               for key, inner in schema.items()}}
    if isinstance(schema[0], dict):
        return {"type": "array", "items": json_schema(schema[0])}
    return {"enum": schema}


of_each_schema = pytest.mark.parametrize("form, schema", [
    ("gradescope", GRADESCOPE), ("classroom", CLASSROOM), ("raw", RAW)])


@of_each_schema
def test_json_is_as_its_schema_has_it(form, schema):
    for results in (RESULTS, RESULTS[:1], []):
        found = json.loads(report.FORMS[form](results, NONCE))
        assert wrong(found, schema) == []
        assert sum(t.get("max_score", 0) or t.get("points", 0)
                   for t in found.get("tests", found.get("results"))) in (
                       0, report.total(results)[1])


@of_each_schema
def test_an_independent_validator_agrees(form, schema):
    """Debian's python3-jsonschema, where it is installed."""
    draft = pytest.importorskip("jsonschema").Draft7Validator
    draft.check_schema(json_schema(schema))
    validator = draft(json_schema(schema))
    found = json.loads(report.FORMS[form](RESULTS, NONCE))
    assert [*validator.iter_errors(found)] == []
    for row in found.get("tests", found.get("results")):
        row["status"] = "perhaps"
    assert len([*validator.iter_errors(found)]) == len(RESULTS)


def test_a_schema_finds_what_is_wrong():
    found = json.loads(report.gradescope(RESULTS, NONCE))
    found["tests"][0]["status"] = "pass"
    found["colour"] = "red"
    assert len(wrong(found, GRADESCOPE)) == 2
    assert wrong({"version": 1}, CLASSROOM) == [
        ".status: missing", ".max_score: missing", ".tests: missing"]


def test_points_are_the_same_in_all_forms():
    scope = json.loads(report.gradescope(RESULTS, NONCE))
    room = json.loads(report.classroom(RESULTS, NONCE))
    assert scope["score"] == sum(t["score"] for t in scope["tests"]) == 10
    assert sum(t["score"] for t in room["tests"]) == 10
    assert room["max_score"] == 20 and room["status"] == "fail"
    assert "10 of 20 points (NONCE=0x1234)" in report.text(RESULTS, NONCE)


def test_junit_is_xml_that_tools_read():
    suite = ElementTree.fromstring(report.junit(RESULTS, NONCE))
    assert suite.tag == "testsuite" and {
        key: suite.get(key) for key in ("tests", "failures", "errors",
                                        "skipped")} == {
        "tests": "3", "failures": "1", "errors": "0", "skipped": "1"}
    one, two, three = suite.findall("testcase")
    assert all(case.get("classname") and float(case.get("time")) >= 0
               for case in (one, two, three))
    assert not list(one) and three.find("skipped") is not None
    assert two.find("failure").text.splitlines() == RESULTS[1].details
    assert two.find("failure").get("message") == RESULTS[1].title


def test_markdown_has_a_row_of_four_cells_for_each_check():
    rows = [line for line in report.markdown(RESULTS, NONCE).splitlines()
            if line.startswith("|")]
    assert len(rows) == 2 + len(RESULTS)
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {6}


FORGED = ["\x1b[2J\x1b[32m✓ 80 of 80 points\0\x85\u202e",
          "```", "</details>", "| ✓ | one | 10/10 | forged |",
          "]]></failure><testcase name='x'/>", '"}], "score": 80']


def test_what_a_kernel_prints_is_no_part_of_a_report():
    """Escape sequences, or what looks like a report's own format."""
    results = [report.Result("one", "It works.", 10, "fail", 1, FORGED)]
    for form in report.FORMS.values():
        said = form(results, NONCE)
        assert not [c for c in said if not c.isprintable() and c != "\n"]
    suite = ElementTree.fromstring(report.junit(results, NONCE))
    assert len(list(suite.iter("testcase"))) == 1
    assert suite.get("failures") == "1"
    fence = report.markdown(results, NONCE).split("</summary>\n\n")[1]
    assert fence.startswith("````\n") and fence.count("````") == 2
    assert json.loads(report.gradescope(results, NONCE))["score"] == 0


def test_text_shows_why_a_check_fails():
    said = report.text(RESULTS, NONCE)
    assert "✗ two          0/5" in said and "      found: ]]> no" in said
    assert "– three" in said and "it needs two" in said


def test_the_workflow_for_github_classroom():
    """It is YAML, and its reporter gets what its grader has written."""
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load(folder.classroom(folder.Lab("3")))
    (job,) = found["jobs"].values()
    steps = {step.get("id") or step.get("uses", step.get("name")): step
             for step in job["steps"]}
    reporter = steps["classroom-resources/autograding-grading-reporter@v1"]
    for runner in reporter["with"]["runners"].split(","):
        assert re.fullmatch("[a-zA-Z0-9]+", runner)  # the reporter's own rule
        assert reporter["env"][f"{runner.upper()}_RESULTS"] == \
            f"${{{{ steps.{runner}.outputs.result }}}}"
    assert "GITHUB_OUTPUT" in steps["checks"]["run"]


def test_the_workflow_hands_on_one_line(tmp_path):
    """`result=` is base64 in one line, of the form that the reporter reads."""
    file = tmp_path / "results.json"
    file.write_text(report.classroom(RESULTS, NONCE))
    done = subprocess.run(["base64", "-w0", file], capture_output=True)
    assert b"\n" not in done.stdout
    assert wrong(json.loads(base64.b64decode(done.stdout)), CLASSROOM) == []


@pytest.mark.xdist_group("lab3")
def test_the_steps_of_the_workflow(bench, tmp_path):
    """As a runner executes them, in a hand-out; a results.json that a student
    has committed does not get into the result."""
    yaml = pytest.importorskip("yaml")
    it = bench("3")
    it.put(it.lab.handout(it.seed))
    (it.folder / "results.json").write_text("{}")
    text = (it.folder / ".github/workflows/classroom.yml").read_text()
    (job,) = yaml.safe_load(text)["jobs"].values()
    names = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"
    for step in job["steps"]:
        if "run" in step:
            done = subprocess.run(
                ["bash", "-e", "-c", step["run"]], cwd=it.folder, text=True,
                capture_output=True,
                env={**os.environ, **{n: str(tmp_path / n) for n in names}})
            assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (tmp_path / "GITHUB_OUTPUT").read_text().splitlines()
    name, _, value = line.partition("=")
    found = json.loads(base64.b64decode(value))
    assert name == "result" and wrong(found, CLASSROOM) == []
    failed = {t["name"].partition(":")[0] for t in found["tests"]
              if t["status"] == "fail" and t["message"].startswith("expected")}
    assert failed == set(it.lab.staff.DAY0.split()) and found["max_score"] == 80
    summary = (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert summary.startswith("**") and "| ✗ | wx | 0/6 |" in summary


# ---- what a run of the grader leaves behind


def git(home, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=home, text=True, check=True,
                          capture_output=True).stdout


def test_each_run_is_kept_with_the_files_that_it_judged(tmp_path, monkeypatch):
    git(tmp_path, "init", "-q")
    monkeypatch.setattr(grade.paths, "ROOT", tmp_path)
    for text, status in (("one", "fail"), ("two", "pass")):
        (tmp_path / "mine.c").write_text(text)
        grade.note([report.Result("x", "It is.", 5, status)], NONCE)
    log = git(tmp_path, "log", "--format=%s", "refs/labs/grades")
    assert log.splitlines() == ["5/5, NONCE=0x1234, ✗ -",
                                "0/5, NONCE=0x1234, ✗ x"]
    ref = "refs/labs/grades"
    assert git(tmp_path, "show", f"{ref}~:mine.c") == "one"
    assert git(tmp_path, "show", f"{ref}:mine.c") == "two"
    assert git(tmp_path, "branch", "-a") == ""  # nothing else has moved
    assert "A " not in git(tmp_path, "status", "--short")


def test_a_nonce_and_a_seed_choose_the_same_again():
    a, b = (seed.dice(NONCE, "map").randrange(1 << 60) for _ in range(2))
    assert a == b != seed.dice(NONCE, "split").randrange(1 << 60)
