#include "node/http/list_cache.h"

namespace node {

std::string ListCache::etag(std::uint64_t revision) const {
    return '"' + tag_prefix_ + '.' + std::to_string(revision) + '"';
}

std::shared_ptr<const ListPage> ListCache::page(const std::shared_ptr<const registry::View>& view) {
    const std::lock_guard lock(mutex_);
    // A reader that was overtaken holds an older View: the newer page is right for it, too.
    if (page_ && page_->revision >= view->revision()) return page_;
    std::string body;
    body.reserve(view->list_bytes());
    view->append_list(body);
    auto page = std::make_shared<ListPage>();
    page->revision = view->revision();
    page->etag = etag(page->revision);
    page->body = std::make_shared<const SharedBytes>(std::move(body));
    page_ = std::move(page);
    return page_;
}

}  // namespace node
