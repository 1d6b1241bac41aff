#include "gossip/sketch.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "gossip/check.h"
#include "gossip/hash.h"

namespace gossip {
namespace {

// The walk of the paper: from cell i, with r uniform in [0, 2^64), go on by
//
//     step = ceil((i + 1.5) * (2^32 / sqrt(r) - 1))
//
// which makes the chance of visiting cell i 1 / (1 + i / 2). We need the same cells on every
// machine, so f = 2^32 / sqrt(r) is computed in fixed point with 32 fractional bits. With
// r = m / 4^k and m in [2^62, 2^64), f is 2^k * 2^32 / sqrt(m), and the latter, in (1, 2], comes
// from a table over the top 10 bits of m, interpolated: relative error at most 1.5e-6.
//
// These numbers are part of the protocol: sketch_test.cpp holds golden cells.

constexpr std::uint64_t kMultiplier = 0xda942042e4dd58b5ULL;
constexpr std::uint64_t kOne = std::uint64_t{1} << 32;
constexpr std::uint64_t kEnd = std::uint64_t{1} << 31;  // no sketch is that long

constexpr std::size_t kFirstTop = 256;  // the least top 10 bits of m
constexpr std::size_t kTops = 768;

// floor(sqrt(n)), bit by bit.
constexpr std::uint64_t integer_sqrt(std::uint64_t n) {
    std::uint64_t root = 0;
    for (std::uint64_t bit = std::uint64_t{1} << 31; bit != 0; bit >>= 1) {
        if ((root | bit) * (root | bit) <= n) root |= bit;
    }
    return root;
}

// roots[j] = 2^32 * 2^32 / sqrt((kFirstTop + j) << 54).
constexpr auto make_roots() {
    std::array<std::uint64_t, kTops + 1> roots{};
    for (std::size_t j = 0; j <= kTops; ++j) {
        // sqrt of top << 52 is below 2^31 and has 26 fractional bits; 2^37 / sqrt(top) follows.
        const std::uint64_t root = integer_sqrt((std::uint64_t{kFirstTop} + j) << 52);
        roots[j] = (std::uint64_t{1} << 63) / root;
    }
    return roots;
}
constexpr auto kRoots = make_roots();
static_assert(kRoots.front() == 2 * kOne && kRoots.back() == kOne);

// Falls strictly, so that the interpolated value stays above kOne and every step is at least 1.
static_assert(std::ranges::adjacent_find(kRoots, std::ranges::less_equal{}) == kRoots.end());

inline Cell cell_of(std::uint64_t digest) {
    return {static_cast<std::uint32_t>(digest), static_cast<std::uint32_t>(digest >> 32),
            check_of(digest)};
}

inline bool pure(const Cell& cell) {
    return cell.digests() != 0 && cell.check == check_of(cell.digests());
}

}  // namespace

std::uint32_t check_of(std::uint64_t digest) {
    return static_cast<std::uint32_t>(mix64(digest ^ 0x9e3779b97f4a7c15ULL) >> 32);
}

void Cell::toggle(std::uint64_t digest) {
    *this ^= cell_of(digest);
}

CellWalk::CellWalk(std::uint64_t digest) : random_(mix64(digest) | 1) {}

void CellWalk::next() {
    random_ *= kMultiplier;  // stays odd
    const int zeros = std::countl_zero(random_);
    const int k = zeros / 2;
    if (k == 31 || cell_ >= kEnd) {
        cell_ = kEnd;
        return;
    }
    const std::uint64_t m = random_ << (2 * k);
    const std::size_t top = (m >> 54) - kFirstTop;
    const std::uint64_t fraction = (m >> 22) & (kOne - 1);
    const std::uint64_t root = kRoots[top] - (((kRoots[top] - kRoots[top + 1]) * fraction) >> 32);
    const std::uint64_t excess = (root << k) - kOne;  // f - 1
    // ceil of (2i + 3) * excess / 2, in halves of 32 bits so that nothing overflows. (An exact
    // whole number is stepped past by one; that is as good.)
    const std::uint64_t scale = 2 * cell_ + 3;
    const std::uint64_t product = scale * (excess >> 32) + ((scale * (excess & (kOne - 1))) >> 32);
    cell_ = std::min(kEnd, cell_ + product / 2 + 1);
}

Sketch::Sketch(std::uint32_t cells) : cells_(cells) {
    CHECK(cells > 0 && cells < kEnd);
}

void Sketch::toggle(std::uint64_t digest) {
    const Cell item = cell_of(digest);
    const std::size_t size = cells_.size();
    for (CellWalk walk{digest}; walk.cell() < size; walk.next()) cells_[walk.cell()] ^= item;
}

void Peeler::add(std::span<const Cell> difference) {
    const std::size_t first = cells_.size();
    cells_.insert(cells_.end(), difference.begin(), difference.end());
    if (difference.empty()) return;
    // What is known already, is taken out of the new cells.
    const std::size_t last_list = std::min(lists_.size(), (cells_.size() - 1) / kListCells + 1);
    for (std::size_t list = first / kListCells; list < last_list; ++list) {
        for (std::uint32_t i = std::exchange(lists_[list], 0); i != 0;) {
            const std::uint32_t next = known_[i - 1].next;
            advance(i - 1, [&](Cell& cell, const Cell& item) { cell ^= item; });
            i = next;
        }
    }
    for (std::size_t i = first; i < cells_.size(); ++i) {
        if (cells_[i].empty()) continue;
        ++nonempty_;
        if (pure(cells_[i])) queue_.push_back(static_cast<std::uint32_t>(i));
    }
    peel();
}

// Each digest of a true difference empties the cell it was found in for good, so there are never
// more digests than cells: beyond that the cells are not a difference of sketches.
void Peeler::peel() {
    while (!queue_.empty() && digests_.size() < cells_.size()) {
        const Cell item = cells_[queue_.back()];
        queue_.pop_back();
        if (!pure(item)) continue;  // resolved by way of another cell
        const std::uint64_t digest = item.digests();
        digests_.push_back(digest);
        known_.push_back({CellWalk{digest}, item, 0});
        advance(known_.size() - 1, [this](Cell& cell, const Cell& taken) {
            if (cell.empty()) ++nonempty_;
            cell ^= taken;
            if (cell.empty()) {
                --nonempty_;
            } else if (pure(cell)) {
                queue_.push_back(static_cast<std::uint32_t>(&cell - cells_.data()));
            }
        });
    }
}

// Visits the cells of a known digest that have arrived, then files it under the one that has not.
template <class Visit>
void Peeler::advance(std::size_t index, Visit visit) {
    Known& known = known_[index];
    CellWalk walk = known.walk;
    for (; walk.cell() < cells_.size(); walk.next()) visit(cells_[walk.cell()], known.item);
    known.walk = walk;
    const std::size_t list = walk.cell() / kListCells;
    if (list >= kMaxLists) return;
    if (list >= lists_.size()) lists_.resize(list + 1);
    known.next = std::exchange(lists_[list], static_cast<std::uint32_t>(index + 1));
}

}  // namespace gossip
