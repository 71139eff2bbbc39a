// The way down a page table, in words.

#pragma once

#include "mm/page_table.h"

// Writes the walk as lines of text, one a level, each ending in a newline.
void page_walk_explain(const struct page_walk *walk, char *text, size_t size);
