#include "node/http/attachments.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "gossip/table.h"
#include "node/http/api.h"
#include "node/http/query.h"
#include "node/http/writes.h"
#include "registry/json.h"
#include "registry/registration.h"

namespace node {

using std::chrono::steady_clock;

// The stream is held by its own IO: whoever finds it gone has nothing to tell.
struct Attachment {
    using Count = std::shared_ptr<std::atomic<std::size_t>>;

    Attachment(std::string address_of_row, Count count_of_all)
        : address(std::move(address_of_row)), count(std::move(count_of_all)) {}
    ~Attachment() { count->fetch_sub(1, std::memory_order_relaxed); }
    Attachment(const Attachment&) = delete;
    Attachment& operator=(const Attachment&) = delete;

    // {"deleted": address}, for example: the last line of a stream.
    [[nodiscard]] std::string farewell(std::string_view what) const {
        std::string line = "{";
        registry::append_string(line, what);
        registry::append_string(line += ':', address);
        return line + '}';
    }
    void finish(std::string_view what) const {
        if (const auto open = stream.lock()) open->finish(farewell(what));
    }
    // Sends the row.
    void tell(const registry::Row& row, steady_clock::time_point now) {
        stamp = row.stamp();
        state = row.state();
        next_line = now + Attachments::kLine;
        if (const auto open = stream.lock()) open->send(std::string{row.fragment()});
    }

    const std::string address;
    Count count;
    std::uint64_t incarnation = 0;        // on the core thread only
    std::atomic<bool> superseded{false};  // by another incarnation

    // Set before it is streaming, and then belongs to look().
    std::weak_ptr<LineStream> stream;
    gossip::NodeId owner;
    gossip::Stamp stamp;  // what was told
    registry::State state = registry::State::up;
    steady_clock::time_point next_line;
    steady_clock::time_point next_renewal;
    bool streaming = false;  // with the lock of Attachments
};

namespace {

// The row of a live instance, as the core has it.
struct Live {
    gossip::Record record;
    registry::Instance instance;
};

std::optional<Live> find_live(const gossip::Core& core, const std::string& address) {
    const gossip::Record* record = core.table().find(gossip::RecordKind::instance, address);
    if (record == nullptr || record->tombstone() || record->expired()) return std::nullopt;
    auto instance = registry::decode(record->fields());
    if (!instance) return std::nullopt;
    return Live{*record, std::move(instance).value()};
}

// The same content, heard from now. A second back, so that a registration that is on its way with
// the second before is not older; and never before what the application has said itself.
gossip::LocalWrite same_again(const gossip::Core& core, const gossip::Record& record) {
    const gossip::RecordFields fields = record.fields();
    gossip::LocalWrite write;
    write.key = fields.key;
    write.value = fields.value;
    write.ttl_s = fields.ttl_s;
    write.last_update = std::max(core.last_update(record), unix_seconds() - 1);
    return write;
}

gossip::PutResult claim(gossip::Core& core, const Live& live, gossip::Now now,
                        gossip::Output& out) {
    gossip::LocalWrite write = same_again(core, live.record);
    write.take_over = true;
    // Of a row that another node owns this is the act of this node, not older news of the
    // application.
    write.timed_by_application = live.record.owner() == core.self().id;
    return core.put(write, now, out);
}

// Still what the connection stands for?
bool stands_for(const Attachment& attachment, const Live& live) {
    return live.instance.incarnation == attachment.incarnation;
}

// Nothing that has lapsed or belongs to another node: only a registration may change that.
void renew_one(gossip::Core& core, Attachment& attachment, gossip::Now now, gossip::Output& out) {
    const auto live = find_live(core, attachment.address);
    if (!live || live->record.owner() != core.self().id) return;
    if (!stands_for(attachment, *live)) {
        attachment.superseded = true;
        return;
    }
    core.put(same_again(core, live->record), now, out);
}

std::chrono::milliseconds renewal_period(const registry::Row& row) {
    const std::chrono::milliseconds ttl = std::chrono::seconds{row.ttl_s()};
    return std::min<std::chrono::milliseconds>(ttl / Attachments::kRenewalsPerTtl,
                                               Attachments::kLine);
}

// Why its connection has nothing to wait for any more; empty while it has.
std::string_view end_of(const Attachment& attachment, const registry::Row* row) {
    if (row == nullptr) return "deleted";
    if (row->owner() != attachment.owner) return "moved";
    return attachment.superseded ? "replaced" : "";
}

Response unknown(const std::string& address) {
    return problem(404, "there is no live instance " + registry::in_quotes(address),
                   "register it first: PUT /v1/instances/ADDRESS or POST "
                   "/registry/register_instance, then attach");
}

Response too_many() {
    return problem(503, "this node holds as many open connections of applications as it may",
                   "send heartbeats instead, or attach to another node");
}

}  // namespace

Attachments::Attachments(CoreHandle& core, const Published<registry::View>& view, Later later,
                         std::size_t limit)
    : core_(core), view_(view), later_(std::move(later)), limit_(limit) {}

Attachments::~Attachments() = default;

void Attachments::attach(Api& api, const ExchangePtr& exchange, std::string address) {
    const std::size_t before = count_->fetch_add(1, std::memory_order_relaxed);
    const auto attachment = std::make_shared<Attachment>(std::move(address), count_);
    if (before >= limit_) return exchange->send(too_many());
    struct Claim {
        std::optional<WriteResult> result;  // none: there is no live row
        AttachmentPtr older;
    };
    auto claimed = std::make_shared<Claim>();
    auto self = shared_from_this();
    const bool queued = core_.submit(
        [self, attachment, claimed](gossip::Core& core, gossip::Now now, gossip::Output& out) {
            const auto live = find_live(core, attachment->address);
            if (!live) return;
            const gossip::PutResult put = claim(core, *live, now, out);
            claimed->result = {put.status, put.current ? put.current.stamp() : gossip::Stamp{}};
            if (!registry::accepted(put.status)) return;
            attachment->incarnation = live->instance.incarnation;
            attachment->owner = core.self().id;
            claimed->older = self->replace(attachment);
        },
        [self, &api, exchange, attachment, claimed] {
            const auto& result = claimed->result;
            if (!result) return exchange->send(unknown(attachment->address));
            if (!registry::accepted(result->status)) {
                return exchange->send(refused(api, attachment->address, *result));
            }
            if (claimed->older) claimed->older->finish("replaced");
            self->open(exchange, attachment);
        });
    if (!queued) exchange->send(busy());
}

// ---- on the core thread

// The one that had the address before.
Attachments::AttachmentPtr Attachments::replace(const AttachmentPtr& attachment) {
    const std::lock_guard lock(mutex_);
    return std::exchange(attached_[attachment->address], attachment);
}

// False: it has ended already, or another has the address.
bool Attachments::remove(const Attachment& attachment) {
    const std::lock_guard lock(mutex_);
    const auto found = attached_.find(attachment.address);
    if (found == attached_.end() || found->second.get() != &attachment) return false;
    attached_.erase(found);
    return true;
}

void Attachments::open(const ExchangePtr& exchange, const AttachmentPtr& attachment) {
    const auto stream =
        exchange->stream([self = shared_from_this(), attachment] { self->ended(attachment); });
    attachment->stream = stream;
    const auto view = view_.load();
    const registry::Row* row = view->find(attachment->address);
    const auto now = steady_clock::now();
    if (row != nullptr) {
        attachment->tell(*row, now);
        attachment->next_renewal = now + renewal_period(*row);
    }
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        const auto found = attached_.find(attachment->address);
        // Replaced in the turn in which it came.
        if (found == attached_.end() || found->second != attachment) {
            return stream->finish(attachment->farewell("replaced"));
        }
        attachment->streaming = true;
        first = !std::exchange(looking_, true);
    }
    if (first) later_(kLook, [self = shared_from_this()] { self->look(); });
}

