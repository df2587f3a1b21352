/*
 * Manifests: from YAML that people write to the binary spec that the kernel reads (law 2).
 *
 *     struct manifest_errors errors = {0};
 *     struct manifest *manifest;
 *     if (manifest_load("services/historian.yaml", &options, &manifest, &errors) < 0)
 *         manifest_errors_print(&errors, stderr);
 *
 * A manifest is one file, overridden by drop-ins (FILE.d/NAME.yaml, then STATE/manifests.d/FULLNAME.d/NAME.yaml, each in the
 * order of their names). format.h describes every field in one table; parser, checks, JSON schema, documentation and
 * `grove cat` follow it.
 *
 * Everything read is hostile: files, nesting, numbers and texts are bounded, and each fault is one error with file,
 * line, field, what is wrong and what would be right. Functions go on after a fault, to report several at once.
 *
 * No function keeps state between calls; any thread may call with objects of its own.
 */
#ifndef GROVE_MANIFEST_H
#define GROVE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "grove/abi/spec.h"
#include "grove/abi/status.h"

/* ---- errors ---- */

#define MANIFEST_ERRORS_MAX 32u
struct manifest_error {
    char *file; /* never NULL */
    unsigned line; /* from 1; 0: the file as a whole */
    unsigned column;
    char *field; /* "provides[0].version"; "" for the file as a whole */
    char *sentence; /* what is wrong, and what would be right */
};
/* Zero it before the first use; it collects over several calls. */
struct manifest_errors {
    struct manifest_error list[MANIFEST_ERRORS_MAX];
    unsigned count; /* in the list */
    unsigned dropped; /* found after the list was full */
};
/* "file:line: field: sentence" lines. */
void manifest_errors_print(const struct manifest_errors *errors, FILE *stream);
void manifest_errors_deinit(struct manifest_errors *errors);

/* ---- options ---- */

struct manifest_variable {
    const char *name;
    const char *value;
};
struct manifest_options {
    const char *project; /* qualifies bare names; NULL: "user" */
    const char *state_folder; /* of the kernel: ${state} is STATE/services/FULLNAME. NULL: ${state} is an error */
    const char *run_folder; /* ${run}; NULL: an error where it is used */
    const struct manifest_variable *variables; /* --set NAME=VALUE and the project's own; the first match counts */
    unsigned variable_count;
    const char *overlay; /* YAML laid over everything else, as the last drop-in; NULL: none */
    const char *overlay_name; /* what messages call it */
    bool no_drop_ins;
    bool is_elsewhere; /* for another machine: programs are absolute paths that are not looked at here */
    bool no_resolve; /* host names in NET_* are an error instead of being looked up */
};

/* ---- manifests ---- */

struct manifest;

/* Read, merge, check. GROVE_INVALID (errors say why), GROVE_NOT_FOUND, GROVE_TOO_LARGE, GROVE_IO, GROVE_NO_MEMORY. */
int manifest_load(const char *path, const struct manifest_options *options, struct manifest **manifest,
                  struct manifest_errors *errors);
/* The same from memory; `path` is used in messages and for relative paths. No drop-ins. */
int manifest_load_text(const char *text, size_t text_bytes, const char *path, const struct manifest_options *options,
                       struct manifest **manifest, struct manifest_errors *errors);
void manifest_destroy(struct manifest *manifest);
/* "project.service". */
const char *manifest_name(const struct manifest *manifest);
const char *manifest_path(const struct manifest *manifest);
/* The binary spec, malloc'ed and checked with grove_spec_check. GROVE_INVALID, GROVE_TOO_LARGE, GROVE_NO_MEMORY. */
int manifest_compile(const struct manifest *manifest, void **spec, size_t *spec_bytes, struct manifest_errors *errors);
/* The effective manifest as YAML, each value with a comment that says where it comes from. `defaults`: also what was
 * left at its default. */
void manifest_print(const struct manifest *manifest, bool defaults, FILE *stream);
/* The same as a JSON text: {"field": {"value", "from"}}; malloc'ed, NULL without memory. */
char *manifest_print_json(const struct manifest *manifest);

/* ---- projects ---- */

/* grove.yaml: name, description, services (files and patterns), variables, budget. */
struct project {
    char *name;
    char *description; /* may be "" */
    char *folder; /* absolute */
    char *path; /* of grove.yaml; "" for a project made of files */
    struct grove_budget budget;
    struct manifest **manifests;
    unsigned count;
};
/*
 * `path` is a folder with grove.yaml, a grove.yaml, or one manifest (a project of its own, named by options.project).
 * Variables of the options come before those of the project file; options.project, if set, overrides its name. Checks each manifest and that names and provided
 * endpoints are unique. Same errors as manifest_load.
 */
int project_load(const char *path, const struct manifest_options *options, struct project **project,
                 struct manifest_errors *errors);
void project_destroy(struct project *project);

/* ---- values (also for the options of the command line) ---- */

/* "250ms", "5s", "2m", "1h", "10us", "0"; a bare number is seconds. 0, or GROVE_INVALID. */
int value_duration(const char *text, uint64_t *duration_ns);
/* "64M", "512K", "2G", "4096". Powers of 1024. */
int value_size(const char *text, uint64_t *bytes);
/* "50%", "200%" (two processors), "12.5%" to parts per million of one processor. */
int value_share(const char *text, uint64_t *ppm);
/* "1", "1.2", "1.2.3". */
int value_version(const char *text, struct grove_version *version);
/* Whole decimal number. */
int value_number(const char *text, uint64_t *number);
/* The nearest of `names` (ends with NULL) to a misspelt one, or NULL if none is near. */
const char *value_nearest(const char *text, const char *const *names);

#endif
