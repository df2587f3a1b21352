/*
 * From YAML text to a tree of nodes, by libyaml's events. What Grove leaves out of YAML on purpose: anchors and aliases
 * (a few lines of them can stand for gigabytes), several documents in a file, and tags other than !replace.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "userspace/manifest/node.h"

struct reader {
    yaml_parser_t parser;
    const char *file;
    struct arena *arena;
    struct manifest_errors *errors;
    unsigned nodes;
    struct node *open[YAML_DEPTH_MAX]; /* the lists and maps that are not ended yet */
    unsigned depth;
    struct node *pending_key; /* read in the innermost map, without its value yet */
    struct node *root;
};

static int fail(struct reader *reader, yaml_mark_t mark, const char *sentence) {
    errors_add(reader->errors, reader->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1, "", "%s", sentence);
    return GROVE_INVALID;
}

/* libyaml's own words, with where it stopped. */
static int fail_syntax(struct reader *reader) {
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "it cannot be read";
    if (parser->error == YAML_READER_ERROR) {
        errors_add(reader->errors, reader->file, 0, 0, "",
                   "this is no YAML text: %s at byte %zu; manifests are UTF-8 text", problem, parser->problem_offset);
        return GROVE_INVALID;
    }
    if (parser->context)
        errors_add(reader->errors, reader->file, (unsigned)parser->problem_mark.line + 1,
                   (unsigned)parser->problem_mark.column + 1, "", "this is no YAML: %s, %s (which began in line %zu)",
                   problem, parser->context, parser->context_mark.line + 1);
    else
        errors_add(reader->errors, reader->file, (unsigned)parser->problem_mark.line + 1,
                   (unsigned)parser->problem_mark.column + 1, "", "this is no YAML: %s", problem);
    return GROVE_INVALID;
}

static int check_event(struct reader *reader, const yaml_event_t *event, const yaml_char_t *anchor,
                       const yaml_char_t *tag, bool *replaces) {
    if (anchor)
        return fail(reader, event->start_mark, "anchors (&) and aliases (*) have no meaning here; write the value out");
    if (tag && strcmp((const char *)tag, "!replace") != 0 && strcmp((const char *)tag, "!") != 0)
        return fail(reader, event->start_mark, "the only tag here is !replace, before a list or map of a drop-in");
    *replaces = tag && !strcmp((const char *)tag, "!replace");
    if (++reader->nodes > YAML_NODES_MAX)
        return fail(reader, event->start_mark, "there are more than 8192 values in this file");
    return 0;
}

static struct node *make_node(struct reader *reader, const yaml_event_t *event, enum node_kind kind, bool replaces) {
    struct node *node = arena_take(reader->arena, sizeof(*node));
    *node = (struct node){
        .kind = kind,
        .replaces = replaces,
        .file = reader->file,
        .line = (unsigned)event->start_mark.line + 1,
        .column = (unsigned)event->start_mark.column + 1,
    };
    return node;
}

/* A value has been read: hang it where it belongs. In a map, texts are keys and values in turn. */
static int place_node(struct reader *reader, const yaml_event_t *event, struct node *node) {
    if (!reader->depth) {
        reader->root = node;
        return 0;
    }
    struct node *parent = reader->open[reader->depth - 1];
    if (parent->kind == NODE_LIST) {
        node_append(parent, node);
        return 0;
    }
    if (reader->pending_key) {
        node->key = reader->pending_key->text;
        reader->pending_key = NULL;
        node_append(parent, node);
        return 0;
    }
    if (node->kind != NODE_TEXT)
        return fail(reader, event->start_mark, "a key must be a text");
    const struct node *earlier = node_find(parent, node->text);
    if (earlier) {
        errors_add(reader->errors, reader->file, node->line, node->column, node->text,
                   "it stands here a second time; it is in line %u already", earlier->line);
        return GROVE_INVALID;
    }
    reader->pending_key = node;
    return 0;
}

/* The word null is a text like any other: `streams: {out: null}` means it. */
static bool is_null_text(const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (!*text || !strcmp(text, "~"));
}

static int read_scalar(struct reader *reader, const yaml_event_t *event) {
    bool replaces;
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    int status = check_event(reader, event, event->data.scalar.anchor, event->data.scalar.tag, &replaces);
    if (status < 0)
        return status;
    if (memchr(text, '\0', length))
        return fail(reader, event->start_mark, "a text must not contain a zero byte");
    struct node *node = make_node(reader, event, NODE_TEXT, replaces);
    node->text = arena_copy(reader->arena, text, length);
    node->is_null = is_null_text(event);
    return place_node(reader, event, node);
}

