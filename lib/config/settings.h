/*
 * Values that one source gives to keys of services, sorted by service and key, each pair once.
 */
#ifndef GROVE_CONFIG_SETTINGS_H
#define GROVE_CONFIG_SETTINGS_H

#include "lib/config/value.h"

/* Of one source. */
#define SETTINGS_MAX 8192u

struct setting {
    char service[GROVE_NAME_MAX + 1];
    char key[GROVE_CONFIG_KEY_MAX + 1];
    uint32_t line; /* 0: none */
    struct config_text text; /* items malloc'ed, owned by the settings */
};
/* Zero is empty. */
struct settings {
    struct setting *list;
    uint32_t count, room;
};

void settings_deinit(struct settings *settings); /* overwrites the values: they may be secrets */
const struct setting *settings_find(const struct settings *settings, const char *service, const char *key);
/* The first one of a service, or where it would stand. */
uint32_t settings_begin(const struct settings *settings, const char *service);
/* Set, or set again, with a copy of the text. GROVE_EXHAUSTED, GROVE_NO_MEMORY, GROVE_TOO_LARGE. */
int settings_put(struct settings *settings, const char *service, const char *key, const struct config_text *text,
                 uint32_t line);
void settings_remove(struct settings *settings, const char *service, const char *key);
int settings_copy(const struct settings *from, struct settings *to);
/* A malloc'ed copy, and its end, in which it is overwritten. GROVE_NO_MEMORY. */
int config_text_copy(const struct config_text *from, struct config_text *to);
void config_text_free(struct config_text *text);
bool config_text_is_same(const struct config_text *a, const struct config_text *b);
/* The same values, wherever they stand in their file. */
bool settings_are_same(const struct settings *a, const struct settings *b);

#endif
