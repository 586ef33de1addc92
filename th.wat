(module (memory 1)
 (func)
 (func (drop (i32.atomic.load (i32.const 0)))))