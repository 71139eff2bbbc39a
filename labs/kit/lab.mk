# What a student's folder can do beside all that the tree does.

# The machine that checks are run on is the harness's; the report is theirs.
.PHONY: grade
grade: all ## judge your work: CHECK=split NONCE=0x… FAST=1 REPORTS=junit:FILE
	@$(PYTHON) labs/kit/grade.py $(REPORTS:%=--report %)

.PHONY: hint
hint: ## the next hint for STEP=1
	@$(PYTHON) labs/kit/hint.py $(STEP)

.PHONY: submit
submit: ## pack what is to be handed in: submission.tar.gz
	@touch grades.log hints.log
	@git bundle create -q history.bundle refs/labs/grades 2>&- || \
	  { echo '  make grade once before: its history is part of it'; exit 1; }
	@tar czf submission.tar.gz LAB $(LAB_FILES) answers.md grades.log hints.log \
	  history.bundle
	@echo '  TAR   submission.tar.gz: $(LAB_FILES), answers.md, the logs,'
	@echo '        and history.bundle: all that make grade has judged'

# `make unit` builds the programs about what this is about, and runs them.
unit:
	@for program in $(UNIT_PROGRAMS); do ./$$program || exit; done
	@[ "$(UNIT_PROGRAMS)" ] || echo '  no program of tests/unit is about $(LAB_FILES)'
