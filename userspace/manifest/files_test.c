/*
 * Manifests as files: drop-ins in their order, the effective manifest with its origins, projects.
 */
#include "userspace/manifest/test_support.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/grove-manifest-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *place) {
    (void)facts;
    (void)type;
    (void)place;
    return remove(path);
}

static int remove_folder(void **state) {
    (void)state;
    return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Write a file below the folder, making the folders on its way. */
static void write_file(const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static const char *in_folder(const char *name) {
    static char path[4][512];
    static unsigned next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof(path[next]), "%s/%s", folder, name);
    return path[next];
}

static char *print(const struct manifest *manifest, bool defaults) {
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    manifest_print(manifest, defaults, stream);
    fclose(stream);
    return text;
}

static struct manifest *load(const char *name) {
    struct manifest_options options = test_options();
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    options.state_folder = in_folder("state");
    if (manifest_load(in_folder(name), &options, &manifest, &errors) < 0) {
        manifest_errors_print(&errors, stderr);
        fail_msg("%s is refused", name);
    }
    return manifest;
}

static void expect_line(const char *text, const char *value, const char *file, unsigned line) {
    const char *found = strstr(text, value);
    char origin[600];
    snprintf(origin, sizeof(origin), "# %s/%s:%u", folder, file, line);
    if (!found || !strstr(found, origin) || strstr(found, origin) > strchr(found, '\n'))
        fail_msg("no line \"%s\" from %s in:\n%s", value, origin, text);
}

static void drop_ins_override(void **state) {
    (void)state;
    write_file("a.yaml", "name: a\nexec: [/bin/true, one]\ndescription: first\nresources: {memory: 1M, processes: 5}\n"
                         "capabilities: [BUS_PUB:a]\nenvironment: {A: 1, B: 2}\nstreams: {out: log}\n");
    write_file("a.yaml.d/20.yaml", "description: third\nresources: {memory: 3M}\n");
    write_file("a.yaml.d/10.yaml",
               "description: second\nresources: {memory: 2M}\ncapabilities: [BUS_PUB:b]\n"
               "exec: !replace [/bin/false]\nenvironment: {B: 3, C: 4, A: ~}\nstreams: {out: null}\n");
    write_file("a.yaml.d/ignored.txt", "not: read\n");
    write_file("state/manifests.d/grid.a.d/x.yaml", "phase: 2\n");
    struct manifest *manifest = load("a.yaml");
    char *text = print(manifest, false);
    expect_line(text, "description: third", "a.yaml.d/20.yaml", 1);
    expect_line(text, "memory: 3M", "a.yaml.d/20.yaml", 2);
    expect_line(text, "processes: 5", "a.yaml", 4);
    expect_line(text, "- BUS_PUB:a", "a.yaml", 5);
    expect_line(text, "- BUS_PUB:b", "a.yaml.d/10.yaml", 3);
    expect_line(text, "- /bin/false", "a.yaml.d/10.yaml", 4);
    expect_line(text, "B: 3", "a.yaml.d/10.yaml", 5);
    expect_line(text, "C: 4", "a.yaml.d/10.yaml", 5);
    expect_line(text, "out: \"null\"", "a.yaml.d/10.yaml", 6);
    expect_line(text, "phase: 2", "state/manifests.d/grid.a.d/x.yaml", 1);
    assert_null(strstr(text, "one"));
    assert_null(strstr(text, "A: 1"));
    free(text);
    manifest_destroy(manifest);
}

/* What is printed is a manifest again, and means the same. */
static void printed_manifests_compile_to_the_same(void **state) {
    struct manifest_options options = test_options();
    struct manifest_errors errors = {0};
    void *first, *second;
    size_t first_bytes, second_bytes;
    (void)state;
    write_file("a.yaml",
               "name: a\nexec: [/bin/true, 'a: b', \"\\ttab \\\"q\\\" # no\", '', '${project}', -x, \"~\", 'null']\n"
               "native: true\nprovides: [{name: p, methods: [{name: m, number: 0, request: 'a:u8'}]}]\n"
               "requires: [q >=1 <2]\ncapabilities: ['FS_WRITE:${state}', {allow: FS_READ:/x y, optional: true}]\n"
               "restart: always\nenvironment: {A: \"x\\ny\"}\ngrants: [FS_READ]\n");
    struct manifest *manifest = load("a.yaml");
    char *text = print(manifest, true);
    assert_int_equal(manifest_compile(manifest, &first, &first_bytes, &errors), 0);
    manifest_destroy(manifest);
    options.state_folder = in_folder("state");
    if (manifest_load_text(text, strlen(text), in_folder("a.yaml"), &options, &manifest, &errors) < 0) {
        manifest_errors_print(&errors, stderr);
        fail_msg("refused:\n%s", text);
    }
    assert_int_equal(manifest_compile(manifest, &second, &second_bytes, &errors), 0);
    if (first_bytes != second_bytes || memcmp(first, second, first_bytes) != 0)
        fail_msg("it means something else:\n%s", text);
    free(first);
    free(second);
    free(text);
    manifest_destroy(manifest);
}

static void implied_capabilities_say_so(void **state) {
    (void)state;
    write_file("a.yaml", "name: a\nexec: [/bin/true]\nnative: true\nrequires: [b]\nprovides: [a]\n");
    struct manifest *manifest = load("a.yaml");
    char *text = print(manifest, false);
    assert_non_null(strstr(text, "implied by requires, "));
    assert_non_null(strstr(text, "implied by provides, "));
    assert_non_null(strstr(text, "implied by exec, "));
    char *json = manifest_print_json(manifest);
    assert_non_null(strstr(json, "{\"value\": \"IPC_SEND:grid.b\", \"from\": \"implied by requires, "));
    free(json);
    free(text);
    manifest_destroy(manifest);
}

static int load_project(const char *name, struct project **project, struct manifest_errors *errors) {
    struct manifest_options options = test_options();
    options.project = NULL;
    return project_load(in_folder(name), &options, project, errors);
}

static void projects_name_their_services(void **state) {
    struct manifest_errors errors = {0};
    struct project *project;
    (void)state;
    write_file("p/grove.yaml", "name: plant\nservices: [services/*.yaml, services/b.yaml, other.yaml]\n"
                               "variables: {bin: /bin, here: '${manifest}'}\nbudget: {memory: 1G}\n");
    write_file("p/services/a.yaml", "name: a\nexec: ['${bin}/true', '${here}']\n");
    write_file("p/services/b.yaml", "name: b\nexec: [/bin/true]\n");
    write_file("p/other.yaml", "name: other.c\nexec: [/bin/true]\n");
    assert_int_equal(load_project("p", &project, &errors), 0);
    assert_string_equal(project->name, "plant");
    assert_int_equal(project->count, 3);
    assert_string_equal(manifest_name(project->manifests[0]), "plant.a");
    assert_string_equal(manifest_name(project->manifests[1]), "plant.b");
    assert_string_equal(manifest_name(project->manifests[2]), "other.c");
    assert_int_equal(project->budget.memory_bytes, 1 << 30);
    char *text = print(project->manifests[0], false);
    assert_non_null(strstr(text, in_folder("p")));
    free(text);
    project_destroy(project);
    assert_int_equal(load_project("p/services/b.yaml", &project, &errors), 0);
    assert_string_equal(manifest_name(project->manifests[0]), "user.b");
    assert_int_equal(project->count, 1);
    project_destroy(project);
}

static void expect_project_fault(const char *name, int status, const char *file, unsigned line, const char *part) {
    struct manifest_errors errors = {0};
    struct project *project = NULL;
    bool is_found = false;
    assert_int_equal(load_project(name, &project, &errors), status);
    for (unsigned i = 0; i < errors.count; i++)
        is_found |=
            strstr(errors.list[i].file, file) && errors.list[i].line == line && strstr(errors.list[i].sentence, part);
    if (!is_found) {
        manifest_errors_print(&errors, stderr);
        fail_msg("no fault in %s:%u that says \"%s\"", file, line, part);
    }
    manifest_errors_deinit(&errors);
}

static void faulty_projects_are_refused(void **state) {
    (void)state;
    expect_project_fault("nothing", GROVE_NOT_FOUND, "nothing", 0, "No such file");
    mkdir(in_folder("empty"), 0755);
    expect_project_fault("empty", GROVE_NOT_FOUND, "empty/grove.yaml", 0, "No such file");
    write_file("p/grove.yaml", "name: p\nservices:\n- no/*.yaml\n");
    expect_project_fault("p", GROVE_NOT_FOUND, "p/grove.yaml", 3, "no file matches");
    write_file("p/grove.yaml", "name: p\nservices:\n- missing.yaml\n");
    expect_project_fault("p", GROVE_NOT_FOUND, "p/missing.yaml", 0, "No such file");
    write_file("p/grove.yaml", "name: p\nservices: [a.yaml, b.yaml]\n");
    write_file("p/a.yaml", "name: x\nexec: [/bin/true]\n");
    write_file("p/b.yaml", "name: x\nexec: [/bin/true]\n");
    expect_project_fault("p", GROVE_EXISTS, "p/b.yaml", 1, "p.x is taken already");
    write_file("p/a.yaml", "name: x\nnative: true\nexec: [/bin/true]\nprovides: [e]\n");
    write_file("p/b.yaml", "name: y\nnative: true\nexec: [/bin/true]\nprovides: [p.e]\n");
    expect_project_fault("p", GROVE_EXISTS, "p/b.yaml", 4, "p.e is taken already");
    write_file("p/grove.yaml", "name: p\nservices: [a.yaml]\nvariable: {}\n");
    expect_project_fault("p", GROVE_INVALID, "p/grove.yaml", 3, "did you mean variables?");
}

/* Services numbered from 0, in a folder with a long name, each with an endpoint of its own. */
static void write_services(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        char name[160], text[160];
        snprintf(name, sizeof(name), "p/a-folder-with-a-name-that-is-long-enough-to-fill-memory-soon/%u.yaml", i);
        snprintf(text, sizeof(text), "name: s%u\nexec: [/bin/true]\nnative: true\nprovides: [e%u]\n", i, i);
        write_file(name, text);
    }
}

