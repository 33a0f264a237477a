-- Lets a live hold live longer.
--
-- KEYS: the registries of the tenants; for each account its state, its holds, its index and, for a rolling window, its slots;
-- the record of the id.
-- ARGV: 1 the numbers of the request; 2 the id.
-- Returns {1, now, 1}, with 0 in the last place when there is no such live hold, or {0, now} as step.lua does.

--- @include numbers.lua
--- @include clock.lua
--- @include state.lua
--- @include stretches.lua
--- @include holds.lua
--- @include account.lua
--- @include records.lua

readFrom(ARGV[1])
readClock(nextNumber())
local accounts = nextAccounts(nextNumber() + 1)
if not accounts then return { 0, now } end
local key, id, ttl = KEYS[nextNumber()], ARGV[nextNumber()], nextNumber()
local record = loadRecord(key)
if not record or record[ENDED] == 1 or record[EXPIRY] <= now then return { 1, now, 0 } end
if now + ttl <= record[EXPIRY] then return { 1, now, 1 } end

for _, account in ipairs(accounts) do
  loadAccount(account)
  local start = stretchIn(record, account)
  if start then extendHold(account, id, start, record, AMOUNTS_AT, ttl) end
  if account.isChanged then saveAccount(account) end
end
record[EXPIRY] = now + ttl
saveRecord(key, record, ttl + REMEMBER_EXPIRED_MS)
return { 1, now, 1 }
