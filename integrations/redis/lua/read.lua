-- Reads accounts, or with an adjustment changes their limits.
--
-- KEYS: the state of each account; for each account its registry, its holds, its index and, for a rolling window, its slots.
-- ARGV: 1 the numbers of the request; then the names of accounts whose keys hold only hashes.
-- Returns {1, now, numbers, for each account its head, or an empty text, and where the keys hold only hashes its scope, id and
-- tenant}, or {0, now} as step.lua does. The numbers are for each account the limits of the last admission,
-- whether its names follow its head, and what its head does not say.

--- @include numbers.lua
--- @include clock.lua
--- @include state.lua
--- @include holds.lua
--- @include account.lua
--- @include rare.lua

local KEEP, ADJUST = 0, 1

-- Reads what is to be done with the limits of an account.
local function changeLimits(account)
  local change = nextNumber()
  if change == KEEP then return end
  local base = cursor
  cursor = base + numbers[base + 4] + numbers[base + 5] + 5
  if not account[STATE] then rare.openAccount(account) end
  if account[STATE][LIMITS_MARK] ~= numbers[base + 2] then rare.keepLimits(account, base) end
  if change ~= ADJUST then return rare.adjust(account, nil) end
  local untilMoment, limits = nextNumber(), nextAmounts()
  rare.adjust(account, { unpack(numbers, limits + 1, limits + 8) }, untilMoment)
end

local function pushLimits(account)
  local rest = account[STATE] and restOf(account) or {}
  for d = 1, 8 do push(rest.limits and rest.limits[d] or -1) end
  push(rest.names and 1 or 0)
end

readNumbers(ARGV[1])
readClock(nextNumber())
local accountCount = nextNumber()
local accounts = readAccounts(accountCount, 1)
if not accounts then return { 0, now } end
local found = redis.call('MGET', unpack(KEYS, 1, accountCount))
local results = { 1, now, '' }
for number, account in ipairs(accounts) do
  loadAccount(account, found[number])
  changeLimits(account)
  pushLimits(account)
  pushAccount(account)
  if account.isNew then rare.listAccount(account) end
  local head = account[IS_CHANGED] and saveAccount(account)
  results[#results + 1] = head or account[STATE] and headOf(account) or ''
  for _, name in ipairs(account[STATE] and restOf(account).names or {}) do results[#results + 1] = name end
end
results[3] = packedAnswer()
return results
