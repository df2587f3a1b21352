/*
 * Processes, as a program sees them: `processes FOLDER` prints the same lines on Linux and on the bare machine. Numbers of
 * processes, times and addresses are not printed. FOLDER is where it may make files; it needs user 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS 300
#define DEPTH 5

static const char *own_path;
static char script_path[256], text_path[256], folder_path[256];

static void say(const char *what, long value) {
    printf("%s: %ld\n", what, value);
    fflush(stdout);
}

/* The answer, or the negative of errno. */
static long told(long answer) {
    return answer >= 0 ? answer : -errno;
}

static int wait_for(pid_t child) {
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

/* ---- fork ---- */

/* How many processes there are below, oneself included. */
static int tree(int depth) {
    int sum = 1;
    for (int i = 0; i < 2 && depth > 0; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(tree(depth - 1));
        sum += WEXITSTATUS(wait_for(child));
    }
    return sum;
}

static void forks(void) {
    int private = 1, *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    say("tree", tree(DEPTH));
    pid_t child = fork();
    if (child == 0) {
        private = 2;
        *shared = getppid() == getpid() ? 0 : 5;
        _exit(private);
    }
    say("child saw", WEXITSTATUS(wait_for(child)));
    say("private", private);
    say("shared", *shared);
    int good = 0;
    for (int i = 0; i < FORKS; i++) {
        child = fork();
        if (child == 0)
            _exit(i & 127);
        good += wait_for(child) == (i & 127) << 8;
    }
    say("one after the other", good);
    for (int i = 0; i < 50; i++)
        if (fork() == 0)
            _exit(1);
    for (good = 0; wait(NULL) > 0;)
        good++;
    say("at once", good);
    say("no child", told(wait(NULL)));
}

static void orphans(void) {
    int ends[2];
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (pipe(ends) != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            char is_found = 0;
            close(ends[0]);
            while (getppid() == parent)
                sched_yield();
            is_found = 1;
            _exit(write(ends[1], &is_found, 1) == 1 ? 9 : 8);
        }
        _exit(3);
    }
    say("parent of orphan", WEXITSTATUS(wait_for(child)));
    char byte = 0;
    close(ends[1]);
    say("orphan told", read(ends[0], &byte, 1));
    int status = 0;
    wait(&status);
    say("orphan", WEXITSTATUS(status));
    close(ends[0]);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* ---- wait ---- */

static void waits(void) {
    siginfo_t info;
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(1);
    }
    say("still running", told(waitpid(child, NULL, WNOHANG)));
    kill(child, SIGSTOP);
    int status = 0;
    say("stopped", waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) ? WSTOPSIG(status) : -1);
    say("told once", told(waitpid(child, &status, WUNTRACED | WNOHANG)));
    kill(child, SIGCONT);
    say("continued", waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
    kill(child, SIGTERM);
    memset(&info, 0, sizeof(info));
    say("kept", told(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT)));
    say("info", info.si_signo == SIGCHLD && info.si_pid == child && info.si_code == CLD_KILLED ? info.si_status : -1);
    say("killed", WTERMSIG(wait_for(child)));
    say("gone", told(waitpid(child, NULL, 0)));
    say("kill what is gone", told(kill(child, 0)));
    say("bad options", told(waitid(P_ALL, 0, &info, 0)));
    signal(SIGCHLD, SIG_IGN);
    child = fork();
    if (child == 0)
        _exit(0);
    say("ignored children", told(waitpid(child, NULL, 0)));
    signal(SIGCHLD, SIG_DFL);
    struct rusage usage;
    child = fork();
    if (child == 0)
        _exit(4);
    say("wait4", wait4(child, &status, 0, &usage) == child ? WEXITSTATUS(status) : -1);
    say("usage", usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec >= 0);
}

/* ---- exec ---- */

#define LIST(...) ((const char *const[]){__VA_ARGS__})

/* Without the promise of execve to leave texts alone that are not constant. */
static void execute(const char *path, const char *const arguments[], const char *const environment[]) {
    (void)syscall(SYS_execve, path, arguments, environment);
}

static void run(const char *name, const char *path, const char *const arguments[], const char *const environment[]) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        execute(path, arguments, environment);
        _exit(200 + errno);
    }
    int status = wait_for(child);
    say(name, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void make_file(const char *path, const char *text, mode_t mode) {
    int file = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0700);
    if (file < 0 || write(file, text, strlen(text)) < 0 || fchmod(file, mode) != 0 || close(file) != 0)
        printf("%s cannot be made\n", path);
}

static void *execute_elsewhere(void *unused) {
    const char *arguments[] = {own_path, "show", "from a thread", NULL};
    execute(own_path, arguments, LIST(NULL));
    return unused;
}

static void *wait_forever(void *unused) {
    for (;;)
        pause();
    return unused;
}

