-- Reads accounts, or with an adjustment changes their limits.
--
-- KEYS: the mark of the slot; the state of each account; the set of the slot's holds; for each account its registry, its index
-- and, for a rolling window, its slots.
-- ARGV: 1 the numbers of the request; 2 those of the accounts and of the places that name them; 3 nothing; 4 where the other keys
-- of each account begin; then the names of accounts whose keys hold only hashes.
-- Returns {bytes, and where the keys hold only hashes an account's scope, id and tenant}: the bytes are numbers (1, now, and for
-- each account the limits of the last admission, whether its names follow, and when there is room in it again), then the
-- accounts as `shown` shows them. Or what step.lua returns instead.

--- @include clock.lua
--- @include mark.lua
--- @include numbers.lua
--- @include state.lua
--- @include account.lua
--- @include rare.lua
--- @include due.lua

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

readNumbers(ARGV[1] .. ARGV[2])
readClock(nextNumber())
local accountCount, horizon = nextNumber(), nextNumber()
local changesAt = cursor
cursor = #ARGV[1] / 8
local accounts = readAccounts(accountCount, 2, readOthers(ARGV[4]))
if not accounts then return answerOnly(OTHER_TIME) end
local found = redis.call('MGET', unpack(KEYS, 1, accountCount + 1))
if found[1] then
  local _, _, due = struct.unpack(MARK, found[1])
  local records = due > 0 and due <= now and overdue(KEYS[accountCount + 2], horizon >= 0 and horizon or now) or {}
  if #records > 0 then return { struct.pack('<dd', OVERDUE, now), KEYS[accountCount + 2], unpack(records) } end
end
cursor = changesAt
local results, shownAccounts = { '' }, {}
push(DONE)
push(now)
for number, account in ipairs(accounts) do
  loadAccount(account, found[number + 1])
  changeLimits(account)
  pushLimits(account)
  push(resetOf(account))
  if account.isNew then listAccount(account) end
  if account[IS_CHANGED] then saveAccount(account) end
  shownAccounts[number] = shown(account)
  for _, name in ipairs(account[STATE] and restOf(account).names or {}) do results[#results + 1] = name end
end
results[1] = packedAnswer() .. table.concat(shownAccounts)
return results
