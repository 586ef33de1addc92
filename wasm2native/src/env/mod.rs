//! What a function body may look up while it is translated; no operators here.

pub mod alias;
pub mod branch_weight;
pub mod constant_table;
pub mod debug;
pub mod intrinsic;
pub mod layout;
pub mod module_env;
pub mod place;
pub mod runtime;
pub mod symbol;
pub mod tail;
pub mod types;
pub mod vector_unit;
pub mod width;

pub use alias::AliasClass;
pub use module_env::ModuleEnv;