static void ignore_it(int signal) {
    (void)signal;
}

static void programs(void) {
    char line[300];
    const char *environment[] = {"FIRST=1", "SECOND=zwei", NULL};
    const char *arguments[] = {"a name", "show", "one", "", "three", NULL};
    run("arguments", own_path, arguments, environment);
    run("no arguments", own_path, LIST(NULL), LIST(NULL));
    run("not there", "/none", arguments, environment);
    run("a folder", folder_path, arguments, environment);
    make_file(text_path, "no program\n", 0755);
    run("no program", text_path, arguments, environment);
    chmod(text_path, 0644);
    run("not executable", text_path, arguments, environment);
    snprintf(line, sizeof(line), "#! %s  show it  \nmore\n", own_path);
    make_file(script_path, line, 0755);
    run("a script", script_path, LIST("lost", "kept", NULL), environment);
    snprintf(line, sizeof(line), "#!%s\n", script_path);
    make_file(text_path, line, 0755);
    run("a script's script", text_path, LIST("lost", "kept", NULL), environment);
    snprintf(line, sizeof(line), "#!%s\n", text_path);
    make_file(text_path, line, 0755);
    run("a script of itself", text_path, LIST("lost", NULL), environment);
    char *long_text = malloc(200000);
    memset(long_text, 'x', 199999);
    long_text[199999] = 0;
    run("too long", own_path, LIST("a", long_text, NULL), environment);
    long_text[100000] = 0;
    run("long", own_path, LIST("a", "length", long_text, NULL), environment);
    free(long_text);
    unlink(script_path);
    unlink(text_path);
    int kept = open(own_path, O_RDONLY), closed = open(own_path, O_RDONLY | O_CLOEXEC);
    char numbers[2][12];
    snprintf(numbers[0], sizeof(numbers[0]), "%d", kept);
    snprintf(numbers[1], sizeof(numbers[1]), "%d", closed);
    run("descriptors", own_path, LIST("a", "open", numbers[0], numbers[1], NULL), environment);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, ignore_it);
    run("actions", own_path, LIST("a", "actions", NULL), environment);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
    int by_number = (int)told(syscall(SYS_execveat, kept, "none", arguments, environment, 0));
    say("execveat of a file's child", by_number);
    int ends[2];
    if (pipe(ends) == 0) {
        say("execveat of a pipe's child", (int)told(syscall(SYS_execveat, ends[0], "none", arguments, environment, 0)));
        say("execveat of a pipe", (int)told(syscall(SYS_execveat, ends[0], "", arguments, environment, AT_EMPTY_PATH)));
        close(ends[0]);
        close(ends[1]);
    }
    fflush(stdout);
    pid_t child = vfork();
    if (child == 0) {
        execute(own_path, arguments, environment);
        _exit(99);
    }
    say("vfork", WEXITSTATUS(wait_for(child)));
    child = fork();
    if (child == 0) {
        syscall(SYS_execveat, kept, "", LIST("a", "show", NULL), environment, AT_EMPTY_PATH);
        _exit(98);
    }
    say("execveat", WEXITSTATUS(wait_for(child)));
    child = fork();
    if (child == 0) {
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            pthread_create(&threads[i], NULL, i == 2 ? execute_elsewhere : wait_forever, NULL);
        for (;;)
            pause();
    }
    say("exec of a thread", WEXITSTATUS(wait_for(child)));
    close(kept);
    close(closed);
}

/* What an executed copy does. */
static int show(int count, char **arguments, char **environment) {
    static char first[8] = "data";
    static char zeros[9000];
    bool is_zero = true;
    for (size_t i = 0; i < sizeof(zeros); i++)
        is_zero = is_zero && zeros[i] == 0;
    memset(zeros, 1, sizeof(zeros));
    for (int i = 0; i < count; i++) { /* of a path only the name: where it lies is another place on Linux */
        const char *slash = strrchr(arguments[i], '/');
        printf("  argument %d is %s%s\n", i, slash != NULL ? "a path to " : "",
               slash != NULL ? slash + 1 : arguments[i]);
    }
    for (int i = 0; environment[i] != NULL; i++)
        printf("  environment %d is %s\n", i, environment[i]);
    printf("  data %s, zeros %d, page %lu, secure %lu, ticks %lu, path %d, random %d, platform %s\n", first, is_zero,
           getauxval(AT_PAGESZ), getauxval(AT_SECURE), getauxval(AT_CLKTCK), getauxval(AT_EXECFN) != 0,
           getauxval(AT_RANDOM) != 0, (const char *)getauxval(AT_PLATFORM));
    char name[16];
    prctl(PR_GET_NAME, name);
    printf("  named %d, leads %d\n", name[0] != 0, (long)syscall(SYS_gettid) == getpid());
    fflush(stdout);
    return count;
}

