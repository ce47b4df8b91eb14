#define _GNU_SOURCE
#include "CChild.h"
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/close_range.h>
#include <unistd.h>

enum { MOST_FILES = 8 };

static int limit(int resource, uint64_t amount) {
    const struct rlimit value = {amount, amount};
    return setrlimit(resource, &value);
}

/// The child's part: returns only when it fails. Nothing here allocates or locks, since other threads may have held locks when the
/// process was forked.
static void run(const char *program, const char *const *arguments, const char *const *environment, const int *files, int count,
                const cchild_limits *limits, pid_t parent) {
    int moved[MOST_FILES];
    // Out of the way first: a file may stand where another is to go.
    for (int i = 0; i < count; i++) {
        moved[i] = fcntl(files[i], F_DUPFD, MOST_FILES);
        if (moved[i] < 0) return;
    }
    for (int i = 0; i < count; i++) {
        if (dup2(moved[i], i) < 0) return;
    }
    if (close_range((unsigned)count, ~0U, CLOSE_RANGE_CLOEXEC) < 0) return;
    if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return;
    // The parent may have died before that was asked for.
    if (getppid() != parent) _exit(127);
    if (limit(RLIMIT_AS, limits->memory_bytes) < 0 || limit(RLIMIT_CPU, limits->cpu_seconds) < 0 ||
        limit(RLIMIT_FSIZE, limits->file_bytes) < 0 || limit(RLIMIT_CORE, 0) < 0)
        return;
    // What the parent ignores or blocks must not be so in the child.
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return;
    if (limits->ruleset >= 0 && syscall(SYS_landlock_restrict_self, limits->ruleset, 0) < 0) return;
    if (cchild_filter_calls() < 0) return;
    execve(program, (char *const *)arguments, (char *const *)environment);
}

pid_t cchild_start(const char *program, const char *const *arguments, const char *const *environment, const int *files, int count,
                   const cchild_limits *limits) {
    // Says why the child did not start; a successful exec closes it without a word.
    int report[2];
    if (count > MOST_FILES) return -EINVAL;
    if (pipe2(report, O_CLOEXEC) < 0) return -errno;
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) {
        const int error = errno;
        close(report[0]);
        close(report[1]);
        return -error;
    }
    if (child == 0) {
        const int channel = fcntl(report[1], F_DUPFD_CLOEXEC, MOST_FILES);
        if (channel >= 0) {
            run(program, arguments, environment, files, count, limits, parent);
            const int error = errno;
            while (write(channel, &error, sizeof error) < 0 && errno == EINTR) {}
        }
        _exit(127);
    }
    close(report[1]);
    int error = 0;
    ssize_t got;
    do got = read(report[0], &error, sizeof error);
    while (got < 0 && errno == EINTR);
    close(report[0]);
    if (got == 0) return child;
    waitpid(child, NULL, 0);
    return got == sizeof error ? -error : -EIO;
}

int cchild_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0; }

int cchild_memory_file(void) {
    const int file = memfd_create("diffd", MFD_CLOEXEC);
    return file < 0 ? -errno : file;
}
