/*
 * Every attack twice: confined by all layers it must be stopped, and with the layers that stop it taken out it must work.
 * The second half proves that the first one tests something. Both are done from a child that was cloned for the start, and
 * once more from one that was prepared before (container/spare.c), which is said to have been used.
 *
 *     attacks_test HOSTILE root|rootless [ATTACK]
 *
 * Each try runs in a process of its own, with a machine of its own, and ends with the accounts as they were. An attack that
 * several layers stop by themselves names all of them: taking out one leaves it stopped, which is the point of layers. ROOT
 * stands at those that an ordinary user could not do in any case: without root they are tried confined, and only_root says
 * why there is no second try.
 */
#include "tests/confinement/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define L(name) (UINT64_C(1) << GROVE_LAYER_##name)
#define FILES (L(FILE_VIEW) | L(LANDLOCK) | L(USER_ID))
#define PRIVILEGE (L(SECCOMP) | L(LINUX_CAPABILITIES) | L(USER_ID) | L(NO_NEW_PRIVILEGES))

enum need { ANY = 0, ROOT = 1, LANDLOCK = 2, SCOPES = 4, GROUPS = 8 };
/* What the attack is told about the outside. */
enum parameter {
    NOTHING,
    READ_ONLY_FILE,
    SET_ID_PROGRAM,
    HOST_PROCESS,
    HOST_SOCKET,
    OTHER_CONTAINER,
    HOST_PORT,
    HOST_QUEUE,
    HOST_NAME
};

static const struct attack {
    const char *name;
    uint64_t layers; /* taken out for the second try */
    unsigned needs;
    enum parameter parameter;
    struct grove_budget budget; /* its limit is what is taken out when no layer is named */
} attacks[] = {
    {"read-shadow", FILES, ROOT, NOTHING, {0}},
    {"read-home", FILES, ROOT, NOTHING, {0}},
    {"dot-dot", FILES, ANY, NOTHING, {0}},
    {"symbolic-link", FILES, ANY, NOTHING, {0}},
    {"process-root", FILES, ANY, NOTHING, {0}},
    {"hard-link", FILES, ANY, NOTHING, {0}},
    {"write-read-only", FILES, ANY, READ_ONLY_FILE, {0}},
    {"reopen", L(LANDLOCK), LANDLOCK, NOTHING, {0}},
    {"execute-written", FILES, ANY, NOTHING, {0}},
    {"set-id-mode", L(SECCOMP), ANY, NOTHING, {0}},
    {"set-id-create", L(SECCOMP), ANY, NOTHING, {0}},
    {"set-id-program", L(FILE_VIEW) | L(LANDLOCK) | L(NO_NEW_PRIVILEGES) | L(SECCOMP), ROOT, SET_ID_PROGRAM, {0}},
    {"device-node", PRIVILEGE | L(LANDLOCK), ROOT, NOTHING, {0}},
    {"kernel-files", L(FILE_VIEW) | L(LANDLOCK), ANY, NOTHING, {0}},
    {"file-handle", L(SECCOMP), ANY, NOTHING, {0}},
    {"many-files", 0, ANY, NOTHING, {.scratch_files = 64}},
    {"much-scratch", 0, ANY, NOTHING, {.scratch_bytes = 1 << 20}},
    {"mount", PRIVILEGE | L(LANDLOCK), ROOT, NOTHING, {0}},
    {"new-mount-call", PRIVILEGE | L(LANDLOCK), ROOT, NOTHING, {0}},
    {"unshare-user", L(SECCOMP) | L(FILE_VIEW), ANY, NOTHING, {0}},
    {"clone-user", L(SECCOMP) | L(FILE_VIEW), ANY, NOTHING, {0}},
    {"clone3-user", L(SECCOMP) | L(FILE_VIEW), ANY, NOTHING, {0}},
    {"enter-namespace", PRIVILEGE, ROOT, NOTHING, {0}},
    {"change-root", PRIVILEGE, ROOT, NOTHING, {0}},
    {"signal-other", L(PID_NAMESPACE) | L(PROC) | L(USER_ID) | L(LANDLOCK), ANY, HOST_PROCESS, {0}},
    {"trace", L(SECCOMP), ANY, NOTHING, {0}},
    {"read-process", L(SECCOMP), ANY, NOTHING, {0}},
    {"abstract-connect", L(NETWORK_NAMESPACE) | L(LANDLOCK), ANY, HOST_SOCKET, {0}},
    {"abstract-connect", L(LANDLOCK), SCOPES, OTHER_CONTAINER, {0}},
    {"network-connect", L(NETWORK_NAMESPACE), ANY, HOST_PORT, {0}},
    {"netlink", L(SECCOMP), ANY, NOTHING, {0}},
    {"message-queue", L(IPC_NAMESPACE), ANY, HOST_QUEUE, {0}},
    {"host-name", L(UTS_NAMESPACE), ANY, HOST_NAME, {0}},
    {"ring", L(SECCOMP), ANY, NOTHING, {0}},
    {"keyring", L(SECCOMP), ANY, NOTHING, {0}},
    {"fault-handler", L(SECCOMP), ANY, NOTHING, {0}},
    {"terminal-input", L(SECCOMP), ANY, NOTHING, {0}},
    {"no-randomization", L(SECCOMP), ANY, NOTHING, {0}},
    {"other-mode", L(SECCOMP), ANY, NOTHING, {0}},
    {"fork-bomb", L(CGROUP) | L(RESOURCE_LIMITS), GROUPS, NOTHING, {.processes = 16}},
    {"memory-hog", L(CGROUP) | L(RESOURCE_LIMITS), GROUPS, NOTHING, {.memory_bytes = 32 << 20}},
    {"descriptors", L(RESOURCE_LIMITS), ANY, NOTHING, {0}},
    {"large-file", L(RESOURCE_LIMITS), ANY, NOTHING, {.file_bytes = 65536}},
};

