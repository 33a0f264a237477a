-- Lets a live hold live longer.
--
-- KEYS: record; for each account its state and its holds.
-- ARGV: 1 the clock to use instead of the server's, or -1; 2 how long, in milliseconds; 3 the id.
-- Returns 1, or 0 when there is no such live hold.

--- @include clock.lua
--- @include records.lua

readClock(tonumber(ARGV[1]))
local ttl, id = tonumber(ARGV[2]), ARGV[3]
local record = loadRecord(KEYS[1])
if not record or record[1] ~= 'L' or record[5] <= now then return 0 end
if now + ttl <= record[5] then return 1 end

record[5] = now + ttl
for keyAt = 2, #KEYS, 2 do
  local packed = redis.call('GET', KEYS[keyAt])
  local start = packed and record[6][cmsgpack.unpack(packed)[1]]
  if start then
    redis.call('ZADD', KEYS[keyAt + 1], 'XX', record[5], holdMember(start, record[4], id))
    keepHolds(KEYS[keyAt + 1], ttl)
  end
end
saveRecord(KEYS[1], record, ttl + REMEMBER_EXPIRED_MS)
return 1
