#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gossip/core.h"
#include "sim/clock.h"
#include "sim/disk.h"
#include "sim/host.h"

namespace sim {

class World;

// One machine: the real core, a fake disk, clocks, and a process that can crash, stop and come
// back. The disk and the identity outlive the process.
class SimNode final : public Host, private gossip::Effects {
  public:
    SimNode(World& world, std::uint32_t index, gossip::Identity identity, Clock clock);

    [[nodiscard]] std::uint32_t index() const { return index_; }
    [[nodiscard]] const gossip::Identity& identity() const { return identity_; }
    [[nodiscard]] const gossip::Core& core() const { return *core_; }
    [[nodiscard]] const Disk& disk() const { return disk_; }
    [[nodiscard]] gossip::Now now() const;
    [[nodiscard]] bool running() const override { return core_ != nullptr; }
    [[nodiscard]] bool paused() const { return paused_; }
    // Turns in which the core was woken by its own clock: what an idle node costs.
    [[nodiscard]] std::uint64_t wakeups() const { return wakeups_; }

    // ---- the life of the process
    // Restores what the disk holds, looks for the seeds, announces itself.
    void start(const gossip::SharedBase& base = {});
    // kill -9: what was not on disk is gone, peers hear nothing.
    void crash();
    // The machine is gone: nobody is left to refuse what is sent to it. Until start().
    void lose_power();
    // The next turn that has effects ends after `effects` of them: between "on disk" and "sent",
    // or between two datagrams.
    void crash_within_turn(std::uint32_t effects) { effects_left_ = effects; }
    void survive() { effects_left_.reset(); }
    void leave();
    // SIGSTOP and SIGCONT. Meanwhile datagrams wait in a socket buffer of kSocketBuffer.
    void pause();
    void resume();
    void lose_disk() { disk_.lose(); }
    void step_wall(std::int64_t ms) { clock_.wall_offset += ms; }

    // ---- what applications and operators do. Requires running() and not paused().
    gossip::PutResult put(const gossip::LocalWrite& write);
    gossip::NodeId exchange_now();
    // A turn of what its API asks of the core.
    void act(const std::function<void(gossip::Core&, gossip::Now, gossip::Output&)>& input);
    // What it answers when it is polled. Requires running().
    void set_answer(std::uint64_t topic, const gossip::PollAnswer& answer);
    // Which process of this machine it is: another one after each crash() and start().
    [[nodiscard]] std::uint64_t process() const { return process_; }
    // Now, once the process continues, or never if it ends before or does not run.
    void when_running(Events::Action input);

    // ---- Host
    [[nodiscard]] bool powered() const override { return powered_; }
    void refused(const gossip::Endpoint& by) override;
    void datagram(const gossip::Endpoint& from, std::string bytes) override;
    void stream_accepted(gossip::StreamId id, const gossip::Endpoint& from) override;
    void stream_received(gossip::StreamId id, std::string frame) override;
    void stream_drained(gossip::StreamId id) override;
    void stream_closed(gossip::StreamId id) override;

    static constexpr std::size_t kSocketBuffer = std::size_t{256} * 1024;
    static constexpr Time kWriteBehind{100'000};

  private:
    // Gives the core one input, then lets it do what is due, performs all effects and checks.
    template <class Input>
    void turn(Input input);
    void arm();
    void wake(std::uint64_t token);
    // False once the process has died in the middle of its turn.
    [[nodiscard]] bool effect();

    // ---- gossip::Effects
    void persist(const gossip::Output& out) override;
    void write_behind(const gossip::Output& out) override;
    void send(const gossip::Endpoint& to, gossip::Bytes datagram) override;
    void stream(const gossip::StreamAction& action) override;
    void publish(const gossip::Output& out) override;

    World& world_;
    std::uint32_t index_;
    gossip::Identity identity_;
    Clock clock_;
    Disk disk_;
    std::unique_ptr<gossip::Core> core_;
    std::uint64_t process_ =
        0;  // number of this process: what was meant for an earlier one is void
    std::optional<std::uint32_t> effects_left_;

    bool powered_ = true;
    bool paused_ = false;
    std::vector<Events::Action> waiting_;
    std::size_t waiting_bytes_ = 0;

    std::uint64_t wake_token_ = 0;
    std::optional<Time> wake_at_;
    std::uint64_t wakeups_ = 0;
    bool flush_scheduled_ = false;
};

}  // namespace sim
