/* Records what a program writes to the files of one directory, and what it syncs.
 *
 * Loaded with LD_PRELOAD. RECORDED_DIRECTORY is the directory, RECORD_FILE the file to append records
 * to. A sync only takes time: the simulated disk is the record. Files named `…-shm` are left out,
 * since SQLite builds them anew after a crash. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATE = 1, WRITE, TRUNCATE, SYNC, UNLINK };

/* Followed by `length` bytes: of the name, or written. The offset of a sync is the length of the
 * record file when it began. */
struct record {
    uint64_t kind, file, offset, length;
};

#define FILES 65536

/* The inodes of the recorded files by descriptor; 0 if it is not recorded. */
static uint64_t inodes[FILES];
static int record_file = -1;
static const char *directory;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(function) ((__typeof__(function) *)dlsym(RTLD_NEXT, #function))

__attribute__((constructor)) static void start(void) {
    const char *file = getenv("RECORD_FILE");
    directory = getenv("RECORDED_DIRECTORY");
    if (file != NULL && directory != NULL)
        record_file = REAL(open)(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The caller holds the lock. */
static void append(enum kind kind, uint64_t file, uint64_t offset, const void *data, size_t length) {
    struct record record = {kind, file, offset, length};
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)data, length}};
    if (writev(record_file, parts, 2) != (ssize_t)(sizeof record + length))
        abort();
}

static uint64_t recorded(int fd) {
    return fd >= 0 && fd < FILES ? inodes[fd] : 0;
}

/* Returns the part of a path after the directory, or NULL if the file is not recorded. */
static const char *name_in_directory(const char *path) {
    if (record_file < 0)
        return NULL;
    size_t length = strlen(directory), end = strlen(path);
    if (strncmp(path, directory, length) != 0 || (path[length] != '/' && path[length] != 0))
        return NULL;
    if (end >= 4 && strcmp(path + end - 4, "-shm") == 0)
        return NULL;
    return path[length] == 0 ? path + length : path + length + 1;
}

static int open_recorded(const char *path, int flags, mode_t mode) {
    const char *name = name_in_directory(path);
    if (name == NULL)
        return REAL(open)(path, flags, mode);
    pthread_mutex_lock(&lock);
    int existed = access(path, F_OK) == 0;
    int fd = REAL(open)(path, flags, mode);
    struct stat status;
    if (fd >= 0 && fd < FILES && fstat(fd, &status) == 0) {
        inodes[fd] = status.st_ino;
        if (!existed)
            append(CREATE, status.st_ino, 0, name, strlen(name));
        else if (flags & O_TRUNC)
            append(TRUNCATE, status.st_ino, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(function)                                  \
    int function(const char *path, int flags, ...) {    \
        va_list arguments;                              \
        va_start(arguments, flags);                     \
        mode_t mode = va_arg(arguments, mode_t);        \
        va_end(arguments);                              \
        return open_recorded(path, flags, mode);        \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (recorded(fd) != 0)
        inodes[fd] = 0;
    return REAL(close)(fd);
}

ssize_t write(int fd, const void *data, size_t length) {
    uint64_t inode = recorded(fd);
    if (inode == 0)
        return REAL(write)(fd, data, length);
    pthread_mutex_lock(&lock);
    ssize_t written = REAL(write)(fd, data, length);
    if (written > 0)
        append(WRITE, inode, lseek(fd, 0, SEEK_CUR) - written, data, written);
    pthread_mutex_unlock(&lock);
    return written;
}

static ssize_t pwrite_recorded(int fd, const void *data, size_t length, off_t offset) {
    uint64_t inode = recorded(fd);
    if (inode == 0)
        return REAL(pwrite)(fd, data, length, offset);
    pthread_mutex_lock(&lock);
    ssize_t written = REAL(pwrite)(fd, data, length, offset);
    if (written > 0)
        append(WRITE, inode, offset, data, written);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    return pwrite_recorded(fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset) {
    return pwrite_recorded(fd, data, length, offset);
}

static int truncate_recorded(int fd, off_t length) {
    uint64_t inode = recorded(fd);
    if (inode == 0)
        return REAL(ftruncate)(fd, length);
    pthread_mutex_lock(&lock);
    int result = REAL(ftruncate)(fd, length);
    if (result == 0)
        append(TRUNCATE, inode, length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t length) {
    return truncate_recorded(fd, length);
}

int ftruncate64(int fd, off_t length) {
    return truncate_recorded(fd, length);
}

/* Only what was written before a sync began is durable after it. */
static int sync_recorded(int fd, int (*real)(int)) {
    uint64_t inode = recorded(fd);
    if (inode == 0)
        return real(fd);
    pthread_mutex_lock(&lock);
    uint64_t before = lseek(record_file, 0, SEEK_END);
    pthread_mutex_unlock(&lock);
    usleep(1000);
    pthread_mutex_lock(&lock);
    append(SYNC, inode, before, NULL, 0);
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int fd) {
    return sync_recorded(fd, REAL(fsync));
}

int fdatasync(int fd) {
    return sync_recorded(fd, REAL(fdatasync));
}

int unlink(const char *path) {
    const char *name = name_in_directory(path);
    if (name == NULL)
        return REAL(unlink)(path);
    pthread_mutex_lock(&lock);
    int result = REAL(unlink)(path);
    if (result == 0)
        append(UNLINK, 0, 0, name, strlen(name));
    pthread_mutex_unlock(&lock);
    return result;
}
