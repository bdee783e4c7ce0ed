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
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/stat.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX 16384 /* files seen by one process; a power of two */
#define RANGES_MAX 32   /* dirty ranges of a file before they melt into one */

/* Written by the test: arm_*, lie. Written here: the rest. */
struct control {
    uint64_t arm_ops;  /* die at this many operations from now; counted down */
    uint64_t arm_roll; /* die at this operation after the next roll began, at the directory's sync at the latest */
    uint64_t lie;      /* 1: a sync returns 0 and does nothing */
    uint64_t ops, syncs, dir_syncs, rolls, died, died_in_roll;
};
struct id { uint64_t ino; int64_t sec; uint32_t nsec; };
struct range { off_t from, to; };
struct file {
    struct id id;
    int state; /* 0 free, 1 ours, 2 not ours */
    int dirty_count;
    struct range dirty[RANGES_MAX];
};
typedef char text[4400];

static char root[3000], shadow[3000], roll_pattern[300];
static size_t root_length;
static unsigned root_major, root_minor, delay_us;
static int relax_dirs;
static struct control *ctl;
static struct file files[FILES_MAX];
static pthread_mutex_t book = PTHREAD_MUTEX_INITIALIZER;    /* all of the above */
static pthread_mutex_t syncing = PTHREAD_MUTEX_INITIALIZER; /* one sync at a time; taken before `book` */
static uint64_t roll_countdown; /* not 0: inside a roll that is to end the process */
static struct id roll_dir;
static int roll_open;

#define on (ctl != NULL)

static void fail(const char *what, const char *which) {
    dprintf(2, "shim: %s: %s (errno %d)\n", what, which, errno);
    abort();
}

/* The system calls themselves: the shim never meets its own hooks. */
static int sys_open(const char *path, int flags) { return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0644); }
static void sys_close(int fd) { syscall(SYS_close, fd); }

static const char *id_text(const struct id *id, char out[64]) {
    snprintf(out, 64, "%lx-%lx.%x", (unsigned long)id->ino, (unsigned long)id->sec, id->nsec);
    return out;
}
static int same(const struct id *a, const struct id *b) { return a->ino == b->ino && a->sec == b->sec && a->nsec == b->nsec; }

/* Identity, type and size; 0 if it cannot be known or lies on another device. */
static int look(int fd, const char *path, struct id *id, unsigned *mode, off_t *size) {
    struct statx st;
    int flags = (path[0] ? 0 : AT_EMPTY_PATH) | AT_SYMLINK_NOFOLLOW;
    if (syscall(SYS_statx, fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &st) != 0) return 0;
    if (root_length && (st.stx_dev_major != root_major || st.stx_dev_minor != root_minor)) return 0;
    if (!(st.stx_mask & STATX_BTIME)) fail("this file system tells no birth times", path);
    root_major = st.stx_dev_major;
    root_minor = st.stx_dev_minor;
    *id = (struct id){st.stx_ino, st.stx_btime.tv_sec, st.stx_btime.tv_nsec};
    *mode = st.stx_mode;
    *size = (off_t)st.stx_size;
    return 1;
}

/* Path of an open file; 0 if it is not below the root. */
static int path_of(int fd, text out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, out, sizeof(text) - 1);
    if (length < 0) return 0;
    out[length] = 0;
    return strncmp(out, root, root_length) == 0 && (out[root_length] == '/' || out[root_length] == 0);
}

/* The record of an open file below the root, else NULL. Holds `book`. */
static struct file *find(int fd, unsigned *mode, off_t *size) {
    struct id id;
    text path;
    if (!look(fd, "", &id, mode, size)) return NULL;
    if (!S_ISREG(*mode) && !S_ISDIR(*mode)) return NULL;
    for (size_t i = 0, at = (id.ino * 31 + id.nsec); i < FILES_MAX; i++, at++) {
        struct file *file = &files[at & (FILES_MAX - 1)];
        if (file->state == 0) {
            file->id = id;
            file->state = path_of(fd, path) ? 1 : 2;
        } else if (!same(&file->id, &id)) {
            continue;
        }
        return file->state == 1 ? file : NULL;
    }
    fail("too many files", "raise FILES_MAX");
    return NULL;
}

static void dirty(struct file *file, off_t from, off_t to) {
    int kept = 0;
    if (from >= to) return;
    for (int i = 0; i < file->dirty_count; i++) {
        struct range *r = &file->dirty[i];
        if ((r->from <= to && from <= r->to) || file->dirty_count == RANGES_MAX) {
            if (r->from < from) from = r->from;
            if (r->to > to) to = r->to;
        } else {
            file->dirty[kept++] = *r;
        }
    }
    file->dirty[kept++] = (struct range){from, to};
    file->dirty_count = kept;
}

static void die(int in_roll) {
    ctl->died = ctl->ops;
    ctl->died_in_roll = (uint64_t)in_roll;
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}
/* One operation: called at its beginning and at its end, with `book` held. */
static void tick(void) {
    ctl->ops++;
    if (ctl->arm_ops && --ctl->arm_ops == 0) die(0);
    if (roll_countdown && --roll_countdown == 0) die(1);
}
static void created(const char *path, int parent_known, const struct id *parent) {
    if (!roll_pattern[0] || !parent_known || strncmp(path, root, root_length) != 0) return;
    if (fnmatch(roll_pattern, path + root_length + 1, 0) != 0) return;
    ctl->rolls++;
    roll_open = 1;
    roll_dir = *parent;
    if (ctl->arm_roll) {
        roll_countdown = ctl->arm_roll;
        ctl->arm_roll = 0;
    }
}

