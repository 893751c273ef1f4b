-- What wrk sends: a random key among N in a header, and a line of figures at the end.
--
-- Arguments: FILE BYTES COUNT SEED HEAD TAIL PAUSE EACH BETWEEN
--   FILE   keys, each in BYTES bytes with its line break; mapped and not read, since ten million keys as Lua strings
--          would make the generator the bottleneck
--   COUNT  how many of them are drawn from; 0 sends HEAD and TAIL alone
--   SEED   of the draw, so that rounds differ and a run can be repeated
--   HEAD, TAIL  the request before and behind the key, with \r\n written as |
--   EACH   keys in one request, with BETWEEN between them
--   PAUSE  milliseconds a connection waits before its next request; 0 is as fast as the server answers

local ffi = require("ffi")
ffi.cdef [[
int open(const char *path, int flags);
void *mmap(void *address, size_t length, int protection, int flags, int file, long offset);
]]

local READ_ONLY, PROTECTION_READ, MAP_SHARED = 0, 1, 1

local keys, bytes, count, head, tail, pause, each, between

function init(arguments)
   bytes, count = tonumber(arguments[2]), tonumber(arguments[3])
   math.randomseed(tonumber(arguments[4]))
   head, tail = arguments[5]:gsub("|", "\r\n"), arguments[6]:gsub("|", "\r\n")
   pause, each, between = tonumber(arguments[7]), tonumber(arguments[8]), arguments[9]
   if count > 0 then
      local file = ffi.C.open(arguments[1], READ_ONLY)
      if file < 0 then error("cannot open " .. arguments[1]) end
      local address = ffi.C.mmap(nil, count * bytes, PROTECTION_READ, MAP_SHARED, file, 0)
      if ffi.cast("intptr_t", address) == -1 then error("cannot map " .. arguments[1]) end
      keys = ffi.cast("const char *", address)
   end
   if pause > 0 then
      function delay() return pause end
   end
end

local function key()
   return ffi.string(keys + math.random(0, count - 1) * bytes, bytes - 1)
end

function request()
   if count == 0 then return head .. tail end
   if each == 1 then return head .. key() .. tail end
   local drawn = {}
   for place = 1, each do drawn[place] = key() end
   return head .. table.concat(drawn, between) .. tail
end

function done(summary, latency)
   local failed = summary.errors
   io.write(string.format(
      "figures requests=%d duration_us=%d refused=%d broken=%d p50_us=%d p99_us=%d p999_us=%d max_us=%d\n",
      summary.requests, summary.duration, failed.status,
      failed.connect + failed.read + failed.write + failed.timeout,
      latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
