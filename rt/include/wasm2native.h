/* wasm2native.h - load and run modules that wasm2native compiled with -shared, or provide imports in C.
 *
 * A module is a shared object with one symbol of interest, `w2n_module`. Everything else goes through
 * the table of functions that it points to, so a host links against nothing:
 *
 *     #include <dlfcn.h>
 *     #include "wasm2native.h"
 *
 *     const w2n_module_t *module = dlsym(dlopen("./add.so", RTLD_NOW | RTLD_LOCAL), "w2n_module");
 *     w2n_trap_t *trap = malloc(sizeof *trap);
 *     w2n_instance_t *instance;
 *     if (!w2n_compatible(module) || w2n_instantiate(module, NULL, 0, &instance, trap) != 0) ...
 *
 *     w2n_extern_t add;
 *     w2n_get_export(module, instance, "add", &add);
 *     w2n_slot_t slots[2];
 *     slots[0] = w2n_i32(40);
 *     slots[1] = w2n_i32(2);
 *     if (w2n_call_export(module, &add, slots, 2, trap) == 0) printf("%d\n", w2n_to_i32(slots[0]));
 *
 * Each exported function is also a C function, named after the module (its file, or --module-name) and
 * the export: `int32_t w2n_add__add(w2n_instance_t *, int32_t, int32_t)` here. Further results are stored
 * through pointers behind the parameters. After a trap the results are 0; w2n_take_trap says why. Other
 * symbols than `w2n_…` a module has none, so it never stands in for a function of another library. What is no
 * letter, digit or underscore in a name is `_xHH_` there, with its code.
 *
 * The rules:
 *   - A status is 0, the number of a trap (W2N_TRAP_*), or that of a link error (W2N_ERROR_*).
 *   - A trap ends the call, not the host: instances, that one too, can be used afterwards.
 *   - One thread at a time may use an instance and those linked with it.
 *   - Instances can be linked with each other if their modules are in the same shared object.
 *   - Host functions must return; leaving one, or a signal handler, by longjmp or an exception is undefined.
 *   - Coroutines of any kind may switch inside host functions, and be resumed on another thread. One that
 *     is given up there leaves its Wasm stack and its instances to the end of the process.
 *   - Calls from a signal handler that interrupts Wasm code are refused: W2N_ERROR_IN_SIGNAL_HANDLER, or
 *     what else means failure. Functions that only look something up can be called.
 *   - Handlers should have SA_ONSTACK. Others run on the Wasm stack, where 256 KiB are kept for them. If the
 *     kernel finds no room there for the signal, it is sent once more; where it cannot be told which signal
 *     it was, the call ends with W2N_TRAP_STACK_OVERFLOW. Those that block SIGSEGV must have SA_ONSTACK.
 *   - Wasm code has a floating-point environment of its own (MXCSR); the host's is back in host functions
 *     and behind calls. Exception flags that Wasm code raises stay raised.
 *   - A process has room for about two hundred shared objects, and for thousands of instances.
 *   - A module stays loaded: dlclose does nothing, since signal handlers and threads may refer to it.
 *   - SIGSEGV and SIGBUS are handled while modules run. Handlers installed before the first call are
 *     kept and get every fault that is not a module's; install yours before, or pass on what is not yours.
 *     Threads get a signal stack unless theirs is large enough, and again when it was taken away.
 *
 * This file is checked against the runtime by a test. C99 and C++11, 64-bit machines.
 */
#ifndef WASM2NATIVE_H
#define WASM2NATIVE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of all that follows; see w2n_compatible. */
#define W2N_ABI_VERSION 3u

/* Traps: why a call ended. */
#define W2N_TRAP_UNREACHABLE 1u
#define W2N_TRAP_MEMORY_OUT_OF_BOUNDS 2u
#define W2N_TRAP_TABLE_OUT_OF_BOUNDS 3u
#define W2N_TRAP_UNDEFINED_ELEMENT 4u
#define W2N_TRAP_UNINITIALIZED_ELEMENT 5u
#define W2N_TRAP_INDIRECT_CALL_TYPE_MISMATCH 6u
#define W2N_TRAP_INTEGER_DIVIDE_BY_ZERO 7u
#define W2N_TRAP_INTEGER_OVERFLOW 8u
#define W2N_TRAP_INVALID_CONVERSION_TO_INTEGER 9u
#define W2N_TRAP_STACK_OVERFLOW 10u
#define W2N_TRAP_HOST_ERROR 11u
#define W2N_TRAP_EXIT 12u
#define W2N_TRAP_NULL_REFERENCE 13u
#define W2N_TRAP_NULL_FUNCTION_REFERENCE 14u
#define W2N_TRAP_TIMEOUT 20u
#define W2N_TRAP_LOOP_CHECK 21u

