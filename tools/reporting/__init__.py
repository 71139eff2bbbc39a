"""The report about a firmware, from runs to a page.

experiments.py lists the runs. facts.py reads their logs, as tables and as
checks: each has a name, a kind and a verdict. rules.py has a row for each kind:
what a check that fails means. document.py puts all into one object, report.json;
page.py, junit.py and compare.py only read that. (docs/report.md)
"""
