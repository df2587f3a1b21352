/*
 * manifest-describe: the format table told to others: as a JSON schema for editors, as the reference of docs/manifest.md,
 * and as the man page grove-manifest(5).
 *
 *     manifest-describe schema|project-schema|markdown|man
 *
 * Run at build time; it reads nothing but the table.
 */
#include <stdio.h>
#include <string.h>

#include "userspace/manifest/decode.h"
#include "userspace/manifest/format.h"

/* ---- JSON schema ---- */

static void put_string(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

/* What a text must look like, as a regular expression without anchors; NULL: anything. */
static const char *pattern_of(enum field_type type) {
    switch (type) {
    case FIELD_NAME:
        return "[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*";
    case FIELD_VERSION:
        return "[0-9]+([.][0-9]+){0,2}";
    case FIELD_RANGE:
        return "((>=|<)? *[0-9]+([.][0-9]+){0,2}[ ,]*)*";
    case FIELD_NUMBER:
        return "-?[0-9]+";
    case FIELD_SIZE:
        return "[0-9]+[KMGT]?";
    case FIELD_SHARE:
        return "[0-9]+([.][0-9]+)?%";
    case FIELD_DURATION:
        return "[0-9]+([.][0-9]+)?(ns|us|ms|s|m|min|h|d)?";
    case FIELD_FACTOR:
        return "[0-9]+([.][0-9]+)?%?";
    case FIELD_FLAG:
        return "(true|false|yes|no)";
    default:
        return NULL;
    }
}

/* A text with a variable in it can be anything until the variable is known. */
static void put_pattern(const char *pattern) {
    printf("{\"type\": \"string\", \"pattern\": \"^%s$\"}, {\"type\": \"string\", \"pattern\": \"[$][{]\"}", pattern);
}

static void put_number(const struct field *field) {
    printf("{\"type\": \"integer\"");
    if (field->type == FIELD_NUMBER)
        printf(", \"minimum\": %lld, \"maximum\": %lld", (long long)field->minimum, (long long)field->maximum);
    else
        printf(", \"minimum\": 0");
    printf("}");
}

/* YAML reads 1.2 as a number and yes as true before a schema sees them. */
static void put_any_scalar(void) {
    printf("{\"type\": [\"string\", \"number\", \"boolean\"]}");
}

static void put_scalar(const struct field *field) {
    bool is_number = field->type == FIELD_NUMBER || field->type == FIELD_SIZE || field->type == FIELD_DURATION;
    const char *pattern = pattern_of(field->type);
    if (!pattern) {
        put_any_scalar();
        return;
    }
    printf("{\"anyOf\": [");
    put_pattern(pattern);
    if (is_number) {
        printf(", ");
        put_number(field);
    }
    if (field->type == FIELD_VERSION || field->type == FIELD_FACTOR || field->type == FIELD_RANGE)
        printf(", {\"type\": \"number\", \"minimum\": 0}");
    if (field->type == FIELD_FLAG)
        printf(", {\"type\": \"boolean\"}");
    printf("]}");
}

static void put_choice(const struct field *field) {
    bool has_null = false;
    printf("{\"anyOf\": [{\"enum\": [");
    for (const struct choice *choice = field->choices; choice->name; choice++) {
        printf("%s\"%s\"", choice == field->choices ? "" : ", ", choice->name);
        has_null |= !strcmp(choice->name, "null");
    }
    printf("%s]}, {\"type\": \"string\", \"pattern\": \"[$][{]\"}]}", has_null ? ", null" : "");
}

static void put_group(const struct group *group);

static void put_type(const struct field *field) {
    switch (field->type) {
    case FIELD_CHOICE:
        put_choice(field);
        break;
    case FIELD_TEXTS:
        printf("{\"anyOf\": [");
        put_any_scalar();
        printf(", {\"type\": \"array\", \"items\": ");
        put_any_scalar();
        printf("}]}");
        break;
    case FIELD_VARIABLES:
        printf("{\"type\": \"object\", \"additionalProperties\": ");
        put_any_scalar();
        printf("}");
        break;
    case FIELD_GROUP:
        put_group(field->group);
        break;
    case FIELD_NAMED:
        printf("{\"type\": \"object\", \"additionalProperties\": ");
        put_group(field->group);
        printf("}");
        break;
    case FIELD_GROUPS:
        printf("{\"type\": \"array\", \"items\": ");
        put_group(field->group);
        printf("}");
        break;
    case FIELD_ONE_OR_MORE:
        printf("{\"anyOf\": [");
        put_group(field->group);
        printf(", {\"type\": \"array\", \"items\": ");
        put_group(field->group);
        printf("}]}");
        break;
    default:
        put_scalar(field);
    }
}

static void put_field(const struct field *field) {
    put_string(field->name);
    printf(": {\"description\": ");
    put_string(field->help);
    if (field->standing && *field->standing) {
        printf(", \"default\": ");
        put_string(field->standing);
    }
    printf(", \"allOf\": [");
    put_type(field);
    printf("]}");
}

static void put_object(const struct group *group) {
    bool is_first = true;
    printf("\"type\": \"object\", \"additionalProperties\": false, \"required\": [");
    for (const struct field *field = group->fields; field->name; field++)
        if (field->required) {
            printf("%s\"%s\"", is_first ? "" : ", ", field->name);
            is_first = false;
        }
    printf("], \"properties\": {");
    for (const struct field *field = group->fields; field->name; field++) {
        printf("%s\n", field == group->fields ? "" : ",");
        put_field(field);
    }
    printf("}");
}

static void put_group(const struct group *group) {
    if (!group->short_field) {
        printf("{");
        put_object(group);
        printf("}");
        return;
    }
    printf("{\"anyOf\": [{\"type\": \"string\"}, {");
    put_object(group);
    printf("}]}");
}

static void put_schema(const struct group *group, const char *title) {
    printf("{\"$schema\": \"http://json-schema.org/draft-07/schema#\",\n\"title\": \"%s\",\n", title);
    put_object(group);
    printf("}\n");
}

/* ---- reference ---- */

/* "one of a, b" for choices, "number from 1 to 3", or the type's name. */
static void put_kind(const struct field *field) {
    if (field->type == FIELD_CHOICE) {
        for (const struct choice *choice = field->choices; choice->name; choice++)
            printf("%s%s", choice == field->choices ? "" : ", ", choice->name);
    } else if (field->type == FIELD_NUMBER) {
        printf("number from %lld to %lld", (long long)field->minimum, (long long)field->maximum);
    } else if (field->type == FIELD_GROUP) {
        printf("fields below");
    } else if (field->type == FIELD_NAMED) {
        printf("fields below, by name");
    } else if (field->type == FIELD_GROUPS) {
        printf("list");
    } else if (field->type == FIELD_ONE_OR_MORE) {
        printf("fields below, or a list of them");
    } else {
        printf("%s", decode_type_name(field->type));
    }
}

static void put_markdown_group(const struct group *group, const char *heading);

/* Does a field before this one have the same fields below it? They are described once. */
static bool is_described(const struct group *group, const struct field *field) {
    for (const struct field *earlier = group->fields; earlier != field; earlier++)
        if (earlier->group == field->group)
            return true;
    return false;
}

static void put_markdown_below(const struct group *group, const char *prefix) {
    for (const struct field *field = group->fields; field->name; field++) {
        char heading[128];
        if (!field->group)
            continue;
        snprintf(heading, sizeof(heading), "%s%s%s", prefix, *prefix ? "." : "", field->name);
        if (field->group == &format_manifest || is_described(group, field))
            continue;
        put_markdown_group(field->group, heading);
    }
}

static void put_markdown_group(const struct group *group, const char *heading) {
    printf("\n### %s\n\n", *heading ? heading : "Fields");
    if (group->short_field)
        printf("A single text is short for `%s`%s%s%s.\n\n", group->short_field,
               group->short_rest ? ", and what follows a blank for `" : "", group->short_rest ? group->short_rest : "",
               group->short_rest ? "`" : "");
    printf("| field | value | absent | meaning |\n| --- | --- | --- | --- |\n");
    for (const struct field *field = group->fields; field->name; field++) {
        printf("| `%s` | ", field->name);
        put_kind(field);
        printf(" | %s | %s",
               field->required                       ? "an error"
               : field->standing && *field->standing ? field->standing
                                                     : "",
               field->help);
        if (field->example)
            printf(" Example: `%s`", field->example);
        printf(" |\n");
    }
    put_markdown_below(group, heading);
}

/* ---- man page ---- */

static void put_man_text(const char *text) {
    for (; *text; text++)
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
}

static void put_man_group(const struct group *group, const char *prefix) {
    for (const struct field *field = group->fields; field->name; field++) {
        char name[128];
        snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", field->name);
        printf(".TP\n.B ");
        put_man_text(name);
        printf("\n");
        put_man_text(field->help);
        if (field->standing && *field->standing) {
            printf(" Absent: ");
            put_man_text(field->standing);
            printf(".");
        }
        printf("\n");
        if (field->group && !is_described(group, field))
            put_man_group(field->group, name);
    }
}

static void put_man_page(void) {
    printf(
        ".TH GROVE-MANIFEST 5 \"\" \"Grove\" \"Grove\"\n.SH NAME\ngrove\\-manifest \\- what a service is, needs and "
        "may "
        "do\n.SH DESCRIPTION\nA manifest is a YAML file. It is compiled by the commands of grove and never read by the "
        "kernel. \"grove check\" reports its faults, \"grove cat\" shows what counts in the end.\n.PP\n"
        "Sizes have a unit of 1024: 512K, 64M, 2G. Times have a unit: 250ms, 5s, 2m. Shares are percentages of one "
        "processor. ${NAME} in a value is replaced by a variable: manifest, project, state, run, env:NAME, or one "
        "given "
        "with \\-\\-set or in grove.yaml.\n.PP\nFILE.d/*.yaml beside a manifest, and "
        "STATE/manifests.d/PROJECT.SERVICE.d/*.yaml, override it: maps are merged, lists are appended to, \"!replace\" "
        "takes the place of the whole, and \"~\" takes a field away.\n.SH FIELDS\n");
    put_man_group(&format_manifest, "");
    printf(".SH FIELDS OF GROVE.YAML\nA folder with a grove.yaml is a project.\n");
    put_man_group(&format_project, "");
    printf(".SH EXAMPLE\n.nf\nname: historian\nexec: [bin/historian, \\-\\-sync]\nnative: true\ncapabilities:\n"
           "  \\- FS_WRITE:${state}\nprovides: [historian 1.2]\nrequires: [alarm >=1.2 <2]\n.fi\n"
           ".SH SEE ALSO\n.BR grove (1),\n.BR grove\\-check (1),\n.BR grove\\-cat (1)\n");
}

int main(int argument_count, char **arguments) {
    const char *what = argument_count == 2 ? arguments[1] : "";
    if (!strcmp(what, "schema"))
        put_schema(&format_manifest, "Grove manifest");
    else if (!strcmp(what, "project-schema"))
        put_schema(&format_project, "Grove project");
    else if (!strcmp(what, "markdown"))
        put_markdown_group(&format_manifest, "");
    else if (!strcmp(what, "project-markdown"))
        put_markdown_group(&format_project, "");
    else if (!strcmp(what, "man"))
        put_man_page();
    else {
        fprintf(stderr, "usage: manifest-describe schema|project-schema|markdown|project-markdown|man\n");
        return 2;
    }
    return 0;
}
