#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gossip {

// One cell of a rateless IBLT (Yang, Gilad, Alizadeh: Practical Rateless Set Reconciliation,
// SIGCOMM 2024) without its count, which a decoder that holds one of the sets does not need.
// 12 bytes in memory and on the wire.
struct Cell {
    std::uint32_t low = 0;  // XOR of the digests, in halves so that a cell has no padding
    std::uint32_t high = 0;
    std::uint32_t check = 0;  // XOR of their checks

    [[nodiscard]] std::uint64_t digests() const { return (std::uint64_t{high} << 32) | low; }
    [[nodiscard]] bool empty() const { return (low | high | check) == 0; }
    void toggle(std::uint64_t digest);
    void operator^=(const Cell& other) {
        low ^= other.low;
        high ^= other.high;
        check ^= other.check;
    }
    bool operator==(const Cell&) const = default;
};
constexpr std::size_t kCellBytes = 12;
static_assert(sizeof(Cell) == kCellBytes);

// 32 bits that a peeled digest has to match: an independent mix of the digest.
[[nodiscard]] std::uint32_t check_of(std::uint64_t digest);

// The cells that a digest belongs to: 0, and then with probability 1 / (1 + i / 2) cell i.
// Integers only, so that every platform walks alike: see sketch.cpp.
class CellWalk {
  public:
    explicit CellWalk(std::uint64_t digest);
    [[nodiscard]] std::uint64_t cell() const { return cell_; }
    void next();

  private:
    std::uint64_t random_;
    std::uint64_t cell_ = 0;
};

// The first M cells of the rateless IBLT of a set of digests. Linear: a function of the set alone,
// whatever the order of operations. Cell 0 is the fingerprint of the set. Equal fingerprints mean
// equal sets except with probability 2^-96 under keyed digests.
class Sketch {
  public:
    explicit Sketch(std::uint32_t cells);
    // Adds the digest, or removes it if it is in the set. About 2 ln(M / 2) cells: 100-150 ns.
    void toggle(std::uint64_t digest);
    [[nodiscard]] const Cell& fingerprint() const { return cells_[0]; }
    [[nodiscard]] std::span<const Cell> cells() const { return cells_; }
    bool operator==(const Sketch&) const = default;

  private:
    std::vector<Cell> cells_;
};

// Decodes a set difference from a growing prefix of (their cells XOR our cells). About 1.35 to 1.8
// cells per digest are needed, and 0.2-0.3 us. Gives at most one digest per cell whatever the cells
// say, so that its work is bounded on a peer's nonsense too.
class Peeler {
  public:
    // The next cells of the difference, in order.
    void add(std::span<const Cell> difference);
    // Every cell so far is explained: digests() is the whole difference.
    [[nodiscard]] bool complete() const { return !cells_.empty() && nonempty_ == 0; }
    [[nodiscard]] const std::vector<std::uint64_t>& digests() const { return digests_; }

  private:
    // Digests wait for cells to come in lists of 64 cells, up to the largest legal sketch.
    static constexpr std::size_t kListCells = 64;
    static constexpr std::size_t kMaxLists = (1U << 20) / kListCells;

    // digests_[i] again, as a cell's content, where its walk is, and who waits in the same list.
    struct Known {
        CellWalk walk;
        Cell item;
        std::uint32_t next = 0;  // index + 1; 0: the last
    };

    void peel();
    template <class Visit>
    void advance(std::size_t index, Visit visit);

    std::vector<Cell> cells_;
    std::vector<std::uint64_t> digests_;
    std::vector<Known> known_;
    std::vector<std::uint32_t> lists_;  // heads: index + 1 into known_; 0: empty
    std::vector<std::uint32_t> queue_;  // cells that may hold a single digest
    std::size_t nonempty_ = 0;
};

}  // namespace gossip