/* Link errors: why a module could not be instantiated. */
#define W2N_ERROR_UNKNOWN_IMPORT 0x101u
#define W2N_ERROR_INCOMPATIBLE_IMPORT 0x102u
#define W2N_ERROR_OUT_OF_MEMORY 0x103u
#define W2N_ERROR_ABI_VERSION 0x104u
#define W2N_ERROR_INVALID_ARGUMENT 0x105u
#define W2N_ERROR_IN_SIGNAL_HANDLER 0x106u
#define W2N_ERROR_NO_WASI_CONTEXT 0x107u

/* Kinds of imports and exports, as in the binary format of Wasm. */
#define W2N_FUNC 0u
#define W2N_TABLE 1u
#define W2N_MEMORY 2u
#define W2N_GLOBAL 3u

/* Value types, as in the binary format of Wasm. */
#define W2N_I32 0x7fu
#define W2N_I64 0x7eu
#define W2N_F32 0x7du
#define W2N_F64 0x7cu
#define W2N_V128 0x7bu
#define W2N_FUNCREF 0x70u
#define W2N_EXTERNREF 0x6fu

/* "No such index" and "no maximum". */
#define W2N_NONE UINT32_MAX
#define W2N_NO_MAXIMUM UINT64_MAX

/* A module: constant data of its shared object. Opaque but for `api`. */
typedef struct w2n_api w2n_api_t;
typedef struct w2n_wasi_api w2n_wasi_api_t;
typedef struct w2n_module {
    uint32_t abi_version;
    uint32_t flags;
    const w2n_api_t *api;
    const w2n_wasi_api_t *wasi; /* or null if it imports nothing from WASI */
} w2n_module_t;

/* An instance, and a function in one. Opaque. */
typedef struct w2n_instance w2n_instance_t;
typedef struct w2n_func w2n_func_t;

/* Bytes, not terminated: a name, or the encoding of a function type. */
typedef struct w2n_bytes {
    const char *ptr;
    uint64_t len;
} w2n_bytes_t;

/* One argument or result: i32 and f32 in the low 4 bytes, i64 and f64 in the low 8, v128 in all 16, a
 * reference as a pointer in the first 8: a w2n_func_t, or for externref any word, 0 being null. A
 * reference of another type than the parameter or the result of a host function is refused. */
typedef struct w2n_slot {
#if defined(__cplusplus)
    alignas(16)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
    _Alignas(16)
#else
    __attribute__((aligned(16)))
#endif
    uint64_t bits[2];
} w2n_slot_t;

/* A host function. Arguments are in the slots; it stores its results over them, from slot 0 on. It
 * answers 0, or the trap that the call ends with: what api->host_error or api->exit answered, or a
 * W2N_TRAP_*. `caller` is the instance that imported it. It may call into instances again. */
typedef uint32_t (*w2n_callback_t)(void *env, w2n_instance_t *caller, w2n_slot_t *slots);

/* A function, table, memory or global of an instance. Valid while its instance is, or one that
 * imports it. */
typedef struct w2n_extern {
    uint32_t kind;          /* W2N_FUNC ... */
    uint32_t ty;            /* table, global: value type; memory: log2 of its page size */
    uint32_t flags;         /* global: 1 if mutable; table, memory: 1 if indices have 64 bits */
    uint32_t ref_type;      /* table, global: which references it takes; 0 for those of any type and null */
    void *definition;       /* func: a w2n_func_t; else opaque */
    w2n_instance_t *instance;
    w2n_bytes_t func_type;  /* func: its type: parameters, a 0 byte, results */
} w2n_extern_t;

/* w2n_import.kind */
#define W2N_IMPORT_LINKED 0u    /* what was linked into the module under that name (WASI), if anything */
#define W2N_IMPORT_HOST_FUNC 1u /* callback, env, func_type */
#define W2N_IMPORT_EXTERN 2u    /* external */

/* What the host gives for one import. All zero is valid: W2N_IMPORT_LINKED. */
typedef struct w2n_import {
    uint32_t kind;
    uint32_t reserved;
    w2n_callback_t callback;
    void *env;
    w2n_bytes_t func_type;  /* must equal the import's type; a null pointer takes any */
    w2n_extern_t external;
} w2n_import_t;

