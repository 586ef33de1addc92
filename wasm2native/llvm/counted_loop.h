//! What the loops of `WrapVersioning` look like, for the passes that go on with them.
#pragma once

#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"

namespace w2n {

/// `pointer + iteration * step`, in the form that becomes an addressing mode of the machine.
///
/// All our pointers are user-space addresses (below 2^57) and all distances below 2^34, so the sum does
/// not wrap; a negative step takes away what is part of `pointer`.
inline llvm::Value *advance(llvm::Value *pointer, llvm::Value *iteration, int64_t step,
                            llvm::IRBuilderBase &builder) {
    using llvm::GEPNoWrapFlags;
    bool isRising = step > 0;
    llvm::Type *element = llvm::ArrayType::get(builder.getInt8Ty(), uint64_t(isRising ? step : -step));
    llvm::Value *index = isRising ? iteration : builder.CreateNeg(iteration, "backwards", true);
    auto noWrap = isRising ? GEPNoWrapFlags::noUnsignedWrap() | GEPNoWrapFlags::noUnsignedSignedWrap()
                           : GEPNoWrapFlags::noUnsignedSignedWrap();
    return builder.CreateGEP(element, pointer, index, "moving", noWrap);
}

} // namespace w2n
