// What lets a program start on an older glibc than the one it is linked with. A linker binds to the newest
// version of a symbol: executables get an entry that takes the oldest one, and each `__wrap_` function stands
// in for such a symbol (--wrap) and calls what glibc had from the start, or the kernel.
//
// The rule: nothing here is newer than what Rust's standard library needs anyway. Before glibc 2.34 functions
// of threads were in a library of their own. A process that has not loaded it has no other threads, so they
// are weak, and not missed.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OLD(name, symbol) __asm__(".symver " #name "," #symbol "@GLIBC_2.2.5")

typedef void init_func(int argc, char **argv, char **envp);

void _init(void) __attribute__((visibility("hidden")));
extern init_func *__init_array_start[] __attribute__((visibility("hidden")));
extern init_func *__init_array_end[] __attribute__((visibility("hidden")));

// What start files had in them before glibc 2.34. The dynamic linker runs destructors itself.
__attribute__((used)) static void run_constructors(int argc, char **argv, char **envp) {
    _init();
    for (init_func **init = __init_array_start; init < __init_array_end; init++) (*init)(argc, argv, envp);
}

// The entry of executables, in place of that of the start files. The kernel and the dynamic linker leave the
// arguments on the stack, and in rdx what is to be called at the end.
// int __libc_start_main(main, argc, argv, init, fini, loader_fini, stack_end)
__asm__(".section .text.w2n_entry, \"ax\", @progbits\n"
        ".globl w2n_entry\n"
        ".hidden w2n_entry\n"
        ".type w2n_entry, @function\n"
        "w2n_entry:\n"
        "    xorl %ebp, %ebp\n"
        "    movq %rdx, %r9\n"
        "    popq %rsi\n"
        "    movq %rsp, %rdx\n"
        "    andq $-16, %rsp\n"
        "    pushq %rax\n"
        "    pushq %rsp\n"
        "    xorl %r8d, %r8d\n"
        "    leaq run_constructors(%rip), %rcx\n"
        "    leaq main(%rip), %rdi\n"
        "    call *start_main@GOTPCREL(%rip)\n"
        "    hlt\n"
        ".size w2n_entry, . - w2n_entry\n"
        ".symver start_main, __libc_start_main@GLIBC_2.2.5\n"
        ".text\n");

int stat_of_version(int version, const char *path, void *buffer);
OLD(stat_of_version, __xstat64);
int fstat_of_version(int version, int fd, void *buffer);
OLD(fstat_of_version, __fxstat64);

// _STAT_VER_LINUX of x86-64.
enum { STAT_VERSION = 1 };

int __wrap_stat64(const char *path, void *buffer) { return stat_of_version(STAT_VERSION, path, buffer); }

int __wrap_fstat64(int fd, void *buffer) { return fstat_of_version(STAT_VERSION, fd, buffer); }

pid_t __wrap_gettid(void) { return (pid_t)syscall(SYS_gettid); }

int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old) {
    int saved_errno = errno, status = sigprocmask(how, set, old) == 0 ? 0 : errno;
    errno = saved_errno;
    return status;
}

int key_create(pthread_key_t *key, void (*destructor)(void *)) __attribute__((weak));
OLD(key_create, __pthread_key_create);
int set_specific(pthread_key_t key, const void *value) __attribute__((weak));
OLD(set_specific, __pthread_setspecific);

// The only thread ends with the process, which runs no destructors of keys.
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *)) {
    if (key_create) return key_create(key, destructor);
    *key = 0;
    return 0;
}

int __wrap_pthread_setspecific(pthread_key_t key, const void *value) {
    return set_specific ? set_specific(key, value) : 0;
}

int get_attributes(pthread_t thread, pthread_attr_t *attributes) __attribute__((weak));
OLD(get_attributes, pthread_getattr_np);
int get_stack_end(const pthread_attr_t *attributes, void **end) __attribute__((weak));
OLD(get_stack_end, pthread_attr_getstackaddr);
int get_stack_size(const pthread_attr_t *attributes, size_t *size) __attribute__((weak));
OLD(get_stack_size, pthread_attr_getstacksize);

// Without the library of threads, attributes hold what is asked for: the stack of the only thread.
struct only_thread {
    void *start;
    size_t size;
};
_Static_assert(sizeof(struct only_thread) <= sizeof(pthread_attr_t), "attributes hold a stack");

int __wrap_pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
    // This one has no other name in glibc, and gold takes a version of a symbol for the symbol.
    if (get_attributes == __wrap_pthread_getattr_np) return ENOSYS;
    if (get_attributes) return get_attributes(thread, attributes);
    // The kernel puts the program's name at the very end of the stack.
    const uintptr_t name = getauxval(AT_EXECFN), page_mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) != 0) return errno;
    uintptr_t end = (name + page_mask) & ~page_mask;
    // spec: setrlimit, RLIM_INFINITY is larger than any address.
    if (name == 0 || limit.rlim_cur >= end) return EINVAL;
    uintptr_t size = limit.rlim_cur & ~page_mask;
    *(struct only_thread *)attributes = (struct only_thread){(void *)(end - size), size};
    return 0;
}

int __wrap_pthread_attr_getstack(const pthread_attr_t *attributes, void **start, size_t *size) {
    if (get_stack_end && get_stack_size) {
        void *end = NULL;
        int status = get_stack_size(attributes, size);
        if (status == 0) status = get_stack_end(attributes, &end);
        *start = (char *)end - *size;
        return status;
    }
    const struct only_thread *only = (const struct only_thread *)attributes;
    *start = only->start;
    *size = only->size;
    return 0;
}
