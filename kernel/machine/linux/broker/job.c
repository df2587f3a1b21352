/*
 * Jobs, see job.h.
 *
 * A job is a fork of the kernel that keeps a handful of descriptors, does one call and puts its result into a page that
 * both share. Its process descriptor, watched by the loop, says when it is over. It dies with the kernel.
 *
 * A caller may be interrupted by a signal while its job waits; Linux does not tell, so while jobs run, a timer looks after
 * them CHECK_NS apart and kills those that nobody waits for any more.
 *
 * Limits: JOBS_PER_CONTAINER, then the container's further calls wait in Linux until a job ends: it delays only itself.
 * JOBS_MAX over all containers, then EAGAIN.
 */
#include "kernel/machine/linux/broker/job.h"

#include "kernel/machine/linux/loop/reaper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_PER_CONTAINER 64u
#define JOBS_MAX 512u
#define CHECK_NS UINT64_C(100000000)

struct job {
    struct job *next;
    machine_container container;
    uint32_t serial;
    struct broker_request request; /* its broker may be gone: look it up */
    pid_t process;
    int process_descriptor;
    int64_t *result; /* shared with the child */
    job_finish *finish;
    char context[]; /* for finish */
};

static struct job *jobs;
static unsigned job_count;
static uint64_t check_timer;

/* ---- in the child ---- */

static int by_number(const void *a, const void *b) {
    int left = *(const int *)a, right = *(const int *)b;
    return (left > right) - (left < right);
}

static void close_others(const int *kept, unsigned count) {
    int sorted[JOB_DESCRIPTORS_MAX];
    memcpy(sorted, kept, count * sizeof *kept);
    qsort(sorted, count, sizeof *sorted, by_number);
    unsigned from = 0;
    for (unsigned i = 0; i < count; i++) {
        if ((unsigned)sorted[i] > from)
            (void)close_range(from, (unsigned)sorted[i] - 1, 0);
        from = (unsigned)sorted[i] + 1;
    }
    (void)close_range(from, ~0U, 0);
}

static _Noreturn void run_child(const struct job_start *start, pid_t kernel, int64_t *result) {
    static const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != kernel)
        _exit(1);
    (void)prctl(PR_SET_NAME, "grove-job");
    for (unsigned i = 0; i < sizeof handled / sizeof *handled; i++)
        (void)signal(handled[i], SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    close_others(start->descriptors, start->descriptor_count);
    *result = start->work(start->context);
    _exit(0);
}

/* ---- in the kernel ---- */

static void unlink_job(struct job *job) {
    struct job **place = &jobs;
    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
    job_count--;
    struct broker *broker = broker_find(job->container, job->serial);
    if (broker == NULL)
        return;
    broker->jobs--;
    if (broker->is_paused)
        broker_pause(broker, false);
}

static void end_job(struct job *job) {
    siginfo_t info;
    while (waitid(P_PIDFD, (id_t)job->process_descriptor, &info, WEXITED) < 0 && errno == EINTR)
        continue;
    loop_forget(linux_machine->loop, job->process_descriptor);
    close(job->process_descriptor);
    munmap(job->result, sizeof *job->result);
    unlink_job(job);
    free(job);
}

static void answer_job(struct job *job) {
    struct broker *broker = broker_find(job->container, job->serial);
    if (broker == NULL)
        return;
    int64_t value = *job->result;
    job->request.broker = broker;
    if (job->finish != NULL && broker_is_waiting(broker, job->request.id))
        value = job->finish(&job->request, value, job->context);
    struct outcome outcome = outcome_value(value);
    (void)broker_answer(broker, job->request.id, &outcome);
}

static void job_ended(struct loop *loop, int descriptor, uint32_t events, void *context) {
    (void)loop;
    (void)descriptor;
    (void)events;
    answer_job(context);
    end_job(context);
}

static void kill_job(struct job *job) {
    (void)syscall(SYS_pidfd_send_signal, job->process_descriptor, SIGKILL, NULL, 0);
}

static void check_jobs(struct loop *loop, void *context) {
    (void)context;
    check_timer = 0;
    for (struct job *job = jobs; job != NULL; job = job->next) {
        const struct broker *broker = broker_find(job->container, job->serial);
        if (broker == NULL || !broker_is_waiting(broker, job->request.id))
            kill_job(job);
    }
    if (jobs != NULL)
        (void)loop_at(loop, machine_clock_ns() + CHECK_NS, check_jobs, NULL, &check_timer);
}

void job_cancel_all(const struct broker *broker) {
    for (struct job *job = jobs; job != NULL; job = job->next)
        if (job->container == broker->container && job->serial == broker->serial)
            kill_job(job);
}

static struct job *make_job(const struct broker_request *request, const struct job_start *start) {
    struct job *job = calloc(1, sizeof *job + start->finish_bytes);
    if (job == NULL)
        return NULL;
    job->result = mmap(NULL, sizeof *job->result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (job->result == MAP_FAILED) {
        free(job);
        return NULL;
    }
    *job->result = -EIO; /* what a child that was killed leaves */
    job->container = request->broker->container;
    job->serial = request->broker->serial;
    job->request = *request;
    job->finish = start->finish;
    if (start->finish_bytes > 0)
        memcpy(job->context, start->context, start->finish_bytes);
    return job;
}

static bool follow(struct job *job) {
    job->process_descriptor = (int)syscall(SYS_pidfd_open, job->process, 0);
    if (job->process_descriptor < 0)
        return false;
    return loop_watch(linux_machine->loop, job->process_descriptor, EPOLLIN, job_ended, job) == 0;
}

static bool fork_job(struct job *job, const struct job_start *start) {
    pid_t kernel = getpid();
    job->process = fork();
    if (job->process == 0)
        run_child(start, kernel, job->result);
    if (job->process < 0)
        return false;
    if (follow(job))
        return true;
    reaper_kill(linux_machine->loop, job->process, job->process_descriptor, NULL, NULL);
    return false;
}

struct outcome job_start(const struct broker_request *request, const struct job_start *start) {
    struct broker *broker = request->broker;
    if (job_count >= JOBS_MAX || !reaper_has_room())
        return outcome_error(EAGAIN);
    if (start->descriptor_count > JOB_DESCRIPTORS_MAX)
        return outcome_error(ETOOMANYREFS);
    struct job *job = make_job(request, start);
    if (job == NULL)
        return outcome_error(ENOMEM);
    if (!fork_job(job, start)) {
        munmap(job->result, sizeof *job->result);
        free(job);
        return outcome_error(ENOMEM);
    }
    job->next = jobs;
    jobs = job;
    job_count++;
    if (++broker->jobs >= JOBS_PER_CONTAINER)
        broker_pause(broker, true);
    if (check_timer == 0)
        (void)loop_at(linux_machine->loop, machine_clock_ns() + CHECK_NS, check_jobs, NULL, &check_timer);
    return outcome_of(OUTCOME_LATER);
}
