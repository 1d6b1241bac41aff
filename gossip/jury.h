#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "gossip/endpoint.h"
#include "gossip/ids.h"
#include "gossip/liveness.h"
#include "gossip/time.h"

namespace gossip {

// Nobody is accused on one node's evidence. Source: protocol.md "Jury": a node that cannot reach a
// member asks others, and accuses only if enough of them cannot reach it either; whose own network
// is bad gets no votes.

// One question to jurors, at the accuser.
struct Trial {
    NodeId subject;
    std::uint64_t incarnation_ms = 0;
    Evidence evidence = Evidence::silence;
    std::uint32_t nonce = 0;
    std::vector<NodeId> jurors;   // asked in this round
    std::vector<NodeId> against;  // whose votes count
    unsigned round = 1;
    bool asked_again = false;
    Mono::time_point began{};  // this round
};

// The trials of this node. At most kMaxTrials: who finds more silent members than that at a time
// should doubt itself.
class Jury {
  public:
    static constexpr std::size_t kMaxTrials = 8;
    static constexpr std::size_t kJurors = 5;        // J: asked on silence
    static constexpr std::size_t kWitnesses = 2;     // asked, and needed, on a refusal
    static constexpr unsigned kRounds = 2;           // the second with other jurors
    static constexpr Mono::duration kAskAgain{250};  // those who have not voted
    static constexpr Mono::duration kSilenceRound{900};
    static constexpr Mono::duration kRefusalRound{500};

    [[nodiscard]] bool full() const { return trials_.size() >= kMaxTrials; }
    [[nodiscard]] const Trial* find(NodeId subject) const;
    // Votes needed of so many jurors: half of them on silence (3 of 5), so that of 5 nodes 2 that
    // fail together can be convicted by the others; 0: there is nobody to ask, and the own evidence
    // has to do.
    [[nodiscard]] static std::size_t needed(Evidence evidence, std::size_t jurors);
    [[nodiscard]] static std::size_t wanted(Evidence evidence) {
        return evidence == Evidence::silence ? kJurors : kWitnesses;
    }
    void open(Trial trial) { trials_.push_back(std::move(trial)); }
    // Ends the trial.
    void drop(NodeId subject);
    void clear() { trials_.clear(); }

    // Counts the vote of a juror, once. The trial, which has ended, if that makes it guilty; an
    // alive vote ends it without.
    std::optional<Trial> vote(std::uint32_t nonce, NodeId juror, Vote vote);
    // Trials whose jurors should be asked again, and those (ended) whose round is over undecided.
    void expire(Mono::time_point now, std::vector<Trial>& again, std::vector<Trial>& hung);
    [[nodiscard]] Mono::time_point next() const;

  private:
    std::vector<Trial> trials_;
};

// One question that this node answers as a juror.
struct Inquest {
    NodeId accuser;
    Endpoint reply_to;
    std::uint32_t nonce = 0;
    NodeId subject;
    Endpoint subject_at;
    unsigned pings = 0;
    std::uint32_t seqs[2] = {};
    Mono::time_point due{};  // the next ping, the vote, or, after it, to be forgotten
    std::optional<Vote> vote;
};

// What this node has been asked. At most kMaxInquests; more are not answered, which is no vote.
class Inquests {
  public:
    static constexpr std::size_t kMaxInquests = 32;
    static constexpr unsigned kPings = 2;
    static constexpr Mono::duration kPing{200};     // until the next, and until the vote
    static constexpr Mono::duration kMemory{2000};  // for an accuser that asks again

    [[nodiscard]] bool full() const { return inquests_.size() >= kMaxInquests; }
    [[nodiscard]] Inquest* find(NodeId accuser, std::uint32_t nonce);
    Inquest& open(const Inquest& inquest);
    void pinged(Inquest& inquest, std::uint32_t seq, Mono::time_point now);

    // Those that this ack, or this refusal, decides: to be voted on.
    // At an address where `by` answers nobody else does: that counts as a refusal.
    std::vector<Inquest> answered(std::uint32_t seq, const Endpoint& from, NodeId by,
                                  Mono::time_point now);
    std::vector<Inquest> refused(const Endpoint& by, Mono::time_point now);
    // Due for a ping (call pinged()), and decided by silence.
    void expire(Mono::time_point now, std::vector<Inquest*>& ping, std::vector<Inquest>& silent);
    [[nodiscard]] Mono::time_point next() const;
    void clear() { inquests_.clear(); }

  private:
    void decide(Inquest& inquest, Vote vote, Mono::time_point now);
    std::vector<Inquest> inquests_;
};

// How often something may happen within a span. For accusations: who accuses more is the one that
// is cut off.
class Ration {
  public:
    Ration(std::size_t most, Mono::duration span) : most_(most), span_(span) {}
    // False if it has happened `most` times already.
    [[nodiscard]] bool take(Mono::time_point now);
    // Counts without a limit; how often within the span, this one included.
    std::size_t note(Mono::time_point now);

  private:
    void forget(Mono::time_point now);
    std::size_t most_;
    Mono::duration span_;
    std::deque<Mono::time_point> when_;
};

}  // namespace gossip
