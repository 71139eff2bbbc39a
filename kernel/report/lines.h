// Texts of several lines in the log.

#pragma once

// Several lines for people (the last one may lack its newline), each with the
// line head of say() and then `prefix`.
void say_lines(const char *prefix, const char *text);