/* Copies a range of an open file to a shadow file; holes stay holes. */
static void copy_range(int from, int to, off_t at, off_t end) {
    static char buffer[1 << 16];
    while (at < end) {
        off_t data = syscall(SYS_lseek, from, at, SEEK_DATA);
        if (data < 0 || data >= end) break;
        if (data > at) syscall(SYS_fallocate, to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, data - at);
        off_t stop = syscall(SYS_lseek, from, data, SEEK_HOLE);
        if (stop > end) stop = end;
        for (at = data; at < stop;) {
            size_t want = (size_t)(stop - at) < sizeof buffer ? (size_t)(stop - at) : sizeof buffer;
            ssize_t got = syscall(SYS_pread64, from, buffer, want, at);
            if (got <= 0 || syscall(SYS_pwrite64, to, buffer, got, at) != got) fail("cannot copy to the shadow", shadow);
            at += got;
        }
    }
    if (at < end) syscall(SYS_fallocate, to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, end - at);
}
static void persist_file(const char *real, const struct id *id, off_t size, const struct range *ranges, int count) {
    text to_path;
    char name[64];
    snprintf(to_path, sizeof to_path, "%s/f/%s", shadow, id_text(id, name));
    int from = sys_open(real, O_RDONLY), to = sys_open(to_path, O_WRONLY | O_CREAT);
    if (from < 0 || to < 0 || syscall(SYS_ftruncate, to, size) != 0) fail("cannot open the shadow of", real);
    for (int i = 0; i < count; i++)
        copy_range(from, to, ranges[i].from, ranges[i].to < size ? ranges[i].to : size);
    sys_close(from);
    sys_close(to);
}

/* Replaces SHADOW/d/<id> in one step. */
static void persist_entries(const struct id *id, const char *list, size_t length) {
    text temporary, path;
    char name[64];
    snprintf(path, sizeof path, "%s/d/%s", shadow, id_text(id, name));
    snprintf(temporary, sizeof temporary, "%s/new", shadow);
    int fd = sys_open(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0 || syscall(SYS_write, fd, list, length) != (ssize_t)length) fail("cannot write", temporary);
    sys_close(fd);
    if (syscall(SYS_renameat, AT_FDCWD, temporary, AT_FDCWD, path) != 0) fail("cannot rename to", path);
}
/* The entries of a real directory as lines; with `visit`, each is visited too (the copy at the start). */
static size_t entries(const char *path, char **list, void (*visit)(const char *, const struct id *, unsigned, off_t)) {
    FILE *out;
    size_t length = 0;
    DIR *dir = opendir(path);
    if (!dir || !(out = open_memstream(list, &length))) fail("cannot read", path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct id id;
        unsigned mode;
        off_t size;
        text child;
        char name[64];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (strchr(entry->d_name, '\n')) fail("a name with a line feed", path);
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        if (!look(AT_FDCWD, child, &id, &mode, &size)) continue; /* gone since */
        if (!S_ISREG(mode) && !S_ISDIR(mode)) fail("neither file nor directory", child);
        fprintf(out, "%c %s %s\n", S_ISDIR(mode) ? 'd' : 'f', id_text(&id, name), entry->d_name);
        if (visit) visit(child, &id, mode, size);
    }
    closedir(dir);
    fclose(out);
    return length;
}
/* What is there when the process starts is durable. */
static void visit(const char *path, const struct id *id, unsigned mode, off_t size) {
    struct range all = {0, size};
    char *list;
    if (S_ISREG(mode)) {
        persist_file(path, id, size, &all, 1);
    } else {
        size_t length = entries(path, &list, visit);
        persist_entries(id, list, length);
        free(list);
    }
}

/* As ext4 and XFS do: the names of a synced directory and of those above it. */
static void persist_names_above(const char *path) {
    text parent, list_path;
    for (snprintf(parent, sizeof parent, "%s", path); strlen(parent) > root_length;) {
        static char list[1 << 20];
        struct id id, parent_id;
        unsigned mode;
        off_t size;
        char name[64], own[400], parent_name[64];
        if (!look(AT_FDCWD, parent, &id, &mode, &size)) return;
        char *slash = strrchr(parent, '/');
        snprintf(own, sizeof own, "d %s %s\n", id_text(&id, name), slash + 1);
        *slash = 0;
        if (!look(AT_FDCWD, parent, &parent_id, &mode, &size)) return;
        snprintf(list_path, sizeof list_path, "%s/d/%s", shadow, id_text(&parent_id, parent_name));
        int fd = sys_open(list_path, O_RDONLY);
        ssize_t length = fd < 0 ? 0 : syscall(SYS_read, fd, list, sizeof list - sizeof own - 1);
        if (length < 0) fail("cannot read", list_path);
        if (fd >= 0) sys_close(fd);
        list[length] = 0;
        if (strstr(list, own)) continue;
        strcat(list, own);
        persist_entries(&parent_id, list, strlen(list));
    }
}

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
    if (delay_us) usleep(delay_us);
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
