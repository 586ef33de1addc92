(module (import "lib" "f" (func $f (result i32))) (func (export "main") (result i32) call $f))
