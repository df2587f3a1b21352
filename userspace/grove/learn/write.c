/*
 * Writing the learned manifest. Everything that came from the program (paths, arguments) is quoted so that it reads back
 * as it was; "${" in it means nothing.
 */
#include "userspace/grove/learn/write.h"

#include <string.h>

#include "lib/text/text.h"
#include "userspace/grove/yaml_text.h"

static void write_text(const char *text, FILE *stream) {
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+=,-*";
    size_t length = strlen(text);
    bool is_plain = length && strspn(text, safe) == length && !strchr("-:%@,=*", text[0]) && text[length - 1] != ':';
    if (is_plain)
        fputs(text, stream);
    else
        yaml_write_quoted(text, stream);
}

/* A remark stays on its line whatever the text holds. */
static void write_remark(const char *text, FILE *stream) {
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, stream);
}

static void write_heading(const struct learned *learned, FILE *stream) {
    fputs("# Written by grove learn, from one run of:", stream);
    for (unsigned i = 0; learned->arguments[i]; i++) {
        fputc(' ', stream);
        write_remark(learned->arguments[i], stream);
    }
    fputs(
        "\n# It allows what the program used then. If it needs more on another day, grove why says what was refused.\n",
        stream);
}

static void write_program(const struct learned *learned, FILE *stream) {
    fputs("name: ", stream);
    write_text(learned->name, stream);
    fputs("\nexec:\n  - ", stream);
    write_text(learned->executable, stream);
    for (unsigned i = 1; learned->arguments[i]; i++) {
        fputs("\n  - ", stream);
        write_text(learned->arguments[i], stream);
    }
    fputc('\n', stream);
}

/* Is the folder there for the program: granted, or on the way to something that is? */
static bool is_visible(const struct needs *needs, const char *folder) {
    struct grove_argument path = {.kind = GROVE_ARGUMENT_PATH};
    size_t length = strlen(folder);
    if (length > GROVE_ARGUMENT_TEXT_MAX)
        return false;
    memcpy(path.value.text, folder, length);
    path.length_bytes = (uint16_t)length;
    for (unsigned i = 0; i < needs_count(needs); i++) {
        const struct grove_capability *need = needs_at(needs, i);
        if (need->kind <= GROVE_CAP_FS_EXEC &&
            (grove_argument_covers(&need->argument, &path) || grove_argument_covers(&path, &need->argument)))
            return true;
    }
    return false;
}

static bool reads(const struct needs *needs, const char *path) {
    for (unsigned i = 0; i < needs_count(needs); i++) {
        const struct grove_capability *need = needs_at(needs, i);
        if (need->kind == GROVE_CAP_FS_READ && need->argument.length_bytes == strlen(path) &&
            !memcmp(need->argument.value.text, path, strlen(path)))
            return true;
    }
    return false;
}

/*
 * A program that looks up users and groups is most likely a server that root starts and that gives up root by itself. It
 * cannot do that confined, and need not: it gets a user id of its own. Any other program stays who it was.
 */
static void write_identity(const struct learned *learned, FILE *stream) {
    if (reads(learned->needs, "/etc/passwd") && reads(learned->needs, "/etc/group"))
        fputs("identity: own      # it looked up users, to change to one; it is not root to begin with\n", stream);
    else
        fputs("identity: caller\n", stream);
}

static void write_environment(const struct learned *learned, FILE *stream) {
    if (learned->environment[0])
        fputs("environment:\n", stream);
    for (unsigned i = 0; learned->environment[i]; i++) {
        const char *variable = learned->environment[i];
        size_t length = strcspn(variable, "=");
        fprintf(stream, "  %.*s: ", (int)length, variable);
        yaml_write_quoted(variable[length] ? variable + length + 1 : "", stream);
        fputc('\n', stream);
    }
}

static void write_needs(const struct needs *needs, FILE *stream) {
    if (needs_count(needs))
        fputs("capabilities:\n", stream);
    for (unsigned i = 0; i < needs_count(needs); i++) {
        char text[TEXT_CAPABILITY_MAX];
        text_capability_format(needs_at(needs, i), text, sizeof(text));
        fputs("  - ", stream);
        write_text(text, stream);
        if (needs_is_wide(needs_at(needs, i)))
            fputs("   # wide: much else is in this folder; can the program be told to use another one?", stream);
        fputc('\n', stream);
    }
}

bool write_learned(const struct learned *learned, FILE *stream) {
    write_heading(learned, stream);
    write_program(learned, stream);
    if (is_visible(learned->needs, learned->folder)) {
        fputs("directory: ", stream);
        write_text(learned->folder, stream);
        fputc('\n', stream);
    }
    write_identity(learned, stream);
    write_environment(learned, stream);
    write_needs(learned->needs, stream);
    return !ferror(stream);
}
