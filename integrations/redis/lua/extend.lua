-- Lets a live hold live longer.
--
-- KEYS: the record of the id; the state of each account; for each account its registry, its holds, its index and, for a rolling
-- window, its slots.
-- ARGV: 1 the numbers of the request; 2 the name of the hold.
-- Returns {1, now, 1}, with 0 in the last place when there is no such live hold, or {0, now} as step.lua does.

--- @include numbers.lua
--- @include clock.lua
--- @include state.lua
--- @include holds.lua
--- @include account.lua
--- @include rare.lua
--- @include record.lua

readNumbers(ARGV[1])
readClock(nextNumber())
local accountCount, ttl = nextNumber(), nextNumber()
local accounts = readAccounts(accountCount, 2)
if not accounts then return { 0, now } end
local found = redis.call('MGET', unpack(KEYS, 1, accountCount + 1))
local record = readRecord(found[1])
if not record or record[ENDED] == 1 or record[EXPIRY] <= now then return { 1, now, 0 } end
if now + ttl <= record[EXPIRY] then return { 1, now, 1 } end

for place, account in ipairs(accounts) do
  loadAccount(account, found[place + 1])
  local start = account[STATE] and stretchIn(record, account, place)
  if start then rare.extendHold(account, ARGV[2], start, record, ttl) end
  if account[IS_CHANGED] then saveAccount(account) end
end
record[EXPIRY] = now + ttl
keepRecord(KEYS[1], record, #record, ttl + REMEMBER_EXPIRED_MS)
saveRecords()
return { 1, now, 1 }
