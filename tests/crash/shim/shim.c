/* A disk with a volatile cache, for the whole process that preloads this library.
 *
 *   process --write--> real directory (ROOT)          what the kernel would show
 *              `-----> shadow (SHADOW), by sync only   what the platter has
 *
 * Nothing reaches the shadow but by fsync and fdatasync: of a file its dirtied ranges and its size, of a directory
 * its entries. After a SIGKILL the test replaces the real directory by the shadow: that is the power cut.
 *
 *   SHADOW/f/<id>   durable bytes of a file (no such file: nothing of it was synced, it is empty)
 *   SHADOW/d/<id>   durable entries of a directory, a line each: kind, id, name
 *   SHADOW/root     id of the root directory
 *
 * Decisions:
 * - A file is known by (inode, birth time), not by its path: inode numbers are reused at once after an unlink.
 * - A directory's sync reads the real directory, so that renames and unlinks by raw system calls (rustix, as used by
 *   tempfile in fjall) need no interception. Writes do; `crash` checks after a clean stop that none escaped.
 * - What this model cannot follow ends the process with a message: shared writable maps, O_SYNC, sync(), syncfs().
 * - A sync takes what was dirty when it began and waits before it counts: whoever answers a client before the sync
 *   has returned is caught.
 *
 * Environment: CITYGATE_SHIM_ROOT, _SHADOW (both absolute, one file system), _CTL (control page), and optionally
 * _ROLL (fnmatch pattern, relative to ROOT, of the files whose creation is a segment roll), _DELAY_US (of a sync),
 * _RELAX=dirs (a synced directory's own name is durable too, as on ext4 and XFS; strict POSIX does not promise it).
 */
#include "platter.h"

static int sync_hook(int fd, long number) {
    unsigned mode;
    off_t size;
    text path;
    struct range ranges[RANGES_MAX];
    char *list = NULL, real[64];
    size_t length = 0;
    if (!on) return (int)syscall(number, fd);
    pthread_mutex_lock(&syncing);
    pthread_mutex_lock(&book);
    struct file *file = find(fd, &mode, &size);
    if (!file) {
        pthread_mutex_unlock(&book);
        pthread_mutex_unlock(&syncing);
        return (int)syscall(number, fd);
    }
    tick();
    int count = file->dirty_count, directory = S_ISDIR(mode), ends_roll = directory && roll_open && same(&file->id, &roll_dir);
    struct id id = file->id;
    if (ends_roll && roll_countdown) die(1);
    if (ctl->lie) {
        tick();
        pthread_mutex_unlock(&book);
        pthread_mutex_unlock(&syncing);
        return 0;
    }
    if (directory && path_of(fd, path)) length = entries(path, &list, NULL);
    memcpy(ranges, file->dirty, sizeof ranges);
    file->dirty_count = 0;
    pthread_mutex_unlock(&book);
    if (ctl->delay_us || delay_us) usleep(ctl->delay_us ? ctl->delay_us : delay_us);
    pthread_mutex_lock(&book);
    snprintf(real, sizeof real, "/proc/self/fd/%d", fd);
    if (!directory) {
        persist_file(real, &id, size, ranges, count);
        ctl->syncs++;
    } else if (list) {
        persist_entries(&id, list, length);
        if (relax_dirs) persist_names_above(path);
        ctl->dir_syncs++;
        free(list);
    }
    if (ends_roll) roll_open = 0;
    tick();
    pthread_mutex_unlock(&book);
    pthread_mutex_unlock(&syncing);
    return 0;
}
int fsync(int fd) { return sync_hook(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_hook(fd, SYS_fdatasync); }

/* A write at `offset`, or at the file's own place if it is negative. */
static ssize_t write_hook(int fd, off_t offset, long number, long a, long b, long c, long d, long e) {
    unsigned mode;
    off_t size;
    if (!on) return syscall(number, fd, a, b, c, d, e);
    pthread_mutex_lock(&book);
    struct file *file = find(fd, &mode, &size);
    if (file) tick();
    ssize_t done = syscall(number, fd, a, b, c, d, e);
    int error = errno;
    if (file && done > 0) {
        if (offset < 0) offset = syscall(SYS_lseek, fd, 0, SEEK_CUR) - done;
        dirty(file, offset, offset + done);
    }
    if (file) tick();
    pthread_mutex_unlock(&book);
    errno = error;
    return done;
}
ssize_t write(int fd, const void *p, size_t n) { return write_hook(fd, -1, SYS_write, (long)p, (long)n, 0, 0, 0); }
ssize_t writev(int fd, const struct iovec *v, int n) { return write_hook(fd, -1, SYS_writev, (long)v, n, 0, 0, 0); }
ssize_t pwrite64(int fd, const void *p, size_t n, off_t at) { return write_hook(fd, at, SYS_pwrite64, (long)p, (long)n, at, 0, 0); }
ssize_t pwrite(int fd, const void *p, size_t n, off_t at) { return pwrite64(fd, p, n, at); }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off_t at) { return write_hook(fd, at, SYS_pwritev, (long)v, n, at, 0, 0); }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) { return pwritev64(fd, v, n, at); }
ssize_t pwritev64v2(int fd, const struct iovec *v, int n, off_t at, int flags) { return write_hook(fd, at, SYS_pwritev2, (long)v, n, at, 0, flags); }
ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t at, int flags) { return pwritev64v2(fd, v, n, at, flags); }
ssize_t sendfile64(int to, int from, off_t *at, size_t n) { return write_hook(to, -1, SYS_sendfile, from, (long)at, (long)n, 0, 0); }
ssize_t sendfile(int to, int from, off_t *at, size_t n) { return sendfile64(to, from, at, n); }
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t n, unsigned flags) {
    /* The target is not the first argument: without a hook of its own a caller falls back to read and write. */
    (void)from, (void)from_at, (void)to, (void)to_at, (void)n, (void)flags;
    if (on) return errno = ENOSYS, -1;
    return syscall(SYS_copy_file_range, from, from_at, to, to_at, n, flags);
}

