#define _GNU_SOURCE
#include "CLandlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int clandlock_name(const char *path) { return open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC); }

int clandlock_target(const char *path) { return open(path, O_PATH | O_CLOEXEC); }

static int allow(int ruleset, int file, __u64 rights) {
    struct stat status;
    if (fstat(file, &status) != 0) return -errno;
    if (S_ISLNK(status.st_mode)) return 0;
    // A right to list is refused for what cannot be listed.
    if (!S_ISDIR(status.st_mode)) rights &= ~(__u64)LANDLOCK_ACCESS_FS_READ_DIR;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = file};
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ? 0 : -errno;
}

int clandlock_sealed(const int *files, int count) {
    // What version 1 of the interface knows of, then what 2, 3 and 5 add (REFER, TRUNCATE, IOCTL_DEV); headers may be
    // older.
    const int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 0) return -errno;
    __u64 handled = (1 << 13) - 1;
    if (version >= 2) handled |= 1 << 13;
    if (version >= 3) handled |= 1 << 14;
    if (version >= 5) handled |= 1 << 15;
    struct landlock_ruleset_attr attributes = {.handled_access_fs = handled};
    const int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0) return -errno;
    for (int index = 0; index < count; index++) {
        const int result =
            allow(ruleset, files[index], LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE);
        if (result == 0) continue;
        close(ruleset);
        return result;
    }
    return ruleset;
}

int clandlock_read_only_below(const int *files, int count, int listed) {
    const __u64 rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    struct landlock_ruleset_attr handled = {.handled_access_fs = rights};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (ruleset < 0) return -errno;
    int result = 0;
    for (int index = 0; index < count && result == 0; index++)
        result = allow(ruleset, files[index], index < count - listed ? rights : LANDLOCK_ACCESS_FS_READ_DIR);
    // Without it the kernel asks for a capability: a set-user-id program could otherwise be fooled.
    if (result == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) result = -errno;
    if (result == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) result = -errno;
    close(ruleset);
    return result;
}