// ---- on an HTTP thread

void Attachments::ended(const AttachmentPtr& attachment) {
    auto self = shared_from_this();
    const bool queued = core_.submit(
        [self, attachment](gossip::Core& core, gossip::Now now, gossip::Output& out) {
            if (!self->remove(*attachment)) return;
            const auto live = find_live(core, attachment->address);
            if (!live || !stands_for(*attachment, *live)) return;
            if (live->instance.phase == registry::Phase::stopped) return;  // as it has announced
            core.expire(attachment->address, now, out);  // unless another node is the owner
        },
        [] {});
    if (!queued) later_(kRetry, [self, attachment] { self->ended(attachment); });
}

// At all of them, until there is none.
void Attachments::look() {
    std::vector<AttachmentPtr> all;
    {
        const std::lock_guard lock(mutex_);
        looking_ = !attached_.empty();
        if (!looking_) return;
        all.reserve(attached_.size());
        for (const auto& [address, attachment] : attached_) {
            if (attachment->streaming) all.push_back(attachment);
        }
    }
    const auto view = view_.load();  // after the copy: it shows what each of them has claimed
    const auto now = steady_clock::now();
    std::erase_if(all, [&](const auto& attachment) { return !due(*attachment, *view, now); });
    if (!all.empty()) renew(std::move(all), *view, now);
    later_(kLook, [self = shared_from_this()] { self->look(); });
}

// Tells what is new, or the end. Is the lease to be renewed?
bool Attachments::due(Attachment& attachment, const registry::View& view, Time now) {
    const registry::Row* row = view.find(attachment.address);
    if (const auto reason = end_of(attachment, row); !reason.empty()) {
        if (remove(attachment)) attachment.finish(reason);
        return false;
    }
    const bool changed = row->stamp() != attachment.stamp || row->state() != attachment.state;
    if (changed || now >= attachment.next_line) attachment.tell(*row, now);
    // The lease may have become shorter.
    const Time latest = now + renewal_period(*row);
    attachment.next_renewal = std::min(attachment.next_renewal, latest);
    return now >= attachment.next_renewal;
}

void Attachments::renew(std::vector<AttachmentPtr> due, const registry::View& view, Time now) {
    auto all = std::make_shared<const std::vector<AttachmentPtr>>(std::move(due));
    const bool queued = core_.submit(
        [all](gossip::Core& core, gossip::Now now_of_turn, gossip::Output& out) {
            for (const auto& attachment : *all) renew_one(core, *attachment, now_of_turn, out);
        },
        [] {});
    if (!queued) return;  // the next look tries again
    for (const auto& attachment : *all) {
        if (const registry::Row* row = view.find(attachment->address)) {
            attachment->next_renewal = now + renewal_period(*row);
        }
    }
}

void get_attach(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    const auto address = address_in(request.path, "/v1/instances/", "/attach");
    if (!address) return exchange->send(problem(address.error()));
    const auto parameters = parse_query(request.query, {});
    if (!parameters) return exchange->send(problem(parameters.error()));
    if (request.head) {
        Response refusal = problem(405, "HEAD has no body to attach to", "use GET");
        refusal.allow = "GET";
        return exchange->send(std::move(refusal));
    }
    api.attachments->attach(api, exchange, *address);
}

}  // namespace node