static int resize(int fd, off_t from, off_t to, long number, long a, long b, long c) {
    unsigned mode;
    off_t size;
    if (!on) return (int)syscall(number, fd, a, b, c);
    pthread_mutex_lock(&book);
    struct file *file = find(fd, &mode, &size);
    if (file) tick();
    int result = (int)syscall(number, fd, a, b, c), error = errno;
    if (file && result == 0) dirty(file, from, to < 0 ? size : to);
    if (file) tick();
    pthread_mutex_unlock(&book);
    errno = error;
    return result;
}
int ftruncate64(int fd, off_t size) { return resize(fd, size, -1, SYS_ftruncate, size, 0, 0); }
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
int fallocate64(int fd, int mode, off_t at, off_t n) { return resize(fd, at, mode ? at + n : at, SYS_fallocate, mode, at, n); }
int fallocate(int fd, int mode, off_t at, off_t n) { return fallocate64(fd, mode, at, n); }
int posix_fallocate64(int fd, off_t at, off_t n) { return fallocate64(fd, 0, at, n) == 0 ? 0 : errno; }
int posix_fallocate(int fd, off_t at, off_t n) { return posix_fallocate64(fd, at, n); }

static int open_hook(int dir, const char *path, int flags, unsigned permissions) {
    struct id id, parent;
    unsigned mode;
    off_t size = 0;
    text opened;
    if (!on || (flags & (O_CREAT | O_TRUNC | O_SYNC | O_DSYNC)) == 0) return (int)syscall(SYS_openat, dir, path, flags, permissions);
    pthread_mutex_lock(&book);
    int existed = syscall(SYS_faccessat, dir, path, F_OK) == 0;
    if (existed && !look(dir, path, &id, &mode, &size)) size = 0;
    int fd = (int)syscall(SYS_openat, dir, path, flags, permissions), error = errno;
    if (fd >= 0 && path_of(fd, opened)) {
        off_t now;
        struct file *file = find(fd, &mode, &now);
        if (flags & (O_DSYNC | (O_SYNC & ~O_DSYNC))) fail("O_SYNC is not modelled", opened);
        tick();
        if (file && existed && (flags & O_TRUNC)) dirty(file, 0, size);
        if (!existed) {
            text folder;
            off_t ignored;
            snprintf(folder, sizeof folder, "%s", opened);
            *strrchr(folder, '/') = 0;
            created(opened, look(AT_FDCWD, folder, &parent, &mode, &ignored), &parent);
        }
        tick();
    }
    pthread_mutex_unlock(&book);
    errno = error;
    return fd;
}
#define PERMISSIONS(flags) \
    unsigned permissions = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list list; va_start(list, flags); permissions = va_arg(list, unsigned); va_end(list); }
