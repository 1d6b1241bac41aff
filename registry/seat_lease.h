#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/bytes.h"
#include "gossip/ids.h"

namespace registry {

// Seats that an instance's node sets aside for another node, which gives them to clients as
// tickets. Who holds a leased seat knows that there is one, however old his view is: `packed` can
// fill one server before it opens the next, and nobody is refused at the door.
//
// A question and its answer are datagrams: either may be lost, and a question that is repeated has
// the same `round`, so that it takes no seat twice.
struct LeaseQuestion {
    std::string address;
    std::uint64_t incarnation = 0;
    std::uint64_t round = 0;     // rises with every new question of a node about an instance
    std::uint32_t wanted = 0;    // at most kMaxBatch
    std::uint32_t returned = 0;  // of those it has, unused
};
struct LeaseAnswer {
    bool offered = false;     // it takes new clients, and this node may say so
    std::uint32_t seats = 0;  // granted
    std::uint32_t left = 0;   // free for others after that
    std::uint64_t round = 0;  // of the question
    bool operator==(const LeaseAnswer&) const = default;
};
[[nodiscard]] std::string encode(const LeaseQuestion& question);
[[nodiscard]] std::string encode(const LeaseAnswer& answer);
// Total; nullopt for what is no question or no answer of this kind.
[[nodiscard]] std::optional<LeaseQuestion> decode_lease_question(gossip::Bytes bytes);
[[nodiscard]] std::optional<LeaseAnswer> decode_lease_answer(gossip::Bytes bytes);

// The leased seats of one node. What is not given to a client within kUse goes back, so that a node
// that has stopped asking keeps no seat from others. Not thread-safe.
class SeatPurse {
  public:
    static constexpr std::uint32_t kMaxBatch = 32;
    static constexpr std::uint64_t kUseMs = 2000;
    static constexpr std::uint64_t kFullMs = 200;  // before a full instance is asked again
    // How long the lessor holds a seat: until the last ticket for it can have expired.
    static constexpr std::uint64_t hold_ms(std::uint32_t ticket_ttl_s) {
        return kUseMs + 1000 + (std::uint64_t{ticket_ttl_s} * 1000);
    }

    // `born`: greater than the rounds of any earlier purse of this node, e.g. Unix ms.
    explicit SeatPurse(std::uint64_t born) : round_(born) {}

    // One seat for a client; false: there is none here.
    bool take(std::string_view address, std::uint64_t incarnation, std::uint64_t now_ms);
    // It was full, or took nobody, a moment ago.
    [[nodiscard]] bool full(std::string_view address, std::uint64_t incarnation,
                            std::uint64_t now_ms) const;
    // What to ask for: more each time that all seats were used up in time.
    LeaseQuestion question(std::string_view address, std::uint64_t incarnation);
    void answered(const LeaseQuestion& question, const LeaseAnswer& answer, std::uint64_t now_ms);
    // Seats to give back; they are no longer here. Forgets instances that nobody asks for.
    // O(instances).
    std::vector<LeaseQuestion> unused(std::uint64_t now_ms);
    [[nodiscard]] std::size_t instances() const { return held_.size(); }

  private:
    struct Held {
        std::uint64_t incarnation = 0;
        std::uint32_t seats = 0;
        std::uint32_t left = 0;   // free for others, when it was granted
        std::uint32_t batch = 1;  // of the next question
        std::uint64_t until_ms = 0;
        std::uint64_t full_until_ms = 0;
    };
    [[nodiscard]] const Held* find(std::string_view address, std::uint64_t incarnation) const;

    std::uint64_t round_;
    std::map<std::string, Held, std::less<>> held_;
};

}  // namespace registry
