#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "node/core_handle.h"
#include "node/http/exchange.h"
#include "node/published.h"
#include "registry/view.h"

namespace node {

struct Api;
struct Attachment;  // one open connection

// The open connections of applications: GET /v1/instances/{address}/attach.
//
// While it is open the node renews the lease of the instance; its end is the end of the instance,
// which is listed as expired at once. Neither is done for a row that this node no longer owns, and
// the end changes nothing for a row that was deregistered, stopped by itself, attached anew, or
// registered by a restarted server (another incarnation) meanwhile.
//
// Thread-safe. Rows are only read and written on the core thread, by work that is queued there.
class Attachments : public std::enable_shared_from_this<Attachments> {
  public:
    // Between looks at the View: how late a line may tell of a change. No looks without
    // connections.
    static constexpr std::chrono::milliseconds kLook{100};
    // A sign of life for the client, if nothing changes.
    static constexpr std::chrono::seconds kLine{10};
    // A lease is renewed so many times before it would lapse, and at least every kLine.
    static constexpr int kRenewalsPerTtl = 3;
    // Until an end is told again to a core whose queue was full.
    static constexpr std::chrono::milliseconds kRetry{10};

    using Later = std::function<void(std::chrono::milliseconds, std::function<void()>)>;

    // At most `limit` connections at once.
    Attachments(CoreHandle& core, const Published<registry::View>& view, Later later,
                std::size_t limit);
    ~Attachments();
    Attachments(const Attachments&) = delete;
    Attachments& operator=(const Attachments&) = delete;

    // Makes the row this node's own and answers with a stream of its changes; 404 if there is no
    // live one. An older connection of the same address is told and closed.
    void attach(Api& api, const ExchangePtr& exchange, std::string address);
    // Those that are open, or about to be.
    [[nodiscard]] std::size_t count() const { return count_->load(std::memory_order_relaxed); }

  private:
    using AttachmentPtr = std::shared_ptr<Attachment>;
    using Time = std::chrono::steady_clock::time_point;

    AttachmentPtr replace(const AttachmentPtr& attachment);
    bool remove(const Attachment& attachment);
    void open(const ExchangePtr& exchange, const AttachmentPtr& attachment);
    void ended(const AttachmentPtr& attachment);
    void look();
    bool due(Attachment& attachment, const registry::View& view, Time now);
    void renew(std::vector<AttachmentPtr> due, const registry::View& view, Time now);

    CoreHandle& core_;
    const Published<registry::View>& view_;
    Later later_;
    std::size_t limit_;
    std::shared_ptr<std::atomic<std::size_t>> count_ =
        std::make_shared<std::atomic<std::size_t>>(0);

    // Held for a look-up, or for a copy of the pointers.
    std::mutex mutex_;
    std::map<std::string, AttachmentPtr> attached_;  // by address
    bool looking_ = false;
};

}  // namespace node