int open(const char *path, int flags, ...) { PERMISSIONS(flags) return open_hook(AT_FDCWD, path, flags, permissions); }
int open64(const char *path, int flags, ...) { PERMISSIONS(flags) return open_hook(AT_FDCWD, path, flags, permissions); }
int openat(int dir, const char *path, int flags, ...) { PERMISSIONS(flags) return open_hook(dir, path, flags, permissions); }
int openat64(int dir, const char *path, int flags, ...) { PERMISSIONS(flags) return open_hook(dir, path, flags, permissions); }
int creat(const char *path, mode_t mode) { return open_hook(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* Names change by the directory's sync alone; these are places to die at. */
static int name_hook(int dir, const char *path, long number, long a, long b, long c, long d, long e) {
    (void)dir;
    if (!on || strncmp(path, root, root_length) != 0) return (int)syscall(number, a, b, c, d, e);
    pthread_mutex_lock(&book);
    tick();
    int result = (int)syscall(number, a, b, c, d, e), error = errno;
    if (result == 0 && number == SYS_renameat2) {
        struct id parent;
        unsigned mode;
        off_t size;
        text folder;
        snprintf(folder, sizeof folder, "%s", path);
        *strrchr(folder, '/') = 0;
        created(path, look(AT_FDCWD, folder, &parent, &mode, &size), &parent);
    }
    tick();
    pthread_mutex_unlock(&book);
    errno = error;
    return result;
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return name_hook(b, to, SYS_renameat2, a, (long)from, b, (long)to, flags); }
int renameat(int a, const char *from, int b, const char *to) { return renameat2(a, from, b, to, 0); }
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }
int unlinkat(int dir, const char *path, int flags) { return name_hook(dir, path, SYS_unlinkat, dir, (long)path, flags, 0, 0); }
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int mkdirat(int dir, const char *path, mode_t mode) { return name_hook(dir, path, SYS_mkdirat, dir, (long)path, mode, 0, 0); }
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return name_hook(b, to, SYS_linkat, a, (long)from, b, (long)to, flags); }
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

void *mmap64(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
    unsigned mode;
    off_t size;
    if (on && fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_TYPE) != MAP_PRIVATE) {
        pthread_mutex_lock(&book);
        if (find(fd, &mode, &size)) fail("a shared writable map is not modelled", root);
        pthread_mutex_unlock(&book);
    }
    return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}
void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) { return mmap64(at, n, protection, flags, fd, offset); }
void sync(void) { if (on) fail("sync() is not modelled", root); syscall(SYS_sync); }
int syncfs(int fd) { if (on) fail("syncfs() is not modelled", root); return (int)syscall(SYS_syncfs, fd); }

__attribute__((constructor)) static void start(void) {
    const char *of_root = getenv("CITYGATE_SHIM_ROOT"), *of_shadow = getenv("CITYGATE_SHIM_SHADOW");
    const char *control = getenv("CITYGATE_SHIM_CTL"), *roll = getenv("CITYGATE_SHIM_ROLL");
    const char *delay = getenv("CITYGATE_SHIM_DELAY_US"), *relax = getenv("CITYGATE_SHIM_RELAX");
    struct id id;
    unsigned mode;
    off_t size;
    text path;
    char name[64];
    if (!of_root) return;
    if (!of_shadow || !control) fail("CITYGATE_SHIM_SHADOW and CITYGATE_SHIM_CTL are needed beside", of_root);
    if (!realpath(of_root, root) || !realpath(of_shadow, shadow)) fail("no such directory", of_root);
    if (!look(AT_FDCWD, root, &id, &mode, &size) || !S_ISDIR(mode)) fail("not a directory", root);
    root_length = strlen(root);
    if (roll) snprintf(roll_pattern, sizeof roll_pattern, "%s", roll);
    if (delay) delay_us = (unsigned)atoi(delay);
    relax_dirs = relax && !strcmp(relax, "dirs");
    snprintf(path, sizeof path, "%s/f", shadow);
    syscall(SYS_mkdirat, AT_FDCWD, path, 0755);
    snprintf(path, sizeof path, "%s/d", shadow);
    syscall(SYS_mkdirat, AT_FDCWD, path, 0755);
    visit(root, &id, mode, size);
    snprintf(path, sizeof path, "%s/root", shadow);
    int fd = sys_open(path, O_WRONLY | O_CREAT | O_TRUNC);
    id_text(&id, name);
    if (fd < 0 || syscall(SYS_write, fd, name, strlen(name)) < 0) fail("cannot write", path);
    sys_close(fd);
    fd = sys_open(control, O_RDWR);
    void *page = fd < 0 ? MAP_FAILED : (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) fail("cannot map", control);
    sys_close(fd);
    ctl = page;
}
