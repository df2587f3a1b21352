/*
 * From manifests to a running system.
 *
 * groved, the programs of the system services and their manifests are found beside this program: in a build folder or in
 * an installation. $GROVE_GROVED, $GROVE_SERVERS and $GROVE_MANIFESTS (the folder of init.yaml and the others) name other
 * ones, for tests of one part against another.
 */
#include "userspace/grove/commands/system_boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "servers/common/names.h"
#include "userspace/grove/commands/gateways.h"
#include "userspace/grove/commands/system_faults.h"

#define LOOK_EVERY 128u /* polls */

extern char **environ;

#define MANIFEST_SUFFIX ".yaml"

/* ---- where things are ---- */

struct places {
    char groved[PATH_MAX];
    char servers[PATH_MAX]; /* folder with grove-init, ... */
    char shared[PATH_MAX]; /* folder of those that are linked with shared libraries */
    char manifests[PATH_MAX]; /* folder with init.yaml, ... */
};

/* Relative to the folder of this program. */
static const struct {
    const char *groved, *servers, *manifests;
} layouts[] = {
    {"../../kernel/machine/linux/groved", "../../musl/servers", "../../servers"}, /* BUILD/userspace/grove/grove */
    {"kernel/machine/linux/groved", "musl/servers", "servers"}, /* BUILD/grove */
    {"../sbin/groved", "../lib/grove", "../lib/grove"}, /* PREFIX/bin/grove */
};

static bool exists(const char *folder, const char *path, char *out) {
    char joined[2 * PATH_MAX];
    (void)snprintf(joined, sizeof joined, "%s%s%s", folder, folder[0] == '\0' ? "" : "/", path);
    return access(joined, R_OK) == 0 && realpath(joined, out) != NULL;
}

static bool own_folder(char *folder) {
    ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    if (length <= 0)
        return false;
    folder[length] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    return slash != NULL;
}

static bool find_places(struct places *places) {
    char folder[PATH_MAX], probe[PATH_MAX];
    const char *groved = getenv("GROVE_GROVED"), *servers = getenv("GROVE_SERVERS");
    const char *own_manifests = getenv("GROVE_MANIFESTS");
    if (!own_folder(folder))
        return false;
    for (size_t index = 0; index < sizeof layouts / sizeof layouts[0]; index++) {
        (void)snprintf(probe, sizeof probe, "%.*s/init.yaml", PATH_MAX - 16, layouts[index].manifests);
        if (!exists(folder, probe, places->manifests))
            continue;
        *strrchr(places->manifests, '/') = '\0';
        bool has_groved =
            groved != NULL ? exists("", groved, places->groved) : exists(folder, layouts[index].groved, places->groved);
        bool has_servers = servers != NULL ? exists("", servers, places->servers)
                                           : exists(folder, layouts[index].servers, places->servers);
        (void)snprintf(places->shared, sizeof places->shared, "%s", places->manifests);
        if (own_manifests != NULL)
            (void)snprintf(places->manifests, sizeof places->manifests, "%s", own_manifests);
        if (has_groved && has_servers)
            return true;
    }
    return false;
}

/* ---- specs ---- */