/* Why an ordinary user could not do in any case what needs ROOT, whatever layers are taken out. */
#define NOT_ITS_FILE "only root may read it at all"
#define NO_PRIVILEGE "Linux lets root alone do it, and what an ordinary user starts is never root"
static const struct {
    const char *attack, *why;
} only_root[] = {
    {"read-shadow", NOT_ITS_FILE},
    {"read-home", NOT_ITS_FILE},
    {"set-id-program", "an ordinary user cannot make a set-id program of root's"},
    {"device-node", NO_PRIVILEGE},
    {"mount", NO_PRIVILEGE},
    {"new-mount-call", NO_PRIVILEGE},
    {"enter-namespace", NO_PRIVILEGE},
    {"change-root", NO_PRIVILEGE},
};

enum outcome { STOPPED = 0, WORKED = 1, STRANGE = 2, IMPOSSIBLE = 3 };
static const char *const outcome_names[] = {"stopped", "worked", "strange", "impossible here"};

static const char *hostile;
static bool is_rootless;
static char base[64], folder[96], read_only[96], set_id[96], secret[96], program[96];

/* ---- the outside ---- */

static void copy_program(const char *to, mode_t mode) {
    char command[512];
    (void)snprintf(command, sizeof command, "cp '%s' '%s'", hostile, to);
    if (system(command) != 0 || chmod(to, mode) < 0)
        exit(99);
}

static void write_file(const char *path, mode_t mode) {
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || write(file, "secret\n", 7) != 7 || fchmod(file, mode) < 0)
        exit(99);
    (void)close(file);
}

static void outside_make(void) {
    (void)snprintf(base, sizeof base, "/tmp/grove-attacks-XXXXXX");
    if (mkdtemp(base) == NULL || chmod(base, 0755) < 0)
        exit(99);
    (void)snprintf(folder, sizeof folder, "%s/writable", base);
    (void)snprintf(read_only, sizeof read_only, "%s/read-only", base);
    (void)snprintf(secret, sizeof secret, "%s/secret", base);
    (void)snprintf(set_id, sizeof set_id, "%s/set-id", base);
    (void)snprintf(program, sizeof program, "%s/hostile", base);
    if (mkdir(folder, 0755) < 0)
        exit(99);
    write_file(read_only, 0666);
    write_file(secret, 0666);
    copy_program(set_id, 04755);
    /* A copy that an ordinary user can reach, wherever the build lies. */
    copy_program(program, 0755);
    hostile = program;
}

