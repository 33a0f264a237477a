-- Reads accounts, or with an adjustment changes their limits.
--
-- KEYS: the registries of the tenants; for each account its state, its holds, its index and, for a rolling window, its slots.
-- ARGV: 1 the numbers of the request; then the names of accounts whose keys hold only a hash.
-- Returns {1, now, for each account: 1 and the limits of the last admission with adjustments, or 0; the snapshot; 1 and its
-- scope, id and tenant where the key holds only hashes, or 0}, or {0, now} as step.lua does.

--- @include numbers.lua
--- @include clock.lua
--- @include account.lua
--- @include listing.lua

readFrom(ARGV[1])
readClock(nextNumber())

local reply, keyAt = { 1, now }, nextNumber() + 1
local ADJUST, TAKE_BACK = 1, 2
for number = 1, nextNumber() do
  local account
  account, keyAt = nextAccount(keyAt)
  account.number = number
  if not placeInTime(account) then return { 0, now } end
  loadAccount(account)

  local change, limits = nextNumber(), nil
  if change == ADJUST or change == TAKE_BACK then
    limits = nextAmounts()
    openAccount(account, limits)
    account.data[8] = limits
    account.data[6] = change == ADJUST and { nextNumber(), nextAmounts() } or false
  end

  local data = account.data
  reply[#reply + 1] = data and 1 or 0
  if data then appendAmounts(reply, adjustedLimits(account, limits or data[8]), 0) end
  reply[#reply + 1] = data and data[6] and 1 or 0
  appendSnapshot(reply, account)
  local name = data and data[9]
  reply[#reply + 1] = name and 1 or 0
  if name then
    reply[#reply + 1] = name[1]
    reply[#reply + 1] = name[2]
    reply[#reply + 1] = name[3]
  end
  if limits or account.isChanged then saveAccount(account) end
  if account.isNew then listAccount(account) end
end
return reply
