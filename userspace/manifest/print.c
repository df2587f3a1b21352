/*
 * Writing a tree as YAML with comments, or as JSON. What is written as YAML reads back to the same values.
 */
#include <stdlib.h>
#include <string.h>

#include "userspace/manifest/effective.h"
#include "userspace/manifest/print.h"

#define COMMENT_COLUMN 56u

/* Can it stand without quotes? A little stricter than YAML is. */
static bool is_plain(const char *text) {
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+=,-";
    size_t length = strlen(text);
    if (!length || strspn(text, safe) != length || strchr("-:%@,=", text[0]) || text[length - 1] == ':')
        return false;
    return strcmp(text, "null") != 0 && strcmp(text, "Null") != 0 && strcmp(text, "NULL") != 0;
}

/* The escapes that YAML and JSON share. */
static size_t write_quoted(const char *text, FILE *stream) {
    size_t width = 2;
    fputc('"', stream);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            width += (size_t)fprintf(stream, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            width += (size_t)fprintf(stream, "\\u%04x", c);
        else
            width += fputc(c, stream) != EOF;
    }
    fputc('"', stream);
    return width;
}

static size_t write_value(const char *text, FILE *stream) {
    if (!is_plain(text))
        return write_quoted(text, stream);
    fputs(text, stream);
    return strlen(text);
}

/* Origins hold paths: nothing in them may end the comment or reach a terminal. */
static void write_comment(const char *origin, size_t column, FILE *stream) {
    if (origin) {
        fprintf(stream, "%*s# ", (int)(column < COMMENT_COLUMN ? COMMENT_COLUMN - column : 1), "");
        for (; *origin; origin++)
            fputc((unsigned char)*origin < 0x20 || *origin == 0x7f ? '?' : *origin, stream);
    }
    fputc('\n', stream);
}

static void write_yaml(const struct node *parent, unsigned indent, bool continues_line, FILE *stream) {
    for (const struct node *node = parent->first; node; node = node->next) {
        size_t column =
            continues_line && node == parent->first ? indent : (size_t)fprintf(stream, "%*s", (int)indent, "");
        if (parent->kind == NODE_LIST)
            column += (size_t)fprintf(stream, "- ");
        else
            column += write_value(node->key, stream) + (size_t)fprintf(stream, ":");
        if (node->kind == NODE_TEXT) {
            if (parent->kind == NODE_MAP)
                column += (size_t)fprintf(stream, " ");
            column += write_value(node->text, stream);
            write_comment(node->origin, column, stream);
        } else if (parent->kind == NODE_LIST && node->count) {
            write_yaml(node, indent + 2, true, stream);
        } else if (node->count) {
            fputc('\n', stream);
            write_yaml(node, indent + 2, false, stream);
        } else {
            fputs(node->kind == NODE_LIST ? " []\n" : " {}\n", stream);
        }
    }
}

void print_yaml(const struct node *root, FILE *stream) {
    write_yaml(root, 0, false, stream);
}

void print_json(const struct node *node, FILE *stream) {
    if (node->kind == NODE_TEXT) {
        fputs("{\"value\": ", stream);
        write_quoted(node->text, stream);
        fputs(", \"from\": ", stream);
        write_quoted(node->origin ? node->origin : "", stream);
        fputc('}', stream);
        return;
    }
    fputc(node->kind == NODE_LIST ? '[' : '{', stream);
    for (const struct node *child = node->first; child; child = child->next) {
        if (node->kind == NODE_MAP) {
            write_quoted(child->key, stream);
            fputs(": ", stream);
        }
        print_json(child, stream);
        if (child->next)
            fputs(", ", stream);
    }
    fputc(node->kind == NODE_LIST ? ']' : '}', stream);
}

void manifest_print(const struct manifest *manifest, bool defaults, FILE *stream) {
    struct arena *arena = arena_create();
    if (arena)
        print_yaml(effective_tree(manifest, defaults, arena), stream);
    arena_destroy(arena);
}

char *manifest_print_json(const struct manifest *manifest) {
    char *text = NULL;
    size_t size;
    struct arena *arena = arena_create();
    FILE *stream = arena ? open_memstream(&text, &size) : NULL;
    if (stream) {
        print_json(effective_tree(manifest, true, arena), stream);
        if (fclose(stream) != 0) {
            free(text);
            text = NULL;
        }
    }
    arena_destroy(arena);
    return text;
}