/* They are no secret, and init, which has a user id of its own, must read them whatever file system RUN lies on. */
static int write_spec(const struct invocation *invocation, int folder, const char *name, const void *spec,
                      size_t bytes) {
    char file[NAME_MAX + 8];
    (void)snprintf(file, sizeof file, "%s.spec", name);
    int descriptor = openat(folder, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool is_written =
        descriptor >= 0 && fchmod(descriptor, 0644) == 0 && write(descriptor, spec, bytes) == (ssize_t)bytes;
    int error = errno;
    if (descriptor >= 0)
        (void)close(descriptor);
    return is_written ? 0
                      : command_fail(invocation, "%s/boot/%s cannot be written: %s", invocation->run_folder, file,
                                     strerror(error));
}

/* `subfolder` of the manifests' is "" or ends in "/". `listen`: of a gateway; else NULL. */
static int compile_one(const struct invocation *invocation, const struct places *places, const char *subfolder,
                       const char *name, const char *listen, int folder) {
    /* Those of libgrove alone are linked with musl; those that need other libraries lie beside the manifests. */
    const struct manifest_variable variables[] = {{.name = "servers", .value = places->servers},
                                                  {.name = "servers-shared", .value = places->shared},
                                                  {.name = "listen", .value = listen}};
    const struct manifest_options options = {.project = "system",
                                             .state_folder = invocation->state_folder,
                                             .run_folder = invocation->run_folder,
                                             .variables = variables,
                                             .variable_count = listen != NULL ? 3 : 2};
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    char path[PATH_MAX + NAME_MAX + 32];
    void *spec = NULL;
    size_t bytes = 0;
    (void)snprintf(path, sizeof path, "%s/%s%s.yaml", places->manifests, subfolder, name);
    int status = manifest_load(path, &options, &manifest, &errors);
    if (status == 0)
        status = manifest_compile(manifest, &spec, &bytes, &errors);
    status =
        status < 0 ? command_fail_manifest(invocation, &errors) : write_spec(invocation, folder, name, spec, bytes);
    free(spec);
    manifest_destroy(manifest);
    manifest_errors_deinit(&errors);
    return status;
}

/* Each part of the path; what exists stays as it is. groved checks that the run folder is private. */
static int make_folder(const char *path) {
    char part[PATH_MAX];
    for (size_t length = 1;; length++) {
        if (path[length] != '/' && path[length] != '\0')
            continue;
        (void)snprintf(part, sizeof part, "%.*s", (int)length, path);
        if (mkdir(part, 0700) < 0 && errno != EEXIST && path[length] == '\0')
            return -errno;
        if (path[length] == '\0')
            return 0;
    }
}

static void remove_old_specs(int folder) {
    DIR *listing = fdopendir(dup(folder));
    const struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        size_t length = strlen(entry->d_name);
        if (length > 5 && strcmp(entry->d_name + length - 5, ".spec") == 0)
            (void)unlinkat(folder, entry->d_name, 0);
    }
    if (listing != NULL)
        (void)closedir(listing);
}

static int is_manifest(const struct dirent *entry) {
    size_t length = strlen(entry->d_name), suffix = strlen(MANIFEST_SUFFIX);
    return length > suffix && strcmp(entry->d_name + length - suffix, MANIFEST_SUFFIX) == 0;
}

/* What lies in the folder is the system: a service more is a manifest more. */
static int compile_each(const struct invocation *invocation, const struct places *places, int folder) {
    struct dirent **entries;
    int status = 0, count = scandir(places->manifests, &entries, is_manifest, alphasort);
    if (count < 0)
        return command_fail(invocation, "%s cannot be read: %s", places->manifests, strerror(errno));
    for (int index = 0; index < count; index++) {
        *strrchr(entries[index]->d_name, '.') = '\0';
        if (status == 0)
            status = compile_one(invocation, places, "", entries[index]->d_name, NULL, folder);
        free(entries[index]);
    }
    free(entries);
    return status;
}

/* The gateways that were asked for. */
static int compile_gateways(const struct invocation *invocation, const struct places *places, int folder) {
    struct gateways gateways;
    char manifests[PATH_MAX + 16];
    (void)snprintf(manifests, sizeof manifests, "%s/gateways", places->manifests);
    int status = gateways_settle(invocation, manifests, &gateways);
    for (unsigned index = 0; status == 0 && index < gateways.count; index++)
        status = compile_one(invocation, places, "gateways/", gateways.items[index].name, gateways.items[index].listen,
                             folder);
    return status;
}

