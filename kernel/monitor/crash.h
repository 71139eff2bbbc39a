// Crashes on request (crash=KIND), for tests and for learning to read a panic.

#pragma once

#include "lib/status.h"

// Crashes in the way that `kind` names. Returns only if there is no such kind:
// INVALID, with a list of them.
status_t crash(const char *kind);
