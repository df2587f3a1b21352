/*
 * Replacing ${NAME} in texts. The result of one text is bounded by EXPANDED_MAX, so that short texts cannot grow without
 * end through long variables.
 */
#include "userspace/manifest/expand.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text/text.h"

#define EXPANDED_MAX 8192u
#define NAME_MAX_BYTES 128u

/* Where the walk through the tree is, for messages: a chain of nodes up to the root. */
struct place {
    const struct place *above;
    struct node *node;
    unsigned index; /* in the list above */
};

struct expansion {
    const struct variables *variables;
    const struct place *place;
    struct node *node;
    struct manifest_errors *errors;
    char text[EXPANDED_MAX + 1];
    size_t length;
};

/* "capabilities[2].allow" */
static void write_path(const struct place *place, char *path, size_t size_bytes) {
    if (!place->above) {
        path[0] = '\0';
        return;
    }
    write_path(place->above, path, size_bytes);
    size_t used = strlen(path);
    if (place->above->node->kind == NODE_LIST)
        snprintf(path + used, size_bytes - used, "[%u]", place->index);
    else
        snprintf(path + used, size_bytes - used, "%s%s", used ? "." : "", place->node->key);
}

__attribute__((format(printf, 2, 3))) static int fail(struct expansion *expansion, const char *sentence, ...) {
    char path[256], text[512];
    va_list arguments;
    va_start(arguments, sentence);
    vsnprintf(text, sizeof(text), sentence, arguments);
    va_end(arguments);
    write_path(expansion->place, path, sizeof(path));
    errors_add(expansion->errors, expansion->node->file, expansion->node->line, expansion->node->column, path, "%s",
               text);
    return GROVE_INVALID;
}

static int add(struct expansion *expansion, const char *text, size_t length) {
    if (length > EXPANDED_MAX - expansion->length)
        return fail(expansion, "with its variables replaced the text is longer than %u bytes", EXPANDED_MAX);
    memcpy(expansion->text + expansion->length, text, length);
    expansion->length += length;
    return 0;
}

static int refuse_unknown(struct expansion *expansion, const char *name) {
    const struct variables *variables = expansion->variables;
    const char *names[64] = {"manifest", "project", "state", "run"};
    unsigned count = 4;
    for (unsigned i = 0; i < variables->given_count && count < 63; i++)
        names[count++] = variables->given[i].name;
    names[count] = NULL;
    const char *nearest = text_nearest(name, names);
    if (nearest)
        return fail(expansion, "there is no variable ${%s}; did you mean ${%s}?", name, nearest);
    return fail(expansion,
                "there is no variable ${%s}; give it with --set %s=VALUE, or in the project file, or write $${ "
                "for the text ${ itself",
                name, name);
}

/* NULL after an error was added. */
static const char *look_up(struct expansion *expansion, const char *name) {
    const struct variables *variables = expansion->variables;
    for (unsigned i = 0; i < variables->given_count; i++)
        if (!strcmp(variables->given[i].name, name))
            return variables->given[i].value;
    if (!strncmp(name, "env:", 4)) {
        const char *value = getenv(name + 4);
        if (!value)
            fail(expansion, "the environment variable %s is not set", name + 4);
        return value;
    }
    const struct {
        const char *name, *value;
    } own[] = {{"manifest", variables->manifest},
               {"project", variables->project},
               {"state", variables->state},
               {"run", variables->run}};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (!strcmp(own[i].name, name)) {
            if (!own[i].value)
                fail(expansion, "${%s} is not known here", name);
            return own[i].value;
        }
    refuse_unknown(expansion, name);
    return NULL;
}

/* *at stands on "${". */
static int expand_variable(struct expansion *expansion, const char **at) {
    char name[NAME_MAX_BYTES];
    const char *begin = *at + 2, *end = strchr(begin, '}');
    if (!end)
        return fail(expansion, "the } of ${ is missing");
    size_t length = (size_t)(end - begin);
    if (!length || length >= sizeof(name))
        return fail(expansion, "between ${ and } stands no name of a variable");
    memcpy(name, begin, length);
    name[length] = '\0';
    const char *value = look_up(expansion, name);
    if (!value)
        return GROVE_INVALID;
    *at = end + 1;
    return add(expansion, value, strlen(value));
}

static int expand_text(struct expansion *expansion) {
    int status = 0;
    const char *at = expansion->node->text;
    while (status == 0 && *at) {
        if (!strncmp(at, "$${", 3)) {
            status = add(expansion, at + 1, 2);
            at += 3;
        } else if (!strncmp(at, "${", 2)) {
            status = expand_variable(expansion, &at);
        } else {
            size_t plain = 1 + strcspn(at + 1, "$");
            status = add(expansion, at, plain);
            at += plain;
        }
    }
    return status;
}

static int expand_node(const struct variables *variables, const struct place *place, struct arena *arena,
                       struct manifest_errors *errors) {
    struct node *node = place->node;
    struct place below = {.above = place, .node = node->first};
    int status = 0;
    for (; below.node; below.node = below.node->next, below.index++)
        if (expand_node(variables, &below, arena, errors) < 0)
            status = GROVE_INVALID;
    if (node->kind != NODE_TEXT || !strstr(node->text, "${"))
        return status;
    struct expansion expansion = {.variables = variables, .place = place, .node = node, .errors = errors};
    if (expand_text(&expansion) < 0)
        return GROVE_INVALID;
    node->text = arena_copy(arena, expansion.text, expansion.length);
    return status;
}

int expand_tree(const struct variables *variables, struct node *node, struct arena *arena,
                struct manifest_errors *errors) {
    const struct place root = {.node = node};
    return expand_node(variables, &root, arena, errors);
}