static int compile_all(const struct invocation *invocation, const struct places *places) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/boot", invocation->run_folder);
    int error = make_folder(path);
    if (error == 0)
        error = make_folder(invocation->state_folder);
    if (error < 0)
        return command_fail(invocation, "the folders %s and %s cannot be made: %s; --run and --state name others", path,
                            invocation->state_folder, strerror(-error));
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return command_fail(invocation, "%s cannot be opened: %s", path, strerror(errno));
    (void)fchmod(folder, 0755); /* RUN itself is closed to others */
    remove_old_specs(folder);
    int status = compile_each(invocation, places, folder);
    if (status == 0)
        status = compile_gateways(invocation, places, folder);
    (void)close(folder);
    return status;
}

/* ---- groved ---- */

int boot_begin(const struct invocation *invocation, const char *optional_layers, pid_t *process) {
    static struct places places;
    if (!find_places(&places))
        return command_fail(invocation, "groved and the system services are not beside this program; build or install "
                                        "all of Grove, or name them with $GROVE_GROVED and $GROVE_SERVERS");
    int status = compile_all(invocation, &places);
    if (status != 0)
        return status;
    char boot[PATH_MAX];
    (void)snprintf(boot, sizeof boot, "%s/boot/init.spec", invocation->run_folder);
    const char *arguments[] = {"groved",
                               "--run",
                               invocation->run_folder,
                               "--state",
                               invocation->state_folder,
                               "--boot",
                               boot,
                               optional_layers == NULL ? NULL : "--optional",
                               optional_layers,
                               NULL};
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawn(process, places.groved, &actions, NULL, (char **)(uintptr_t)arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return error == 0 ? 0 : command_fail(invocation, "%s cannot be started: %s", places.groved, strerror(error));
}

int boot_reach_registry(const struct invocation *invocation, uint64_t deadline_ns) {
    struct grove_connect_options options = {0};
    struct grove_channel *channel;
    uint64_t since_ns = system_faults_clock_ns();
    int status = command_connect(invocation, &options.session);
    if (status != 0)
        return status;
    /* init makes the endpoints of all system services first of all; until then nobody could say when that is. */
    for (unsigned look = 1; (status = grove_connect_with(REGISTRY_ENDPOINT, &options, &channel)) == GROVE_NOT_FOUND &&
                            grove_now_ns() < deadline_ns;
         look++) {
        if (look % LOOK_EVERY == 0 && system_faults_are_final(invocation, INIT_ENDPOINT, since_ns))
            break;
        (void)poll(NULL, 0, 1);
    }
    if (status == GROVE_NOT_FOUND)
        return command_fail(invocation, "the registry does not come up, because init does not: nobody provides %s",
                            REGISTRY_ENDPOINT);
    if (status < 0)
        return command_fail_library(invocation, "the registry does not come up");
    grove_channel_close(channel);
    return 0;
}

/* Whether a child has ended by then; its status is still to be fetched. */
static bool has_ended_by(pid_t process, uint64_t deadline_ns) {
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, process, 0), .events = POLLIN};
    uint64_t now_ns = grove_now_ns(), left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    int left_ms = left_ns / GROVE_MILLISECOND < INT_MAX ? (int)(left_ns / GROVE_MILLISECOND) : INT_MAX;
    if (end.fd < 0)
        return false;
    int ready = poll(&end, 1, left_ms);
    (void)close(end.fd);
    return ready > 0;
}

int boot_finish(const struct invocation *invocation, pid_t process, uint64_t deadline_ns) {
    int result = 0;
    if (!has_ended_by(process, deadline_ns))
        return command_fail(invocation,
                            "the kernel, process %ld, does not say in time whether it serves; --timeout allows "
                            "it more, %s/groved.log may say why",
                            (long)process, invocation->state_folder);
    while (waitpid(process, &result, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        return command_fail(invocation, "the kernel did not start; \"grove doctor\" says what this machine lacks");
    return boot_reach_registry(invocation, deadline_ns);
}
