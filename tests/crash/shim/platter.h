/* The model: which bytes are dirty, and how they get to the platter. See shim.c for the picture. */
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

/* Written by the test: arm_*, lie, delay_us. Written here: the rest. */
struct control {
    uint64_t arm_ops;  /* die at this many operations from now; counted down */
    uint64_t arm_roll; /* die at this operation after the next roll began, at the directory's sync at the latest */
    uint64_t lie;      /* 1: a sync returns 0 and does nothing */
    uint64_t ops, syncs, dir_syncs, rolls, died, died_in_roll;
    uint64_t delay_us; /* of a sync, in place of the environment's */
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
