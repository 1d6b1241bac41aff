#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gossip/record.h"
#include "registry/instance.h"

namespace registry {

// One instance in a View: the fields that queries need, and its JSON object ready to be sent.
// Immutable once in a View, and independent of gossip::Record, whose count is not atomic: any
// thread may read it. About 440 B for a typical instance, its places in a View's orders included.
class Row {
  public:
    // `expired`: its owner said that the lease lapsed. `detection_s`: see ViewBuilder.
    Row(const Instance& instance, gossip::Rank rank, State state, bool expired,
        std::uint32_t detection_s);

    [[nodiscard]] std::string_view address() const {
        return fragment().substr(kAddressAt, address_);
    }
    [[nodiscard]] std::string_view app() const { return part(0, app_); }
    [[nodiscard]] std::string_view version() const { return part(app_, version_); }
    [[nodiscard]] std::string_view zone() const { return part(app_ + version_, zone_); }
    // `{"address":..,"app_name":..,"version":..,"state":..,"last_update":..,"phase":..,
    //   "capacity":..,"sessions":..,"ready_to_close":..,"zone":..,"metadata":{..},
    //   "owner":"16 hex digits","incarnation":..,"ttl":..,"confirmed_within":..,
    //   "check":{..},"protocol":..,"acked_epoch":"decimal","closed_epoch":"decimal",
    //   "ver":"decimal"}` on one line. confirmed_within, in seconds: while the state
    // is up, starting or draining, the application was heard from within this time. `check`,
    // protocol and the epochs are there if the instance has them.
    [[nodiscard]] std::string_view fragment() const {
        return std::string_view{text_}.substr(app_ + version_ + zone_);
    }

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] Phase phase() const { return phase_; }
    [[nodiscard]] bool expired() const { return expired_; }
    [[nodiscard]] bool ready_to_close() const { return ready_to_close_; }
    [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
    [[nodiscard]] std::uint32_t sessions() const { return sessions_; }
    [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
    [[nodiscard]] std::uint32_t protocol() const { return protocol_; }
    [[nodiscard]] std::uint64_t acked_epoch() const { return acked_epoch_; }
    [[nodiscard]] bool fenced() const { return fenced_; }
    [[nodiscard]] std::uint32_t ttl_s() const { return ttl_s_; }
    [[nodiscard]] std::uint64_t last_update() const { return last_update_; }
    [[nodiscard]] gossip::NodeId owner() const { return owner_; }
    [[nodiscard]] gossip::Stamp stamp() const { return rank_.stamp; }  // what If-Match compares
    [[nodiscard]] gossip::Rank rank() const { return rank_; }

    // Rewrites the state, here and in the fragment. For rows that no View has yet.
    void set_state(State state);

  private:
    static constexpr std::size_t kAddressAt = 12;  // behind {"address":"

    [[nodiscard]] std::string_view part(std::size_t at, std::size_t size) const {
        return std::string_view{text_}.substr(at, size);
    }

    // App, version, zone, fragment. The first three are needed without escapes; an address has
    // none. One allocation instead of five.
    std::string text_;
    gossip::Rank rank_;
    gossip::NodeId owner_;
    std::uint64_t last_update_;
    std::uint64_t incarnation_;
    std::uint64_t acked_epoch_;
    std::uint32_t ttl_s_;
    std::uint32_t capacity_;
    std::uint32_t sessions_;
    std::uint32_t protocol_;
    std::uint16_t state_at_ = 0;  // in fragment(): the name of the state
    std::uint8_t address_;        // sizes
    std::uint8_t app_;
    std::uint8_t version_;
    std::uint8_t zone_;
    State state_;
    Phase phase_;
    bool expired_;
    bool ready_to_close_;
    bool fenced_;
};

}  // namespace registry
