// Crashes on request (crash=KIND), for tests and for learning to read a panic.

#pragma once

// Crashes if crash= asks for it.
void crash_if_asked(void);
