//! Replaces the 32-bit addresses of a fast loop by 64-bit ones.
//!
//! The rule to know: what is formed is `pointer + lowestStart + iteration * step + distance`, which the
//! proof in address_group.cpp shows to be the guest's address.
#pragma once

#include "address_group.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Analysis/LoopInfo.h"

namespace w2n {

/// `user`, if it is a GEP that adds the member's extended index to a pointer that is fixed in `loop`.
llvm::GetElementPtrInst *addressOf(llvm::User *user, const Member &member, const llvm::Loop &loop);

/// Rewrites the addresses of one group in a loop that is only entered if none of them wraps.
class AddressRewriter {
public:
    /// `iteration` counts from 0 in 64 bits; `reach` are the bytes that an address advances in the whole
    /// loop, where they are known.
    AddressRewriter(llvm::Loop &loop, const AddressGroup &group, llvm::Value *lowestStart,
                    llvm::PHINode *iteration, std::optional<uint64_t> reach);

    /// All users get the 64-bit addresses. What has lost them is left in `unused`, and nothing is deleted:
    /// an extension of this group may be part of what an index of this or another group is computed from.
    void rewrite(llvm::SmallVectorImpl<llvm::WeakTrackingVH> &unused);

private:
    /// A pointer made by the guest: `root + lowestStart + iteration * step + distance`.
    struct Address {
        llvm::GetElementPtrInst *pointer;
        llvm::Value *root;
        int64_t distance;
        bool isStored;
        /// Which of the arrays below the same root it seems to belong to.
        unsigned array = 0;
    };

    void collect(llvm::GetElementPtrInst *pointer, llvm::Value *root, int64_t distance);
    void tellArraysApart();
    bool isFar(int64_t gap) const;
    void rewriteAddress(const Address &address);
    void rewriteNumber(llvm::ZExtInst &extension, int64_t distance);
    llvm::Value *baseFor(const Address &address);

    llvm::Loop &loop;
    const AddressGroup &group;
    llvm::Value *lowestStart;
    llvm::PHINode *iteration;
    std::optional<uint64_t> reach;
    llvm::Instruction *preheader;
    llvm::SmallVector<Address, 16> addresses;
    /// The pointer to each array's lowest address in iteration 0, and that address' distance.
    llvm::SmallDenseMap<std::pair<llvm::Value *, unsigned>, std::pair<llvm::Value *, int64_t>> bases;
};

} // namespace w2n