/* What a module asks for. */
typedef struct w2n_import_info {
    w2n_bytes_t module;
    w2n_bytes_t name;
    uint32_t kind;
    uint32_t ty;            /* as in w2n_extern */
    uint32_t flags;         /* as in w2n_extern */
    uint32_t linked;        /* 1 if a function for it was linked in */
    uint64_t min;           /* table: elements, memory: pages */
    uint64_t max;           /* or W2N_NO_MAXIMUM */
    w2n_bytes_t func_type;
} w2n_import_info_t;

/* What a module offers. */
typedef struct w2n_export_info {
    w2n_bytes_t name;
    uint32_t kind;
    uint32_t ty;
    uint32_t flags;
    uint32_t index;         /* in the index space of its kind */
    uint64_t min;
    uint64_t max;
    w2n_bytes_t func_type;
} w2n_export_info_t;

/* One function of a backtrace. */
typedef struct w2n_frame {
    const w2n_module_t *module; /* or null where the code is in no map */
    uint64_t pc;
    uint32_t func_index;    /* or W2N_NONE */
    uint32_t offset;        /* of the operator, in bytes from the start of the .wasm, or W2N_NONE */
} w2n_frame_t;

#define W2N_MAX_TRAP_FRAMES 64
#define W2N_MAX_TRAP_MESSAGE_BYTES 512

/* w2n_trap.flags */
#define W2N_TRAP_HAS_ADDRESS 1u /* fault_address and memory_length are known */
#define W2N_TRAP_HAS_LENGTH 2u  /* access_length is known */

/* Report of a trap or a link error: about 2 KiB, made by the host, filled in when a status is not 0. */
typedef struct w2n_trap {
    uint32_t code;          /* the status */
    uint32_t flags;
    int32_t exit_status;    /* W2N_TRAP_EXIT: the status that the program ended with */
    uint32_t frame_count;   /* in `frames` */
    uint32_t total_frame_count;
    uint32_t message_len;
    uint64_t fault_address; /* W2N_TRAP_MEMORY_OUT_OF_BOUNDS: first byte of the access, relative to the
                             * memory, may be negative; with guard pages the first byte that could not be
                             * touched */
    uint64_t access_length;
    uint64_t memory_length; /* bytes of the memory at the time */
    char message[W2N_MAX_TRAP_MESSAGE_BYTES]; /* not terminated */
    w2n_frame_t frames[W2N_MAX_TRAP_FRAMES];  /* innermost first */
} w2n_trap_t;

/* The functions. Where a w2n_trap_t is taken, null is allowed. */
struct w2n_api {
    uint32_t abi_version;
    uint32_t size;          /* of this table: later versions append */

    /* What a module asks for and offers, in its own order. Status: W2N_ERROR_INVALID_ARGUMENT past the
     * end. */
    uint32_t (*import_count)(const w2n_module_t *module);
    uint32_t (*import_at)(const w2n_module_t *module, uint32_t index, w2n_import_info_t *info);
    uint32_t (*export_count)(const w2n_module_t *module);
    uint32_t (*export_at)(const w2n_module_t *module, uint32_t index, w2n_export_info_t *info);

    /* Makes an instance and runs its start function. imports[i] is for import i; those past
     * import_count are W2N_IMPORT_LINKED. All imports are checked before anything is written.
     * *instance is null unless the status is 0. More imports than the module has, or one of no known
     * kind: W2N_ERROR_INVALID_ARGUMENT. */
    uint32_t (*instantiate)(const w2n_module_t *module, const w2n_import_t *imports, uint32_t import_count,
                            w2n_instance_t **instance, w2n_trap_t *trap);
    /* Gives an instance up: nothing of it may be used afterwards. It is freed when those linked with it are
     * given up as well, and calls into them that are under way have ended. */
    void (*instance_drop)(w2n_instance_t *instance);
    /* 1 and *out, or 0 if the instance exports nothing of this name. */
    uint32_t (*get_export)(w2n_instance_t *instance, const char *name, uint64_t name_len, w2n_extern_t *out);

    /* Calls a function. The slots hold the arguments and take the results, whichever are more; fewer
     * slots than that: W2N_ERROR_INVALID_ARGUMENT. Status. */
    uint32_t (*call)(const w2n_func_t *func, w2n_slot_t *slots, uint32_t slot_count, w2n_trap_t *trap);
    /* Type of a function: bytes of value types: parameters, a 0, results. */
    w2n_bytes_t (*func_type)(const w2n_func_t *func);

