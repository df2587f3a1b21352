/* A sorted array: sources are read far more often than they change. */
#include "lib/config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const struct setting *setting, const char *service, const char *key) {
    int order = strcmp(setting->service, service);
    return order != 0 ? order : strcmp(setting->key, key);
}

static uint32_t place_of(const struct settings *settings, const char *service, const char *key) {
    uint32_t first = 0, end = settings->count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (compare(&settings->list[middle], service, key) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

uint32_t settings_begin(const struct settings *settings, const char *service) {
    return place_of(settings, service, "");
}

const struct setting *settings_find(const struct settings *settings, const char *service, const char *key) {
    uint32_t place = place_of(settings, service, key);
    bool is_there = place < settings->count && compare(&settings->list[place], service, key) == 0;
    return is_there ? &settings->list[place] : NULL;
}

void config_text_free(struct config_text *text) {
    if (text->items != NULL)
        explicit_bzero((void *)(uintptr_t)text->items, text->bytes);
    free((void *)(uintptr_t)text->items);
    *text = (struct config_text){NULL, 0};
}

void settings_deinit(struct settings *settings) {
    for (uint32_t index = 0; index < settings->count; index++)
        config_text_free(&settings->list[index].text);
    free(settings->list);
    *settings = (struct settings){NULL, 0, 0};
}

static int grow(struct settings *settings) {
    if (settings->count < settings->room)
        return 0;
    if (settings->count == SETTINGS_MAX)
        return GROVE_EXHAUSTED;
    uint32_t room = settings->room == 0 ? 8 : 2 * settings->room;
    struct setting *list = realloc(settings->list, room * sizeof *list);
    if (list == NULL)
        return GROVE_NO_MEMORY;
    settings->list = list;
    settings->room = room;
    return 0;
}

int config_text_copy(const struct config_text *from, struct config_text *to) {
    char *items = malloc(from->bytes + 1);
    if (items == NULL)
        return GROVE_NO_MEMORY;
    if (from->bytes > 0)
        memcpy(items, from->items, from->bytes);
    to->items = items;
    to->bytes = from->bytes;
    return 0;
}

int settings_put(struct settings *settings, const char *service, const char *key, const struct config_text *text,
                 uint32_t line) {
    struct config_text copy;
    if (text->bytes > CONFIG_TEXT_BYTES_MAX || strlen(service) > GROVE_NAME_MAX || strlen(key) > GROVE_CONFIG_KEY_MAX)
        return GROVE_TOO_LARGE;
    uint32_t place = place_of(settings, service, key);
    bool is_there = place < settings->count && compare(&settings->list[place], service, key) == 0;
    int status = is_there ? 0 : grow(settings);
    if (status == 0)
        status = config_text_copy(text, &copy);
    if (status < 0)
        return status;
    struct setting *setting = &settings->list[place];
    if (is_there) {
        config_text_free(&setting->text);
    } else {
        memmove(setting + 1, setting, (settings->count - place) * sizeof *setting);
        settings->count++;
        memset(setting, 0, sizeof *setting);
        (void)snprintf(setting->service, sizeof setting->service, "%s", service);
        (void)snprintf(setting->key, sizeof setting->key, "%s", key);
    }
    setting->text = copy;
    setting->line = line;
    return 0;
}

void settings_remove(struct settings *settings, const char *service, const char *key) {
    uint32_t place = place_of(settings, service, key);
    if (place == settings->count || compare(&settings->list[place], service, key) != 0)
        return;
    config_text_free(&settings->list[place].text);
    settings->count--;
    memmove(&settings->list[place], &settings->list[place + 1], (settings->count - place) * sizeof settings->list[0]);
}

int settings_copy(const struct settings *from, struct settings *to) {
    struct settings made = {NULL, 0, 0};
    int status = 0;
    for (uint32_t index = 0; status == 0 && index < from->count; index++) {
        const struct setting *setting = &from->list[index];
        status = settings_put(&made, setting->service, setting->key, &setting->text, setting->line);
    }
    if (status < 0)
        settings_deinit(&made);
    else
        *to = made;
    return status;
}

bool config_text_is_same(const struct config_text *a, const struct config_text *b) {
    return a->bytes == b->bytes && (a->bytes == 0 || memcmp(a->items, b->items, a->bytes) == 0);
}

bool settings_are_same(const struct settings *a, const struct settings *b) {
    bool is_same = a->count == b->count;
    for (uint32_t index = 0; is_same && index < a->count; index++)
        is_same = compare(&a->list[index], b->list[index].service, b->list[index].key) == 0 &&
                  config_text_is_same(&a->list[index].text, &b->list[index].text);
    return is_same;
}
