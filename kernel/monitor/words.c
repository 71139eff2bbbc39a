// Words of a line: see the header. The rules of quotes are those of options.

#include "kernel/monitor/words.h"

#include "lib/format.h"
#include "lib/options.h"
#include "lib/string.h"

size_t words_split(char *line, const char **words, size_t max) {
    size_t count = 0;
    const char *rest = line;

    while (count < max) {
        while (*rest == ' ' || *rest == '\t' || *rest == '\n')
            rest++;
        char *word = line + (rest - line);
        if (!option_next_word(&rest, word, SIZE_MAX))
            break;
        words[count++] = word;
    }
    return count;
}

static bool is_option(const char *word) {
    size_t length = 0;
    while (word[length] && word[length] != '=')
        length++;
    FOR_EACH_ROW(options, option)
        if (strlen(option->key) == length && str_starts_with(word, option->key))
            return true;
    return false;
}

size_t words_unknown(const char *line, char *text, size_t size) {
    char word[OPTION_WORD_BYTES];
    size_t count = 0;
    *text = '\0';
    while (option_next_word(&line, word, sizeof(word))) {
        if (is_option(word))
            continue;
        fail(STATUS_INVALID, "%s", word); // makes it fit for a log line
        append(text, size, "%s%s", count++ ? " " : "", why());
    }
    return count;
}