    /* Memories. The data never moves; its size only grows. Growth: old size in pages, or -1. */
    uint8_t *(*memory_data)(const w2n_extern_t *memory);
    uint64_t (*memory_size)(const w2n_extern_t *memory);
    int64_t (*memory_grow)(const w2n_extern_t *memory, uint64_t delta_pages);

    /* Tables. Status: W2N_TRAP_TABLE_OUT_OF_BOUNDS, or W2N_ERROR_INVALID_ARGUMENT for a function of
     * another shared object. Growth: old size in elements, or -1. */
    uint64_t (*table_size)(const w2n_extern_t *table);
    uint32_t (*table_get)(const w2n_extern_t *table, uint64_t index, w2n_slot_t *value);
    uint32_t (*table_set)(const w2n_extern_t *table, uint64_t index, const w2n_slot_t *value);
    int64_t (*table_grow)(const w2n_extern_t *table, uint64_t delta, const w2n_slot_t *value);

    /* Globals. Status: W2N_ERROR_INVALID_ARGUMENT when an immutable one is set, or one of functions to
     * a function of another shared object. */
    uint32_t (*global_get)(const w2n_extern_t *global, w2n_slot_t *value);
    uint32_t (*global_set)(const w2n_extern_t *global, const w2n_slot_t *value);

    /* The report as text, with its backtrace: lines, not terminated. Writes at most `capacity` bytes,
     * answers how many there are. */
    uint64_t (*trap_message)(const w2n_trap_t *trap, char *buffer, uint64_t capacity);
    /* For host functions: `return api->host_error("disk full", 9);`, `return api->exit(0);` */
    uint32_t (*host_error)(const char *message, uint64_t message_len);
    uint32_t (*exit)(int32_t status);
    /* Takes the trap that ended the last call of one of the instance's C functions: the status of that
     * call. *trap is written unless it was 0. A second call answers 0. */
    uint32_t (*take_trap)(w2n_instance_t *instance, w2n_trap_t *trap);
};

/* WASI: what a module that imports from `wasi_snapshot_preview1` (or `wasi_unstable`) may use. The
 * functions are linked into it; they work on a context, which the host makes (w2n_wasi_new) and gives to
 * its instances (w2n_wasi_instantiate). `proc_exit` ends the call with W2N_TRAP_EXIT, not the process. A
 * reactor's `_initialize` is called by the host, as a command's `_start` is. One thread at a time may use the
 * instances of a context. A host may give WASI functions of its own, as W2N_IMPORT_HOST_FUNC. */
typedef struct w2n_wasi w2n_wasi_t;

/* w2n_wasi_stream.kind */
#define W2N_WASI_STREAM_NONE 0u       /* reading answers the end, what is written is dropped */
#define W2N_WASI_STREAM_DESCRIPTOR 1u /* a descriptor of the host's, which it keeps open and closes itself */
#define W2N_WASI_STREAM_BYTES 2u      /* input: bytes, copied; output: kept, w2n_wasi_take_output */
#define W2N_WASI_STREAM_CALLBACK 3u   /* the host's function reads or writes */

/* w2n_wasi_config.flags */
#define W2N_WASI_ALLOW_ESCAPES 1u /* escape sequences reach a terminal as they are; made visible otherwise */

/* Reads into, or writes from, `len` bytes: how many, 0 at the end, less than 0 for an error. The time of a
 * clock (0 realtime, 1 monotonic, 2 process, 3 thread) in nanoseconds. Fills `len` bytes: 0, or anything
 * else for an error. */
typedef int64_t (*w2n_wasi_stream_callback_t)(void *env, uint8_t *bytes, uint64_t len);
typedef uint64_t (*w2n_wasi_clock_callback_t)(void *env, uint32_t clock);
typedef uint32_t (*w2n_wasi_random_callback_t)(void *env, uint8_t *bytes, uint64_t len);

/* A standard stream. */
typedef struct w2n_wasi_stream {
    uint32_t kind;
    int32_t descriptor;
    w2n_bytes_t bytes;
    w2n_wasi_stream_callback_t callback;
    void *env;
} w2n_wasi_stream_t;

/* A directory. */
typedef struct w2n_wasi_dir {
    const char *host;
    const char *guest;  /* the name that the guest sees, or null for the host's */
    uint32_t read_only; /* 1 if nothing in it may be changed */
    uint32_t reserved;
} w2n_wasi_dir_t;