static void outside_remove(void) {
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", base);
    (void)!system(command);
}

/* What an attack that worked has left would spoil the next try of it. */
static void outside_clean(void) {
    char command[192];
    (void)snprintf(command, sizeof command, "find '%s' -mindepth 1 -maxdepth 1 -exec rm -rf {} +", folder);
    if (system(command) != 0)
        exit(99);
}

static int listen_abstract(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(name) >= sizeof address.sun_path - 1)
        return -1;
    (void)memcpy(address.sun_path + 1, name, strlen(name));
    int in = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    return bind(in, (struct sockaddr *)&address, length) < 0 || listen(in, 4) < 0 ? -1 : in;
}

static int listen_port(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int in = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(in, (struct sockaddr *)&address, length) < 0 || listen(in, 4) < 0 ||
        getsockname(in, (struct sockaddr *)&address, &length) < 0)
        return -1;
    *port = ntohs(address.sin_port);
    return in;
}

/* ---- one try ---- */

static struct recipe recipe_make(const char *attack, const char *parameter, const struct grove_budget *budget) {
    return (struct recipe){.executable = hostile,
                           .arguments = {hostile, attack, folder, parameter},
                           .grants = {{GROVE_CAP_FS_EXEC, 0, hostile},
                                      {GROVE_CAP_FS_WRITE, 0, folder},
                                      {GROVE_CAP_FS_READ, 0, read_only},
                                      {GROVE_CAP_FS_EXEC, 0, set_id}},
                           .budget = *budget};
}

/* Wait until the container has written something, and give it. */
static bool wait_for_words(machine_container container) {
    machine_object streams[2];
    char word[64];
    if (!harness_wait(&harness_record(container)->is_started) || harness_record(container)->status < 0)
        return false;
    machine_container_streams(container, streams);
    (void)fcntl(streams[0], F_SETFL, 0);
    return read(streams[0], word, sizeof word) > 0;
}

static bool parameter_make(const struct attack *attack, char *text, size_t size_bytes) {
    int number = 0;
    text[0] = '\0';
    switch (attack->parameter) {
    case NOTHING:
        return true;
    case READ_ONLY_FILE:
        return snprintf(text, size_bytes, "%s", read_only) > 0;
    case SET_ID_PROGRAM:
        return snprintf(text, size_bytes, "%s", set_id) > 0;
    case HOST_PROCESS:
        return snprintf(text, size_bytes, "%d", (int)getpid()) > 0;
    case HOST_SOCKET:
        return snprintf(text, size_bytes, "grove-test-%d", (int)getpid()) > 0 && listen_abstract(text) >= 0;
    case OTHER_CONTAINER: {
        (void)snprintf(text, size_bytes, "grove-test-%d", (int)getpid());
        struct recipe recipe = recipe_make("abstract-listen", text, &(struct grove_budget){0});
        return harness_start(1, harness_spec(&recipe)) == GROVE_OK && wait_for_words(1);
    }
    case HOST_PORT:
        return listen_port(&number) >= 0 && snprintf(text, size_bytes, "%d", number) > 0;
    case HOST_QUEUE:
        number = (int)getpid();
        return msgget(number, IPC_CREAT | 0666) >= 0 && snprintf(text, size_bytes, "%d", number) > 0;
    case HOST_NAME:
        return gethostname(text, size_bytes) == 0;
    }
    return false;
}

static void parameter_forget(const struct attack *attack) {
    if (attack->parameter == HOST_QUEUE)
        (void)msgctl(msgget((int)getpid(), 0), IPC_RMID, NULL);
}

