/*
 * A loaded manifest, as the parts of the compiler share it. Everything it points to lies in its arena.
 */
#ifndef GROVE_MANIFEST_PARTS_H
#define GROVE_MANIFEST_PARTS_H

#include "userspace/manifest/format.h"

/* A capability as the kernel will get it, and why it is there. */
struct resolved_capability {
    struct grove_capability capability;
    uint16_t flags;           /* enum grove_spec_capability_flags */
    const struct node *node;  /* the line that asks for it, or that implies it */
    const char *implied_by;   /* "exec", "requires", "provides"; NULL: it is written down */
};

struct manifest {
    struct arena *arena;
    const char *path;    /* absolute, as far as it can be known */
    const char *folder;  /* of the manifest; relative paths begin here */
    const char *project;
    const char *name;    /* full */
    const char *state;   /* folder of the service; NULL if not known */
    const char *executable;
    bool resolves_hosts;
    struct node *root;
    struct manifest_values values;
    struct resolved_capability *capabilities;
    unsigned capability_count;
};

/* ---- names.c ---- */

/* "historian" of project grid is "grid.historian"; a name with a dot is complete. In the arena. */
const char *name_qualify(struct arena *arena, const char *project, const char *name);

/* ---- paths.c ---- */

/*
 * Absolute and without ".", ".." and "//": what is not absolute begins at `folder`. ".." is removed by its text, which
 * is what a person means who writes ../data beside a manifest. In the arena.
 */
const char *path_resolve(struct arena *arena, const char *folder, const char *path);
bool path_is_inside(const char *path, const char *folder);
/* Is it among what GROVE_SPEC_SYSTEM_FILES shows? */
bool path_is_system(const char *path);
/*
 * The program that exec names. *executable in the arena, or an error: GROVE_NOT_FOUND. A name without a slash is looked
 * for in `folder` and then where the system keeps programs.
 */
int path_find_program(struct arena *arena, const char *folder, const char *program, const char **executable);

/* ---- capabilities.c ---- */

/* Fill in capabilities and capability_count: what is written down and what is implied. 0 or GROVE_INVALID. */
int capabilities_resolve(struct manifest *manifest, struct manifest_errors *errors);

/* ---- compile.c ---- */

struct grove_budget resources_budget(const struct resources *resources);

/* ---- checks.c ---- */

/* What the format table cannot say: fields that belong together, unique names, signatures. 0 or GROVE_INVALID. */
int checks_run(const struct manifest *manifest, struct manifest_errors *errors);

#endif