static void large_projects_are_loaded_whole(void **state) {
    struct manifest_options options = {.no_resolve = true};
    struct manifest_errors errors = {0};
    struct project *project = NULL;
    (void)state;
    write_file("p/grove.yaml", "name: p\nservices: [a*/*.yaml, a*/1*.yaml]\n");
    write_services(1500);
    if (project_load(in_folder("p"), &options, &project, &errors) < 0) {
        manifest_errors_print(&errors, stderr);
        fail_msg("the project is refused");
    }
    assert_int_equal(project->count, 1500);
    project_destroy(project);
}

static void too_large_projects_are_refused(void **state) {
    (void)state;
    write_file("p/grove.yaml", "name: p\nservices: ['*/*.yaml']\n");
    write_file("p/x/0.yaml", "");
    for (unsigned i = 1; i < 16385; i++) {
        char name[32];
        snprintf(name, sizeof(name), "p/x/%u.yaml", i);
        assert_int_equal(symlink("0.yaml", in_folder(name)), 0);
    }
    expect_project_fault("p", GROVE_TOO_LARGE, "p/grove.yaml", 0, "at most 16384 services");
}

static void only_files_are_read(void **state) {
    struct manifest_options options = test_options();
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    (void)state;
    assert_int_equal(manifest_load("/dev/zero", &options, &manifest, &errors), GROVE_INVALID);
    assert_int_equal(manifest_load(folder, &options, &manifest, &errors), GROVE_INVALID);
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    assert_int_equal(manifest_load(in_folder("pipe"), &options, &manifest, &errors), GROVE_INVALID);
    assert_int_equal(errors.count, 3);
    manifest_errors_deinit(&errors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(drop_ins_override, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(printed_manifests_compile_to_the_same, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(implied_capabilities_say_so, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(projects_name_their_services, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(faulty_projects_are_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(large_projects_are_loaded_whole, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(too_large_projects_are_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(only_files_are_read, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
