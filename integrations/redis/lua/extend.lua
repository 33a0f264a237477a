-- Lets a live hold live longer.
--
-- KEYS: the record of the id; the set of the slot's holds.
-- ARGV: 1 the numbers of the request.
-- Returns {1 and now, 1}, with 0 in the last place when there is no such live hold.

--- @include clock.lua
--- @include record.lua

local instead, ttl = struct.unpack('<dd', ARGV[1])
readClock(instead)
local done = struct.pack('<dd', DONE, now)
local record = readRecord(redis.call('GET', KEYS[1]))
if not record or record[PHASE] ~= IS_HELD or record[EXPIRY] <= now then return { done, 0 } end
if now + ttl <= record[EXPIRY] then return { done, 1 } end
local longer = now + ttl - record[EXPIRY]
record[EXPIRY] = now + ttl
redis.call('ZADD', KEYS[2], 'XX', string.format(EXACT, record[EXPIRY]), KEYS[1])
keepRecord(KEYS[1], record, #record, record.keys, redis.call('PTTL', KEYS[1]) + longer)
saveRecords()
return { done, 1 }