static enum outcome outcome_of(const struct record *record, const char *output) {
    if (!record->is_started || record->status < 0) {
        (void)fprintf(stderr, "  did not start: status %d, layer %d, error %d (%s)\n", record->status,
                      (int)record->layer, record->start_detail, strerror(record->start_detail));
        return STRANGE;
    }
    if (record->cause == GROVE_EXIT_MEMORY)
        return STOPPED;
    if (record->cause != GROVE_EXIT_CODE || record->exit_detail > IMPOSSIBLE || record->exit_detail == STRANGE) {
        (void)fprintf(stderr, "  ended by cause %d, detail %d; it said: %s\n", (int)record->cause, record->exit_detail,
                      output);
        return STRANGE;
    }
    return (enum outcome)record->exit_detail;
}

/*
 * Start something harmless that wants what the attack wants of a prepared child, so that one is made. A container with a
 * number of its own: the attacker's is new.
 */
static bool prime(const struct grove_budget *budget) {
    struct recipe recipe = recipe_make("nothing", "", budget);
    (void)harness_run(2, harness_spec(&recipe), NULL, 0);
    return harness_wait_prepared();
}

static enum outcome attack_run(const struct attack *attack, const struct grove_budget *budget, bool is_prepared) {
    char parameter[128], output[1024] = "";
    int streams[3] = {open(secret, O_RDONLY | O_CLOEXEC), -1, -1};
    enum outcome outcome = STRANGE;
    uint64_t used = 0;
    if (parameter_make(attack, parameter, sizeof parameter) && (!is_prepared || prime(budget))) {
        used = container_spares().used;
        struct recipe recipe = recipe_make(attack->name, parameter, budget);
        struct record *record;
        if (strcmp(attack->name, "reopen") == 0) {
            recipe.streams = GROVE_STREAM_PASSED;
            streams[1] = streams[2] = open("/dev/null", O_WRONLY | O_CLOEXEC);
            record = harness_record(0);
            record->status = harness_start_with(0, harness_spec(&recipe), streams);
            (void)(record->status == GROVE_OK && harness_wait(&record->is_started) && record->status == GROVE_OK &&
                   harness_wait(&record->is_exited));
        } else {
            record = harness_run(0, harness_spec(&recipe), output, sizeof output);
        }
        outcome = outcome_of(record, output);
    }
    /* The other container may have had one prepared for the attacker, who is then cloned or not, as it comes. */
    if (container_spares().used != used + is_prepared && (is_prepared || attack->parameter != OTHER_CONTAINER)) {
        (void)fprintf(stderr, "  a prepared child was %s\n", is_prepared ? "not used" : "used");
        outcome = STRANGE;
    }
    parameter_forget(attack);
    return outcome;
}

/* In a child: a machine of its own, because some layers are set up with it. */
static enum outcome attack_try(const struct attack *attack, uint64_t left_out, const struct grove_budget *budget,
                               bool is_prepared) {
    int status = 0;
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        enum outcome outcome = STRANGE;
        if (is_rootless && harness_be_ordinary() < 0)
            _exit(STRANGE);
        harness_left_out = left_out;
        /* Without root the machine may deny control groups and has no second user; that is not what is tried here. */
        if (harness_open(is_rootless ? L(CGROUP) | L(USER_ID) : 0) == GROVE_OK)
            outcome = attack_run(attack, budget, is_prepared);
        harness_close();
        _exit((int)outcome);
    }
    bool is_over = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status);
    outside_clean();
    if (!is_over)
        return STRANGE;
    return WEXITSTATUS(status) <= IMPOSSIBLE ? (enum outcome)WEXITSTATUS(status) : STRANGE;
}

/* ---- all of them ---- */

/* What works for whoever the attacks run as: found out in a child, which is that user. */
static struct linux_machine attacker;

static bool attacker_probe(void) {
    int ends[2], status = 1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        struct linux_machine found = {.rootless = is_rootless};
        if (is_rootless && harness_be_ordinary() < 0)
            _exit(1);
        (void)container_probe(&found);
        _exit(write(ends[1], &found, sizeof found) == (ssize_t)sizeof found ? 0 : 1);
    }
    bool is_known = child > 0 && waitpid(child, &status, 0) == child && status == 0 &&
                    read(ends[0], &attacker, sizeof attacker) == (ssize_t)sizeof attacker;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return is_known;
}

