//! Says of each machine instruction that accesses memory which operator it is.
#pragma once

extern "C" {

/// Adds the pass to code generation from now on. To be called once, before any code is generated.
void w2n_keep_access_locations();
}