static int executed(int count, char **arguments, char **environment) {
    if (count < 2)
        return 50 + count;
    if (strcmp(arguments[1], "length") == 0)
        return strlen(arguments[2]) == 100000 ? 6 : 7;
    if (strcmp(arguments[1], "open") == 0)
        return (fcntl(atoi(arguments[2]), F_GETFD) >= 0) + 2 * (fcntl(atoi(arguments[3]), F_GETFD) >= 0);
    if (strcmp(arguments[1], "actions") == 0) {
        struct sigaction actions[2];
        sigaction(SIGUSR1, NULL, &actions[0]);
        sigaction(SIGUSR2, NULL, &actions[1]);
        return (actions[0].sa_handler == SIG_IGN) + 2 * (actions[1].sa_handler == SIG_DFL);
    }
    return show(count, arguments, environment);
}

/* ---- groups, users, limits ---- */

static void groups(void) {
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        int is_leader = getpgrp() == getpid();
        int error = (int)told(setsid());
        pid_t inner = fork();
        if (inner == 0) {
            int is_new = setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid();
            _exit(is_new && told(setpgid(0, 0)) == -EPERM ? 1 : 0);
        }
        _exit(is_leader + 2 * (error == -EPERM) + 4 * WEXITSTATUS(wait_for(inner)));
    }
    say("groups", WEXITSTATUS(wait_for(child)));
    pid_t members[3];
    for (int i = 0; i < 3; i++) {
        members[i] = fork();
        if (members[i] == 0)
            for (;;)
                pause();
        setpgid(members[i], members[0]);
    }
    say("kill a group", told(kill(-members[0], SIGKILL)));
    int killed = 0;
    for (int i = 0; i < 3; i++)
        killed += waitpid(-members[0], NULL, 0) > 0;
    say("killed", killed);
    say("no such group", told(kill(-members[0], 0)));
    say("setpgid of nobody", told(setpgid(members[0], 0)));
    say("getsid of nobody", told(getsid(members[0])));
}

static int as_user(void) {
    gid_t list[] = {5, 6, 7}, seen[8];
    int good = setgroups(3, list) == 0 && getgroups(8, seen) == 3 && seen[2] == 7;
    good += setresgid(100, 100, 100) == 0 && getegid() == 100;
    good += setresuid(1000, 1000, 0) == 0 && geteuid() == 1000;
    good += seteuid(0) == 0 && setresuid(1000, 1000, 1000) == 0;
    good += told(setuid(0)) == -EPERM;
    good += told(setgroups(0, NULL)) == -EPERM;
    good += told(kill(1, 0)) == -EPERM || getppid() == 1;
    struct rlimit limit = {10, 20};
    good += setrlimit(RLIMIT_NOFILE, &limit) == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 10;
    limit.rlim_max = 30;
    good += told(setrlimit(RLIMIT_NOFILE, &limit)) == -EPERM;
    limit = (struct rlimit){0, 0};
    good += setrlimit(RLIMIT_NPROC, &limit) == 0 && told(fork()) == -EAGAIN;
    return good;
}

static void identities(void) {
    struct utsname names;
    char name[16] = "";
    pid_t child = fork();
    if (child == 0)
        _exit(as_user());
    say("as a user", WEXITSTATUS(wait_for(child)));
    prctl(PR_SET_NAME, "a long name of a thread");
    prctl(PR_GET_NAME, name);
    printf("name: %s\n", name);
    say("new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) + 2 * prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    uname(&names);
    printf("system: %s %s\n", names.sysname, names.machine);
    int signal_at_death = 0;
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    prctl(PR_GET_PDEATHSIG, &signal_at_death);
    prctl(PR_SET_PDEATHSIG, 0);
    say("death signal", signal_at_death);
}

static void *end_all(void *unused) {
    (void)unused;
    exit(17);
}

static void threads(void) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        pthread_t other;
        pthread_create(&other, NULL, wait_forever, NULL);
        pthread_create(&other, NULL, end_all, NULL);
        pause();
    }
    say("a thread ends all", WEXITSTATUS(wait_for(child)));
    child = fork();
    if (child == 0) {
        pthread_t other;
        pthread_create(&other, NULL, end_all, NULL);
        syscall(SYS_exit, 3);
    }
    say("after the first thread", WEXITSTATUS(wait_for(child)));
}

int main(int count, char **arguments, char **environment) {
    own_path = (const char *)getauxval(AT_EXECFN);
    if (count != 2 || arguments[1][0] != '/')
        return executed(count, arguments, environment);
    snprintf(script_path, sizeof(script_path), "%s/script", arguments[1]);
    snprintf(text_path, sizeof(text_path), "%s/text", arguments[1]);
    snprintf(folder_path, sizeof(folder_path), "%s", arguments[1]);
    forks();
    orphans();
    waits();
    programs();
    groups();
    identities();
    threads();
    puts("processes: done");
    return 0;
}