/* What a guest gets: nothing, where all is zero but the size. */
typedef struct w2n_wasi_config {
    uint64_t size;                /* sizeof(w2n_wasi_config_t) */
    const char *const *args;      /* the program's name first */
    uint64_t arg_count;
    const char *const *env;       /* KEY=VALUE */
    uint64_t env_count;
    const w2n_wasi_dir_t *dirs;
    uint64_t dir_count;
    w2n_wasi_stream_t streams[3]; /* standard input, output, error */
    uint64_t max_fds;             /* descriptors open at a time; 0: no limit */
    uint32_t flags;
    uint32_t reserved;
    w2n_wasi_clock_callback_t clock; /* or null for the machine's clocks */
    void *clock_env;
    w2n_wasi_random_callback_t random; /* or null for the machine's generator */
    void *random_env;
} w2n_wasi_config_t;

/* The functions. */
struct w2n_wasi_api {
    uint32_t abi_version;
    uint32_t size;          /* of this table: later versions append */

    /* Makes a context; null after a failure, with the reason in `message`, not terminated, the rest of it
     * 0. What the configuration points to is copied. */
    w2n_wasi_t *(*make)(const w2n_wasi_config_t *config, char *message, uint64_t capacity);
    /* Gives a context up: closes what the guest has open. Its instances are given up before. Status:
     * W2N_ERROR_INVALID_ARGUMENT while a call is in it; it stays then. */
    uint32_t (*discard)(w2n_wasi_t *wasi);
    /* Takes what the guest has written to standard output (1) or error (2) where they are
     * W2N_WASI_STREAM_BYTES: moves at most `capacity` bytes, answers how many there were. */
    uint64_t (*take_output)(w2n_wasi_t *wasi, uint32_t stream, char *buffer, uint64_t capacity);
    /* As w2n_api.instantiate; imports that are linked to WASI work on `wasi`. */
    uint32_t (*instantiate)(const w2n_module_t *module, const w2n_import_t *imports, uint32_t import_count,
                            w2n_wasi_t *wasi, w2n_instance_t **instance, w2n_trap_t *trap);
};

/* The same table by name, for C code that is linked with modules: `wasm2native app.wasm host.c -o app`.
 * A function that a module imports, `f` from `m` say, is the C function
 *
 *     int32_t m_f(w2n_instance_t *caller, int64_t parameter, double *second_result);
 *
 * typed as an export is (see above), or, where the C library has that name, `w2n_m__f`. It is not checked
 * that its type is the import's; messages about imports that are missing show the type. It cannot trap. */
extern const w2n_api_t w2n_api;

/* Whoever makes a module chooses what it imports, so a function is there for it only if the program offers
 * it: all functions of sources (.c, .cpp) and objects (.o) on the command line, unless they are static,
 * hidden or weak; of archives and shared libraries those with this word in front of them,
 *
 *     W2N_EXPORT_TO_GUEST int32_t m_f(w2n_instance_t *caller) { ... }
 *
 * (in C++ behind `extern "C"`), or named by --provide=m_f. `wasm2native -v` says what imports became. */
#define W2N_EXPORT_TO_GUEST __attribute__((section("w2n_exports"), visibility("default"), used))

/* Whether this header and the module's runtime understand each other. Ask before anything else. */
static inline int w2n_compatible(const w2n_module_t *module) {
    return module != NULL && module->api != NULL && module->abi_version == W2N_ABI_VERSION &&
           module->api->abi_version == W2N_ABI_VERSION && module->api->size >= sizeof(w2n_api_t);
}

/* See w2n_api.instantiate and w2n_api.instance_drop. */
static inline uint32_t w2n_instantiate(const w2n_module_t *module, const w2n_import_t *imports,
                                       uint32_t import_count, w2n_instance_t **instance, w2n_trap_t *trap) {
    return module->api->instantiate(module, imports, import_count, instance, trap);
}
static inline void w2n_instance_drop(const w2n_module_t *module, w2n_instance_t *instance) {
    module->api->instance_drop(instance);
}