/* What the attack cannot be tried without and this machine or user does not have; NULL nothing. */
static const char *what_is_missing(const struct attack *attack) {
    if ((attack->needs & GROUPS) != 0 && attacker.cgroup_version == 0)
        return "no control group can be written here, and its limit is one of control groups";
    if ((attack->needs & LANDLOCK) != 0 && attacker.landlock_version == 0)
        return "this Linux has no Landlock, which alone stops it";
    if ((attack->needs & SCOPES) != 0 && attacker.landlock_version < 6)
        return "Landlock keeps abstract sockets apart since Linux 6.12 only; each container has its own network here";
    return NULL;
}

static const char *why_only_root(const struct attack *attack) {
    for (unsigned i = 0; i < sizeof only_root / sizeof *only_root; i++)
        if (strcmp(only_root[i].attack, attack->name) == 0)
            return only_root[i].why;
    return "nobody wrote down why";
}

static bool attack_check(const struct attack *attack, bool is_prepared) {
    static const struct grove_budget none;
    const char *missing = what_is_missing(attack);
    if (missing != NULL) {
        (void)printf("%-18s left out: %s\n", attack->name, missing);
        return true;
    }
    /* Without a view of their own containers begin in the host's, and no child is prepared for that. */
    bool can_prepare = (attack->layers & L(FILE_VIEW)) == 0;
    enum outcome confined = attack_try(attack, 0, &attack->budget, is_prepared);
    if (is_rootless && (attack->needs & ROOT) != 0) {
        (void)printf("%-18s %s confined: %s, without its layers: not tried: %s%s\n", attack->name,
                     is_prepared ? "prepared" : "cloned  ", outcome_names[confined], why_only_root(attack),
                     confined == STOPPED ? "" : "   <- WRONG");
        return confined == STOPPED;
    }
    enum outcome open_outcome =
        attack_try(attack, attack->layers, attack->layers == 0 ? &none : &attack->budget, is_prepared && can_prepare);
    bool is_right =
        (confined == STOPPED && (open_outcome == WORKED || open_outcome == IMPOSSIBLE)) || confined == IMPOSSIBLE;
    (void)printf("%-18s %s confined: %s, without its layers: %s%s\n", attack->name,
                 is_prepared ? "prepared" : "cloned  ", outcome_names[confined], outcome_names[open_outcome],
                 is_right ? "" : "   <- WRONG");
    return is_right;
}

/* Everything is made before the user changes, so that a folder is the ordinary user's own. */
static void outside_give(void) {
    const char *const given[] = {base, folder, secret, read_only};
    for (unsigned i = 0; is_rootless && i < sizeof given / sizeof *given; i++)
        if (harness_give(given[i]) < 0)
            exit(99);
}

int main(int count, char **arguments) {
    unsigned wrong = 0;
    const struct rlimit descriptors = {4096, 4096};
    hostile = count > 1 ? arguments[1] : "";
    is_rootless = count > 2 && strcmp(arguments[2], "rootless") == 0;
    if (!is_rootless && geteuid() != 0) {
        (void)printf("left out: the attacks on a kernel with root need root\n");
        return 77;
    }
    if (!attacker_probe() || (is_rootless && (attacker.layers_enforced & L(USER_NAMESPACE)) == 0)) {
        (void)printf("left out: user namespaces are denied here\n");
        return 77;
    }
    (void)setrlimit(RLIMIT_NOFILE, &descriptors);
    outside_make();
    outside_give();
    struct accounts before = accounts_take();
    for (unsigned i = 0; i < sizeof attacks / sizeof *attacks; i++)
        if (count <= 3 || strcmp(arguments[3], attacks[i].name) == 0)
            for (int is_prepared = 0; is_prepared < 2; is_prepared++)
                wrong += !attack_check(&attacks[i], is_prepared != 0);
    struct accounts after = accounts_take();
    wrong += !accounts_match(&before, &after);
    outside_remove();
    (void)printf("%u wrong\n", wrong);
    return wrong == 0 ? 0 : 1;
}
