-- For wrk: registrations that are all written. Each thread has addresses of its own and goes
-- through them again and again; the sessions that it reports only rise, so every update wins.
dofile((os.getenv("HEARSAY_BENCH_LUA") or "bench") .. "/report.lua")

local threads = 0
local kAddresses = 5000
local kHead = "POST /registry/register_instance HTTP/1.1\r\nHost: bench\r\nContent-Length: "

function setup(thread)
    thread:set("id", threads)
    threads = threads + 1
end

function init()
    n = 0
    address = {}
    for i = 1, kAddresses do
        address[i] = string.format('{"address":"10.%d.%d.%d:7000","app_name":"bench",' ..
                                   '"version":"1.2.3","ttl":3600,"last_update":%d,"sessions":',
                                   id, math.floor(i / 256), i % 256, os.time())
    end
end

function request()
    n = n + 1
    local body = address[n % kAddresses + 1] .. n .. "}"
    return kHead .. #body .. "\r\n\r\n" .. body
end
