(module (func try nop catch_all nop end))
