/*
 * libyaml's events, with the path of keys that leads to where the reader is. Left out of YAML on purpose, as in manifests:
 * anchors and aliases, tags, several documents.
 */
#include "lib/config/yaml_source.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    const char *file, *project;
    struct settings *settings;
    char *problem;
    size_t problem_bytes;
    char service[GROVE_NAME_MAX + 1];
    char path[GROVE_CONFIG_KEY_MAX + 1]; /* the key so far */
    size_t outer[YAML_SOURCE_DEPTH_MAX + 1]; /* length of the path at each level of maps */
    unsigned depth; /* of open maps; 1: names of services stand here */
    bool has_key; /* a key was read, its value follows */
    bool is_in_list;
    bool has_root;
    unsigned line; /* of the key, or of the list */
    char items[CONFIG_TEXT_BYTES_MAX];
    size_t item_bytes;
};

static int fail(struct reader *reader, size_t line, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int fail(struct reader *reader, size_t line, const char *key, const char *format, ...) {
    char sentence[320];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    (void)snprintf(reader->problem, reader->problem_bytes, "%s:%zu: %s%s%s%s%s", reader->file, line, reader->service,
                   reader->service[0] != '\0' && key[0] != '\0' ? "." : "", key,
                   reader->service[0] != '\0' || key[0] != '\0' ? ": " : "", sentence);
    return GROVE_INVALID;
}

/* ---- keys ---- */

static int enter_service(struct reader *reader, const char *name, unsigned line) {
    char full[2 * GROVE_NAME_MAX + 2];
    bool is_bare = strchr(name, '.') == NULL;
    reader->service[0] = '\0';
    if (!config_key_is_valid(name) || (is_bare && reader->project == NULL))
        return fail(reader, line, "", "\"%.80s\" is no full name of a service; write PROJECT.SERVICE:", name);
    int length = snprintf(full, sizeof full, "%s%s%s", is_bare ? reader->project : "", is_bare ? "." : "", name);
    if (length > (int)GROVE_NAME_MAX)
        return fail(reader, line, "", "the name %.80s is longer than %u bytes", full, GROVE_NAME_MAX);
    memcpy(reader->service, full, (size_t)length + 1);
    reader->path[0] = '\0';
    return 0;
}

static int enter_key(struct reader *reader, const char *name, unsigned line) {
    size_t outer = reader->outer[reader->depth];
    size_t length = outer + (outer > 0) + strlen(name);
    if (!config_key_is_valid(name) || length > GROVE_CONFIG_KEY_MAX)
        return fail(
            reader, line, "",
            "\"%.80s\" is no key; keys have letters, digits, _ and -, with single dots between, %u bytes in all", name,
            GROVE_CONFIG_KEY_MAX);
    (void)snprintf(reader->path + outer, sizeof reader->path - outer, "%s%s", outer > 0 ? "." : "", name);
    return 0;
}

static int take_key(struct reader *reader, const char *name, unsigned line) {
    reader->has_key = true;
    reader->line = line;
    return reader->depth == 1 ? enter_service(reader, name, line) : enter_key(reader, name, line);
}

/* ---- values ---- */

static int put(struct reader *reader, const struct config_text *text) {
    if (settings_find(reader->settings, reader->service, reader->path) != NULL)
        return fail(reader, reader->line, reader->path, "it stands here a second time");
    int status = settings_put(reader->settings, reader->service, reader->path, text, reader->line);
    if (status < 0)
        (void)fail(reader, reader->line, reader->path, "%s",
                   status == GROVE_EXHAUSTED ? "there are more than 8192 values in this file" : "memory is exhausted");
    return status;
}

static int add_item(struct reader *reader, const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length, line = event->start_mark.line + 1;
    if (memchr(text, '\0', length) != NULL)
        return fail(reader, line, reader->path, "a text must not contain a zero byte");
    if (length + 1 > sizeof reader->items - reader->item_bytes)
        return fail(reader, line, reader->path, "it is longer than %u bytes", CONFIG_TEXT_BYTES_MAX);
    memcpy(reader->items + reader->item_bytes, text, length);
    reader->items[reader->item_bytes + length] = '\0';
    reader->item_bytes += length + 1;
    return 0;
}

/* "key:" and "key: ~" leave the key to weaker sources. */
static bool is_nothing(const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (text[0] == '\0' || strcmp(text, "~") == 0);
}

static int take_scalar(struct reader *reader, const yaml_event_t *event) {
    unsigned line = (unsigned)event->start_mark.line + 1;
    if (reader->is_in_list)
        return add_item(reader, event);
    if (reader->depth > 0 && !reader->has_key)
        return take_key(reader, (const char *)event->data.scalar.value, line);
    reader->has_root = true;
    reader->has_key = false;
    if (is_nothing(event))
        return 0;
    if (reader->depth < 2)
        return fail(reader, line, "", "here stands a single value; below the name of a service stand keys with values");
    reader->item_bytes = 0;
    int status = add_item(reader, event);
    return status < 0 ? status : put(reader, &(struct config_text){reader->items, reader->item_bytes});
}

static int begin_map(struct reader *reader, const yaml_event_t *event) {
    size_t line = event->start_mark.line + 1;
    if (reader->is_in_list || (reader->depth > 0 && !reader->has_key))
        return fail(reader, line, reader->path, "a list holds single values, and a key is a text");
    if (reader->depth == YAML_SOURCE_DEPTH_MAX)
        return fail(reader, line, reader->path, "maps are nested more than %u deep", YAML_SOURCE_DEPTH_MAX);
    reader->has_root = true;
    reader->has_key = false;
    reader->depth++;
    reader->outer[reader->depth] = reader->depth < 3 ? 0 : strlen(reader->path);
    return 0;
}

static int begin_list(struct reader *reader, const yaml_event_t *event) {
    if (reader->is_in_list || !reader->has_key || reader->depth < 2)
        return fail(reader, event->start_mark.line + 1, reader->path, "a list stands here where %s",
                    reader->is_in_list ? "a single value belongs" : "names of services with their keys belong");
    reader->is_in_list = true;
    reader->item_bytes = 0;
    return 0;
}

static int end_list(struct reader *reader) {
    reader->is_in_list = false;
    reader->has_key = false;
    return put(reader, &(struct config_text){reader->items, reader->item_bytes});
}

static void end_map(struct reader *reader) {
    reader->path[reader->outer[reader->depth]] = '\0';
    reader->depth--;
    if (reader->depth == 0)
        reader->service[0] = '\0';
}

/* ---- events ---- */

static int check_event(struct reader *reader, const yaml_event_t *event) {
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (event->type == YAML_ALIAS_EVENT || anchor != NULL || (tag != NULL && strcmp((const char *)tag, "!") != 0))
        return fail(reader, event->start_mark.line + 1, "",
                    "anchors (&), aliases (*) and tags (!) have no meaning here; write the value out");
    if (event->type == YAML_DOCUMENT_START_EVENT && reader->has_root)
        return fail(reader, event->start_mark.line + 1, "", "a second document begins here; one file holds one");
    return 0;
}

static int take_event(struct reader *reader, const yaml_event_t *event) {
    int status = check_event(reader, event);
    if (status < 0)
        return status;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return take_scalar(reader, event);
    case YAML_MAPPING_START_EVENT:
        return begin_map(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return begin_list(reader, event);
    case YAML_SEQUENCE_END_EVENT:
        return end_list(reader);
    case YAML_MAPPING_END_EVENT:
        end_map(reader);
        return 0;
    default:
        return 0;
    }
}

static int read_events(struct reader *reader) {
    yaml_event_t event;
    bool is_end = false;
    while (!is_end) {
        if (!yaml_parser_parse(&reader->parser, &event)) {
            reader->service[0] = '\0';
            return fail(reader, reader->parser.problem_mark.line + 1, "", "this is no YAML: %s",
                        reader->parser.problem != NULL ? reader->parser.problem : "it cannot be read");
        }
        is_end = event.type == YAML_STREAM_END_EVENT;
        int status = take_event(reader, &event);
        yaml_event_delete(&event);
        if (status < 0)
            return status;
    }
    return 0;
}

int yaml_source_parse(const char *text, size_t text_bytes, const char *file, const char *project,
                      struct settings *settings, char *problem, size_t problem_bytes) {
    struct settings made = {NULL, 0, 0};
    struct reader reader = {
        .file = file, .project = project, .settings = &made, .problem = problem, .problem_bytes = problem_bytes};
    if (text_bytes > YAML_SOURCE_BYTES_MAX) {
        (void)snprintf(problem, problem_bytes, "%s: it is larger than %u KiB", file, YAML_SOURCE_BYTES_MAX >> 10);
        return GROVE_TOO_LARGE;
    }
    if (!yaml_parser_initialize(&reader.parser)) {
        (void)snprintf(problem, problem_bytes, "%s: memory is exhausted", file);
        return GROVE_NO_MEMORY;
    }
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, text_bytes);
    int status = read_events(&reader);
    yaml_parser_delete(&reader.parser);
    explicit_bzero(reader.items, sizeof reader.items);
    if (status < 0)
        settings_deinit(&made);
    else
        *settings = made;
    return status;
}