/* The functions of w2n_wasi_api, also for a module that imports nothing from WASI: it has no context. */
static inline w2n_wasi_t *w2n_wasi_new(const w2n_module_t *module, const w2n_wasi_config_t *config,
                                       char *message, uint64_t capacity) {
    return module->wasi != NULL ? module->wasi->make(config, message, capacity) : NULL;
}
static inline uint32_t w2n_wasi_delete(const w2n_module_t *module, w2n_wasi_t *wasi) {
    return module->wasi != NULL ? module->wasi->discard(wasi) : 0;
}
static inline uint64_t w2n_wasi_take_output(const w2n_module_t *module, w2n_wasi_t *wasi, uint32_t stream,
                                            char *buffer, uint64_t capacity) {
    return module->wasi != NULL ? module->wasi->take_output(wasi, stream, buffer, capacity) : 0;
}
static inline uint32_t w2n_wasi_instantiate(const w2n_module_t *module, const w2n_import_t *imports,
                                            uint32_t count, w2n_wasi_t *wasi, w2n_instance_t **instance,
                                            w2n_trap_t *trap) {
    return module->wasi == NULL ? module->api->instantiate(module, imports, count, instance, trap)
                                : module->wasi->instantiate(module, imports, count, wasi, instance, trap);
}

/* Position of an import, or W2N_NONE. */
static inline uint32_t w2n_find_import(const w2n_module_t *module, const char *from, const char *name) {
    w2n_import_info_t info;
    uint32_t index;
    for (index = 0; module->api->import_at(module, index, &info) == 0; index++) {
        if (info.module.len == strlen(from) && memcmp(info.module.ptr, from, info.module.len) == 0 &&
            info.name.len == strlen(name) && memcmp(info.name.ptr, name, info.name.len) == 0) {
            return index;
        }
    }
    return W2N_NONE;
}

/* See w2n_api.get_export; for names without a 0 byte. */
static inline uint32_t w2n_get_export(const w2n_module_t *module, w2n_instance_t *instance, const char *name,
                                      w2n_extern_t *out) {
    return module->api->get_export(instance, name, strlen(name), out);
}

/* Calls an exported function, see w2n_api.call, and w2n_api.take_trap. */
static inline uint32_t w2n_call_export(const w2n_module_t *module, const w2n_extern_t *func,
                                       w2n_slot_t *slots, uint32_t slot_count, w2n_trap_t *trap) {
    const void *definition = func != NULL && func->kind == W2N_FUNC ? func->definition : NULL;
    return module->api->call((const w2n_func_t *)definition, slots, slot_count, trap);
}
static inline uint32_t w2n_take_trap(const w2n_module_t *module, w2n_instance_t *instance, w2n_trap_t *trap) {
    return module->api->take_trap(instance, trap);
}

/* `len` bytes at `address` in the memory that `instance` exports as "memory", or null unless all of them
 * are there. A guest's address is not to be trusted: use no other way to its memory. `api` is &w2n_api, or
 * the module's. The bytes stay where they are as long as the instance lives. */
static inline uint8_t *w2n_bytes_at(const w2n_api_t *api, w2n_instance_t *instance, uint64_t address,
                                    uint64_t len) {
    w2n_extern_t memory;
    uint64_t size;
    if (!api->get_export(instance, "memory", 6, &memory) || memory.kind != W2N_MEMORY) {
        return NULL;
    }
    size = api->memory_size(&memory);
    return len <= size && address <= size - len ? api->memory_data(&memory) + address : NULL;
}

/* Values into slots and out of them. */
static inline w2n_slot_t w2n_i64(int64_t value) {
    w2n_slot_t slot;
    slot.bits[0] = (uint64_t)value;
    slot.bits[1] = 0;
    return slot;
}
static inline w2n_slot_t w2n_i32(int32_t value) { return w2n_i64((int64_t)(uint32_t)value); }
static inline w2n_slot_t w2n_f32(float value) {
    w2n_slot_t slot = w2n_i64(0);
    memcpy(slot.bits, &value, sizeof value);
    return slot;
}
static inline w2n_slot_t w2n_f64(double value) {
    w2n_slot_t slot = w2n_i64(0);
    memcpy(slot.bits, &value, sizeof value);
    return slot;
}
static inline w2n_slot_t w2n_ref(const void *value) { return w2n_i64((int64_t)(uintptr_t)value); }
static inline int32_t w2n_to_i32(w2n_slot_t slot) { return (int32_t)(uint32_t)slot.bits[0]; }
static inline int64_t w2n_to_i64(w2n_slot_t slot) { return (int64_t)slot.bits[0]; }
static inline float w2n_to_f32(w2n_slot_t slot) {
    float value;
    memcpy(&value, slot.bits, sizeof value);
    return value;
}
static inline double w2n_to_f64(w2n_slot_t slot) {
    double value;
    memcpy(&value, slot.bits, sizeof value);
    return value;
}
static inline void *w2n_to_ref(w2n_slot_t slot) { return (void *)(uintptr_t)slot.bits[0]; }

#ifdef __cplusplus
}
#endif
#endif
