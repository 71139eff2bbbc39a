// Tables whose rows stand where they belong: a file adds a row, and the linker
// collects them. So a part of the kernel attaches to another one that does not
// know its name, and a part that is not linked leaves no trace.
//
// Each table has a header that says who walks it, when, and what a row may do;
// lib/tables.ld lists them all, and `make hooks` prints the rows. Rows are
// sorted by their id, so an id may begin with a number: 50_history.

#pragma once

// In the header of a table: its rows are constants of that type.
#define TABLE(table, type)                                                     \
    typedef type table##_row;                                                  \
    extern const type table##_start[], table##_end[]

// Begins a row: ROW(stages, 50_history) = {…};
#define ROW(table, id)                                                         \
    static const table##_row row_##table##_##id                                \
        __attribute__((used, section(".table." #table "." #id), aligned(8)))

// A loop over the rows, in their order; a table may be empty.
#define FOR_EACH_ROW(table, row)                                               \
    for (const table##_row *row = table##_start; row < table##_end; row++)
