//! All passes as one translation unit: most of the time of a build goes into LLVM's headers.
//!
//! The rule: names in anonymous namespaces are unique among all of these files.

#ifdef NDEBUG
#error "the assertions of the headers are part of what keeps the passes sound: see build.rs"
#endif

#include "access_locations.cpp"
#include "address_group.cpp"
#include "address_rewriter.cpp"
#include "alias_versioning.cpp"
#include "bound.cpp"
#include "certain_loads.cpp"
#include "copies.cpp"
#include "dispatch_threading.cpp"
#include "dominated_checks.cpp"
#include "equal_values.cpp"
#include "erase.cpp"
#include "extended_indices.cpp"
#include "huge_functions.cpp"
#include "kept_accesses.cpp"
#include "linear_memory.cpp"
#include "loop_checks.cpp"
#include "pipeline.cpp"
#include "processors.cpp"
#include "promotion.cpp"
#include "relaxed_accesses.cpp"
#include "remark.cpp"
#include "removable_checks.cpp"
#include "reroll.cpp"
#include "shards.cpp"
#include "verify.cpp"
#include "wrap_versioning.cpp"