static int read_start(struct reader *reader, const yaml_event_t *event, enum node_kind kind, const yaml_char_t *anchor,
                      const yaml_char_t *tag) {
    bool replaces;
    int status = check_event(reader, event, anchor, tag, &replaces);
    if (status < 0)
        return status;
    if (reader->depth == YAML_DEPTH_MAX)
        return fail(reader, event->start_mark, "lists and maps are nested more than 16 deep");
    struct node *node = make_node(reader, event, kind, replaces);
    status = place_node(reader, event, node);
    if (status == 0)
        reader->open[reader->depth++] = node;
    return status;
}

static int read_event(struct reader *reader, const yaml_event_t *event, bool *is_end) {
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return read_start(reader, event, NODE_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return read_start(reader, event, NODE_MAP, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        reader->depth--;
        return 0;
    case YAML_ALIAS_EVENT:
        return fail(reader, event->start_mark, "anchors (&) and aliases (*) have no meaning here; write the value out");
    case YAML_DOCUMENT_START_EVENT:
        if (reader->root)
            return fail(reader, event->start_mark, "a second document begins here; one file holds one manifest");
        return 0;
    case YAML_STREAM_END_EVENT:
        *is_end = true;
        return 0;
    default:
        return 0;
    }
}

static int read_events(struct reader *reader) {
    bool is_end = false;
    while (!is_end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event))
            return fail_syntax(reader);
        int status = read_event(reader, &event, &is_end);
        yaml_event_delete(&event);
        if (status < 0)
            return status;
    }
    return 0;
}

/*
 * A key's value must stand for a whole, so a tree ends only when libyaml says that the document is complete; a file
 * without any value has no root.
 */
static int check_root(struct reader *reader) {
    const struct node *root = reader->root;
    if (!root || (root->kind == NODE_TEXT && root->is_null)) {
        errors_add(reader->errors, reader->file, 0, 0, "", "the file is empty; it should begin with \"name: NAME\"");
        return GROVE_INVALID;
    }
    if (root->kind != NODE_MAP) {
        errors_add(reader->errors, reader->file, root->line, root->column, "",
                   "the file should hold fields like \"name: historian\", one a line");
        return GROVE_INVALID;
    }
    return 0;
}

int node_parse(const char *text, size_t text_bytes, const char *file, struct arena *arena, struct node **root,
               struct manifest_errors *errors) {
    struct reader reader = {.file = arena_copy(arena, file, strlen(file)), .arena = arena, .errors = errors};
    if (text_bytes > YAML_FILE_MAX) {
        errors_add(errors, file, 0, 0, "", "the file is larger than %u KiB", YAML_FILE_MAX >> 10);
        return GROVE_TOO_LARGE;
    }
    if (!yaml_parser_initialize(&reader.parser)) {
        errors_add(errors, file, 0, 0, "", "memory is exhausted");
        return GROVE_NO_MEMORY;
    }
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, text_bytes);
    int status = read_events(&reader);
    yaml_parser_delete(&reader.parser);
    if (status == 0)
        status = check_root(&reader);
    if (status == 0)
        *root = reader.root;
    return status;
}

/* At most one byte more than allowed, so that node_parse sees that there is too much. */
static int read_whole(int descriptor, char *buffer, size_t *length) {
    size_t used = 0;
    while (used <= YAML_FILE_MAX) {
        ssize_t count = read(descriptor, buffer + used, YAML_FILE_MAX + 1 - used);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return GROVE_IO;
        if (count == 0)
            break;
        used += (size_t)count;
    }
    *length = used;
    return 0;
}

/* Open only what is a file: a pipe or a device could keep the reader waiting for ever. */
static int open_file(const char *path, struct manifest_errors *errors) {
    struct stat facts;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) {
        int status = errno == ENOENT || errno == ENOTDIR ? GROVE_NOT_FOUND : GROVE_IO;
        errors_add(errors, path, 0, 0, "", "it cannot be opened: %s", strerror(errno));
        return status;
    }
    if (fstat(descriptor, &facts) < 0 || !S_ISREG(facts.st_mode)) {
        errors_add(errors, path, 0, 0, "", "it is not a file");
        close(descriptor);
        return GROVE_INVALID;
    }
    return descriptor;
}

int node_read(const char *path, struct arena *arena, struct node **root, struct manifest_errors *errors) {
    int descriptor = open_file(path, errors);
    if (descriptor < 0)
        return descriptor;
    size_t length = 0;
    char *buffer = malloc(YAML_FILE_MAX + 1);
    int status = buffer ? read_whole(descriptor, buffer, &length) : GROVE_NO_MEMORY;
    if (status < 0)
        errors_add(errors, path, 0, 0, "", "it cannot be read: %s", buffer ? strerror(errno) : "memory is exhausted");
    close(descriptor);
    if (status == 0)
        status = node_parse(buffer, length, path, arena, root, errors);
    free(buffer);
    return status;
}
