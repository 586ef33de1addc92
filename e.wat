(module
  (func)
	(func $wrong (result i32)
    i64.const 1
    nop))