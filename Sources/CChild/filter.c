#define _GNU_SOURCE
#include "filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/// What a decoder has no use for and what is taken from it: sockets, processes, other processes, what Landlock does not
/// ask about (modes, owners, times, attributes and locks of files), the kernel's larger doors.
static const unsigned refused[] = {
    SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_sendto, SYS_sendmsg, SYS_recvmsg,
    SYS_unshare, SYS_setns, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_tkill, SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo, SYS_setpriority, SYS_ioprio_set, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_fchmod,
    SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr,
    SYS_lremovexattr, SYS_fremovexattr, SYS_truncate, SYS_flock, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_bpf,
    SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_mq_open, SYS_shmget, SYS_semget, SYS_msgget,
    SYS_init_module, SYS_finit_module, SYS_kexec_load, SYS_io_setup,
#ifdef SYS_fork
    SYS_fork, SYS_vfork, SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat,
#endif
    // pidfd_send_signal, io_uring_setup, open_tree, move_mount, fsopen, pidfd_open, pidfd_getfd, mount_setattr,
    // fchmodat2: the same numbers on all architectures, and newer than some headers.
    424, 425, 428, 429, 430, 434, 438, 442, 452,
};

enum { REFUSED = sizeof refused / sizeof refused[0], CLONE3 = 435 };

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
#define IF(operation, value, yes, no) BPF_JUMP(BPF_JMP | operation | BPF_K, value, yes, no)
#define REFUSE(error) RETURN(SECCOMP_RET_ERRNO | (error))

int cchild_filter_calls(void) {
    const unsigned self = (unsigned)getpid();
    // Signals to itself, and limits of itself, which is 0 too.
    const struct sock_filter head[] = {
        LOAD(arch), IF(BPF_JEQ, ARCHITECTURE, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr), IF(BPF_JGE, 0x40000000, 0, 1), REFUSE(EPERM),
        // Threads, and no processes: without clone3, whose flags cannot be seen, the C library takes clone.
        IF(BPF_JEQ, CLONE3, 0, 1), REFUSE(ENOSYS),
        IF(BPF_JEQ, SYS_clone, 0, 4), LOAD(args[0]), IF(BPF_JSET, CLONE_THREAD, 0, 1), RETURN(SECCOMP_RET_ALLOW), REFUSE(EPERM),
        IF(BPF_JEQ, SYS_kill, 1, 0), IF(BPF_JEQ, SYS_tgkill, 0, 4),
        LOAD(args[0]), IF(BPF_JEQ, self, 0, 1), RETURN(SECCOMP_RET_ALLOW), REFUSE(EPERM),
        IF(BPF_JEQ, SYS_prlimit64, 0, 5),
        LOAD(args[0]), IF(BPF_JEQ, self, 1, 0), IF(BPF_JEQ, 0, 0, 1), RETURN(SECCOMP_RET_ALLOW), REFUSE(EPERM),
    };
    enum { HEAD = sizeof head / sizeof head[0] };
    struct sock_filter filter[HEAD + REFUSED + 2];
    unsigned count = 0;
    for (unsigned index = 0; index < HEAD; index++) filter[count++] = head[index];
    for (unsigned index = 0; index < REFUSED; index++) {
        // To the last instruction but one, or on.
        const struct sock_filter check = IF(BPF_JEQ, refused[index], (unsigned char)(REFUSED - index), 0);
        filter[count++] = check;
    }
    const struct sock_filter allow = RETURN(SECCOMP_RET_ALLOW), refuse = REFUSE(EPERM);
    filter[count++] = allow;
    filter[count++] = refuse;
    const struct sock_fprog program = {(unsigned short)count, filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
