-- Reads accounts, or with an adjustment changes their limits.
--
-- KEYS: the registries of the tenants; for each account its state, its holds, its index and, for a rolling window, its slots.
-- ARGV: 1 the numbers of the request; then the names of accounts whose keys hold only hashes.
-- Returns {1, now, for each account: 1 and the limits of the last admission with adjustments, or 0; whether it is adjusted; the
-- sums; 1 and its scope, id and tenant where the keys hold only hashes, or 0}, or {0, now} as step.lua does.

--- @include numbers.lua
--- @include clock.lua
--- @include state.lua
--- @include stretches.lua
--- @include holds.lua
--- @include account.lua
--- @include listing.lua

local KEEP, ADJUST, TAKE_BACK = 0, 1, 2
local noLimits = { -1, -1, -1, -1, -1, -1, -1, -1 }

local function adjust(account, change)
  openAccount(account)
  local mark, limits = nextNumber(), nextAmounts()
  keepLimits(account, mark, limits)
  local rest = changeRest(account)
  rest.adjustment = nil
  account.data[IS_ADJUSTED] = change == ADJUST and 1 or 0
  if change == ADJUST then
    local untilMoment, at = nextNumber(), nextAmounts()
    rest.adjustment = { untilMoment, { unpack(numbers, at + 1, at + 8) } }
  end
end

readFrom(ARGV[1])
readClock(nextNumber())
local keyAt = nextNumber() + 1
push(1)
push(now)
for number = 1, nextNumber() do
  local account
  account, keyAt = nextAccount(keyAt, number)
  if not placeInTime(account) then return { 0, now } end
  loadAccount(account)
  local change = nextNumber()
  if change ~= KEEP then adjust(account, change) end

  local data = account.data
  push(data and 1 or 0)
  if data then pushAmounts(adjustedLimits(account, restOf(account).limits or noLimits, 0)) end
  push(data and data[IS_ADJUSTED] or 0)
  pushSums(account)
  local names = data and restOf(account).names
  push(names and 1 or 0)
  for i = 1, names and 3 or 0 do push(names[i]) end

  if account.isNew then listAccount(account) end
  if account.isChanged then saveAccount(account) end
end
return reply
